// Payloads: the numbers of a tensor, however they are stored.
#include "model/payload.h"

#include <cstring>
#include <limits>

#include "quantbench/base/format.h"
#include "quantbench/model.h"

#include "model/fields.h"
#include "model/wire.h"

namespace quantbench {
namespace {

using wire::Reader;
using wire::WireError;

// The field that holds the numbers of a type that are not raw.   [onnx.proto, TensorProto]
std::uint32_t TypedField(DataType type) {
  switch (type) {
    case DataType::kFloat32:
    case DataType::kComplex64: return wire::tensor::kFloatData;
    case DataType::kFloat64:
    case DataType::kComplex128: return wire::tensor::kDoubleData;
    case DataType::kInt64: return wire::tensor::kInt64Data;
    case DataType::kUint32:
    case DataType::kUint64: return wire::tensor::kUint64Data;
    case DataType::kString: return wire::tensor::kStringData;
    default: return wire::tensor::kInt32Data;
  }
}

// The entries of int32_data in the width of their type. Signed types of up to 16 bits hold values,
// float16, float8 and packed sub-byte types hold bit patterns, a byte or two an entry.
struct Narrow {
  std::size_t width = 4;
  std::int64_t lowest = std::numeric_limits<std::int32_t>::min();
  std::int64_t highest = std::numeric_limits<std::int32_t>::max();
};

Narrow NarrowOf(DataType type) {
  switch (type) {
    case DataType::kInt32: return {};
    case DataType::kInt8: return {1, -128, 127};
    case DataType::kInt16: return {2, -32768, 32767};
    case DataType::kBool: return {1, 0, 1};
    // Some writers store packed signed nibbles as a signed byte.
    case DataType::kInt4:
    case DataType::kInt2: return {1, -128, 255};
    default: return BitsPerElement(type) == 16 ? Narrow{2, 0, 65535} : Narrow{1, 0, 255};
  }
}

// Writes numbers one after the other into a buffer of fixed size.
class Sink {
 public:
  explicit Sink(std::uint64_t size) : bytes_(size) {}

  void Push(const void* value, std::size_t width) {
    if (bytes_.size() - used_ < width) throw WireError{"more numbers than its shape has"};
    std::memcpy(bytes_.data() + used_, value, width);
    used_ += width;
  }
  [[nodiscard]] std::uint64_t used() const { return used_; }
  [[nodiscard]] std::vector<std::byte> Take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
  std::size_t used_ = 0;
};

void PushVarint(std::uint64_t value, DataType type, Sink* sink) {
  if (type == DataType::kInt64 || type == DataType::kUint64) {
    return sink->Push(&value, sizeof(value));
  }
  if (type == DataType::kUint32) {
    const auto narrow = static_cast<std::uint32_t>(value);
    if (narrow != value) throw WireError{Format("{} does not fit uint32", value)};
    return sink->Push(&narrow, sizeof(narrow));
  }
  const auto number = static_cast<std::int32_t>(value);  // as protobuf reads an int32
  const Narrow narrow = NarrowOf(type);
  if (number < narrow.lowest || number > narrow.highest) {
    throw WireError{Format("{} does not fit {}", number, Name(type))};
  }
  sink->Push(&number, narrow.width);  // little-endian: the low bytes come first
}

void PushField(const Reader& reader, DataType type, Sink* sink) {
  switch (reader.field()) {
    case wire::tensor::kFloatData:
      return reader.ForEachFloat([&](float value) { sink->Push(&value, sizeof(value)); });
    case wire::tensor::kDoubleData:
      return reader.ForEachDouble([&](double value) { sink->Push(&value, sizeof(value)); });
    default: reader.ForEachVarint([&](std::uint64_t value) { PushVarint(value, type, sink); });
  }
}

bool IsTyped(std::uint32_t field) {
  return field == wire::tensor::kFloatData || field == wire::tensor::kInt32Data ||
         field == wire::tensor::kStringData || field == wire::tensor::kInt64Data ||
         field == wire::tensor::kDoubleData || field == wire::tensor::kUint64Data;
}

// An upper bound of the bytes that the typed numbers of this message can become, so that a shape
// that lies does not make us allocate.
std::uint64_t MostBytes(const Initializer& tensor) {
  return tensor.origin.size() * sizeof(std::uint64_t);
}

Error DoesNotFit(const Initializer& tensor, std::uint64_t has, std::uint64_t wants) {
  return Named(tensor, {ErrorCode::kMalformed,
                        Format("{} of shape {} needs {} bytes, not {}", Name(tensor.type),
                               ToString(tensor.dims), wants, has)});
}

Result<Bytes> DecodeTyped(const Initializer& tensor, std::uint64_t wanted) {
  if (wanted > MostBytes(tensor)) return DoesNotFit(tensor, 0, wanted);
  try {
    Sink sink(wanted);
    for (Reader reader(wire::Text(tensor.origin.view)); reader.Next();) {
      if (!IsTyped(reader.field())) continue;
      if (reader.field() != TypedField(tensor.type)) {
        throw WireError{
            Format("numbers of {} are not stored in field {}", Name(tensor.type), reader.field())};
      }
      PushField(reader, tensor.type, &sink);
    }
    if (sink.used() != wanted) return DoesNotFit(tensor, sink.used(), wanted);
    return Bytes::Own(sink.Take());
  } catch (const WireError& error) {
    return Named(tensor, {ErrorCode::kMalformed, error.what});
  }
}

}  // namespace

Error Named(const Initializer& tensor, const Error& error) {
  return error.Within(Format("initializer \"{}\"", Printable(tensor.name)));
}

Result<std::uint64_t> PayloadSize(const Initializer& tensor) {
  auto size = ByteCount(tensor.type, tensor.dims);
  if (!size.ok()) return Named(tensor, size.error());
  return size;
}

Status CheckStrings(const Initializer& tensor) {
  const auto wanted = ElementCount(tensor.dims);
  if (!wanted.ok()) return Named(tensor, wanted.error());
  std::int64_t count = 0;
  try {
    for (Reader reader(wire::Text(tensor.origin.view)); reader.Next();) {
      if (!IsTyped(reader.field())) continue;
      if (reader.field() != wire::tensor::kStringData) throw WireError{"strings are not numbers"};
      ++count;
    }
  } catch (const WireError& error) {
    return Named(tensor, {ErrorCode::kMalformed, error.what});
  }
  if (tensor.storage != Storage::kTyped || count != wanted.value()) {
    return Named(tensor,
                 {ErrorCode::kMalformed, Format("strings of shape {} need {} strings, not {}",
                                                ToString(tensor.dims), wanted.value(), count)});
  }
  return Ok();
}

Bytes Bytes::Own(std::vector<std::byte> buffer) {
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(buffer));
  return {owner, std::span(*owner)};
}

Bytes Bytes::Of(std::shared_ptr<const MappedFile> file, std::span<const std::byte> part) {
  const MappedFile* mapped = file.get();
  return {std::move(file), part, mapped};
}

Initializer Initializer::Of(std::string name, Tensor tensor) {
  Initializer initializer;
  initializer.name = std::move(name);
  initializer.type = tensor.type;
  initializer.dims = std::move(tensor.shape);
  initializer.data = Bytes::Own(std::move(tensor.bytes));
  return initializer;
}

std::uint64_t Initializer::stored_bytes() const {
  if (storage == Storage::kTyped) return origin.size();
  if (storage != Storage::kDeferred) return data.size();
  const auto size = PayloadSize(*this);
  return size.ok() ? size.value() : 0;
}

Result<Bytes> PayloadOf(const Initializer& initializer) {
  QB_TRY(const std::uint64_t wanted, PayloadSize(initializer));
  if (initializer.storage == Storage::kTyped) return DecodeTyped(initializer, wanted);
  if (initializer.storage == Storage::kDeferred) {
    QB_TRY(Tensor made, MakeTensor(initializer, wanted));
    return Bytes::Own(std::move(made.bytes));
  }
  if (initializer.data.size() != wanted) {
    return DoesNotFit(initializer, initializer.data.size(), wanted);
  }
  return initializer.data;
}

Result<Tensor> ReadTensor(const Initializer& initializer) {
  if (initializer.storage == Storage::kDeferred) {
    QB_TRY(const std::uint64_t wanted, PayloadSize(initializer));
    return MakeTensor(initializer, wanted);
  }
  QB_TRY(const Bytes bytes, PayloadOf(initializer));
  Tensor tensor{initializer.type, initializer.dims, {}};
  tensor.bytes.assign(bytes.view.begin(), bytes.view.end());
  return tensor;
}

}  // namespace quantbench
