// Payloads: the numbers of a tensor, however they are stored.
#include <cstring>

#include <protozero/pbf_reader.hpp>

#include "model/wire.h"
#include "quantbench/base/format.h"
#include "quantbench/model.h"

namespace quantbench {
namespace {

using protozero::pbf_reader;
using protozero::pbf_wire_type;

template <typename T>
void Push(T value, std::vector<std::byte>* bytes) {
  const std::size_t at = bytes->size();
  bytes->resize(at + sizeof(T));
  std::memcpy(bytes->data() + at, &value, sizeof(T));
}

// An element of int32_data in the width of its type; sub-byte types come packed, a byte an entry.
void PushNarrow(std::int32_t value, int bits, std::vector<std::byte>* bytes) {
  if (bits == 32) {
    Push(value, bytes);
  } else if (bits == 16) {
    Push(static_cast<std::uint16_t>(value), bytes);
  } else {
    Push(static_cast<std::uint8_t>(value), bytes);
  }
}

// Appends one field of a typed tensor; fields of other kinds are skipped.
void AppendField(pbf_reader* reader, DataType type, std::vector<std::byte>* bytes) {
  const bool packed = reader->wire_type() == pbf_wire_type::length_delimited;
  const int bits = BitsPerElement(type);
  switch (reader->tag()) {
    case wire::tensor::kFloatData:
      if (!packed) return Push(reader->get_float(), bytes);
      for (const float value : reader->get_packed_float()) Push(value, bytes);
      return;
    case wire::tensor::kDoubleData:
      if (!packed) return Push(reader->get_double(), bytes);
      for (const double value : reader->get_packed_double()) Push(value, bytes);
      return;
    case wire::tensor::kInt32Data:
      if (!packed) return PushNarrow(reader->get_int32(), bits, bytes);
      for (const std::int32_t value : reader->get_packed_int32()) PushNarrow(value, bits, bytes);
      return;
    case wire::tensor::kInt64Data:
      if (!packed) return Push(reader->get_int64(), bytes);
      for (const std::int64_t value : reader->get_packed_int64()) Push(value, bytes);
      return;
    case wire::tensor::kUint64Data:
      if (!packed) reader->skip();
      if (!packed) return;
      for (const std::uint64_t value : reader->get_packed_uint64()) {
        if (type == DataType::kUint32) {
          Push(static_cast<std::uint32_t>(value), bytes);
        } else {
          Push(value, bytes);
        }
      }
      return;
    default: reader->skip();
  }
}

Result<std::vector<std::byte>> DecodeTyped(const Initializer& tensor) {
  std::vector<std::byte> bytes;
  try {
    const std::string_view text = wire::Text(tensor.origin.view);
    pbf_reader reader{text.data(), text.size()};
    while (reader.next()) AppendField(&reader, tensor.type, &bytes);
  } catch (const protozero::exception& error) {
    return Error(ErrorCode::kMalformed, error.what());
  }
  return bytes;
}

Error DoesNotFit(const Initializer& tensor, std::uint64_t has, std::uint64_t wants) {
  return {ErrorCode::kMalformed,
          Format("initializer \"{}\": {} of shape {} needs {} bytes, not {}",
                 Printable(tensor.name), Name(tensor.type), ToString(tensor.dims), wants, has)};
}

}  // namespace

Bytes Bytes::Own(std::vector<std::byte> buffer) {
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(buffer));
  return {owner, std::span(*owner)};
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
  if (storage != Storage::kTyped) return data.size();
  const auto bytes = ByteCount(type, dims);
  return bytes.ok() ? bytes.value() : origin.size();
}

Result<Bytes> PayloadOf(const Initializer& initializer) {
  auto wanted = ByteCount(initializer.type, initializer.dims);
  if (!wanted.ok()) {
    return wanted.error().Within(Format("initializer \"{}\"", Printable(initializer.name)));
  }
  Bytes bytes = initializer.data;
  if (initializer.storage == Storage::kTyped) {
    auto decoded = DecodeTyped(initializer);
    if (!decoded.ok()) {
      return decoded.error().Within(Format("initializer \"{}\"", Printable(initializer.name)));
    }
    bytes = Bytes::Own(std::move(decoded).value());
  }
  if (bytes.size() != wanted.value()) {
    return DoesNotFit(initializer, bytes.size(), wanted.value());
  }
  return bytes;
}

Result<Tensor> ReadTensor(const Initializer& initializer) {
  QB_TRY(const Bytes bytes, PayloadOf(initializer));
  Tensor tensor{initializer.type, initializer.dims, {}};
  tensor.bytes.assign(bytes.view.begin(), bytes.view.end());
  return tensor;
}

}  // namespace quantbench
