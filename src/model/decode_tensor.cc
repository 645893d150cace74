// Decoding tensors and the descriptions of values.
#include <string>
#include <utility>

#include "quantbench/base/format.h"

#include "model/decode.h"
#include "model/fields.h"
#include "model/wire.h"

namespace quantbench {
namespace {

using wire::Reader;
using wire::WireError;

// The parts of a tensor message that say how its numbers are stored.
struct StoredAs {
  bool raw = false;
  bool typed = false;
  bool external = false;
  std::vector<std::string_view> entries;
};

bool IsExternal(std::int32_t location) {
  if (location != 0 && location != 1) {
    throw WireError{Format("data location {} is neither in the model nor external", location)};
  }
  return location == 1;
}

void ReadField(const Reader& reader, Initializer* tensor, StoredAs* stored) {
  switch (reader.field()) {
    case wire::tensor::kDims:
      reader.ForEachVarint([&](std::uint64_t dim) {
        if (tensor->dims.size() == 64) throw WireError{"more than 64 dimensions"};
        tensor->dims.push_back(static_cast<std::int64_t>(dim));
      });
      break;
    case wire::tensor::kDataType: tensor->type = static_cast<DataType>(reader.Int32()); break;
    case wire::tensor::kName: tensor->name = reader.Bytes(); break;
    case wire::tensor::kRawData:
      stored->raw = true;
      tensor->data.view = wire::BytesOf(reader.Bytes());
      break;
    case wire::tensor::kExternalData: stored->entries.push_back(reader.Bytes()); break;
    case wire::tensor::kDataLocation: stored->external = IsExternal(reader.Int32()); break;
    case wire::tensor::kSegment: throw WireError{"tensors in segments are not supported"};
    case wire::tensor::kFloatData:
    case wire::tensor::kInt32Data:
    case wire::tensor::kStringData:
    case wire::tensor::kInt64Data:
    case wire::tensor::kDoubleData:
    case wire::tensor::kUint64Data: stored->typed = true; break;
    default: break;
  }
}

bool IsTypeField(std::uint32_t field) {
  return field == wire::type_proto::kTensorType || field == wire::type_proto::kSequenceType ||
         field == wire::type_proto::kMapType || field == wire::type_proto::kOpaqueType ||
         field == wire::type_proto::kSparseTensorType || field == wire::type_proto::kOptionalType;
}

void ReadTensorType(std::string_view bytes, ValueInfo* value) {
  for (Reader reader(bytes); reader.Next();) {
    if (reader.field() == wire::tensor_type::kElementType) {
      value->type = static_cast<DataType>(reader.Int32());
    } else if (reader.field() == wire::tensor_type::kShape) {
      value->has_shape = true;
      for (Reader dims(reader.Bytes()); dims.Next();) {
        if (dims.field() == wire::shape::kDim) value->dims.push_back(ReadDimension(dims.Bytes()));
      }
    }
  }
}

void ReadType(std::string_view bytes, ValueInfo* value) {
  std::string_view tensor_type;
  for (Reader reader(bytes); reader.Next();) {
    if (!IsTypeField(reader.field())) continue;
    value->is_tensor = reader.field() == wire::type_proto::kTensorType;  // of several, the last
    tensor_type = reader.Bytes();
  }
  if (value->is_tensor) ReadTensorType(tensor_type, value);
}

}  // namespace

Dimension ReadDimension(std::string_view bytes) {
  Dimension dimension;
  for (Reader reader(bytes); reader.Next();) {
    if (reader.field() == wire::dimension::kValue) dimension = {reader.Int(), ""};
    if (reader.field() == wire::dimension::kParam) dimension = {-1, std::string(reader.Bytes())};
  }
  if (dimension.value < 0) dimension.value = -1;
  return dimension;
}

Initializer Decoder::ReadInitializer(std::string_view bytes) const {
  Initializer tensor;
  tensor.origin = View(bytes);
  StoredAs stored;
  for (Reader reader(bytes); reader.Next();) ReadField(reader, &tensor, &stored);
  if (static_cast<int>(stored.raw) + static_cast<int>(stored.typed) +
          static_cast<int>(stored.external) >
      1) {
    throw WireError{"its numbers are given twice, in different ways"};
  }
  if (stored.external) {
    external_.Attach(stored.entries, &tensor);
  } else if (stored.raw) {
    tensor.data = View(wire::Text(tensor.data.view));
    if (file_ != nullptr && tensor.data.size() >= kLargePayload) file_->Release(tensor.data.view);
  } else {
    tensor.storage = Storage::kTyped;
  }
  return tensor;
}

ValueInfo Decoder::ReadValueInfo(std::string_view bytes) const {
  ValueInfo value;
  value.origin = View(bytes);
  for (Reader reader(bytes); reader.Next();) {
    if (reader.field() == wire::value_info::kName) value.name = reader.Bytes();
    if (reader.field() == wire::value_info::kType) ReadType(reader.Bytes(), &value);
  }
  return value;
}

}  // namespace quantbench
