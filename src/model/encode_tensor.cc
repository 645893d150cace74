// Encoding tensors and the descriptions of values.
#include <string_view>

#include "quantbench/base/format.h"

#include "model/encode.h"
#include "model/fields.h"

namespace quantbench {
namespace {

using wire::Rope;

Rope Entry(std::string_view key, std::string_view value) {
  Rope rope;
  rope.TextField(wire::entry::kKey, key);
  rope.TextField(wire::entry::kValue, value);
  return rope;
}

// The last field of that number in `origin`; empty when there is none.
Bytes Find(const Bytes& origin, std::uint32_t field) {
  Bytes found;
  for (wire::Reader reader(wire::Text(origin.view)); reader.Next();) {
    if (reader.field() == field) found = origin.Part(wire::BytesOf(reader.Bytes()));
  }
  return found;
}

std::vector<std::string_view> FindAll(const Bytes& origin, std::uint32_t field) {
  std::vector<std::string_view> found;
  for (wire::Reader reader(wire::Text(origin.view)); reader.Next();) {
    if (reader.field() == field) found.push_back(reader.Bytes());
  }
  return found;
}

// Numbers that are made when they are written; that is also when an impossible shape is found.
Piece Promised(const Initializer& tensor) {
  return {tensor.stored_bytes(), {}, [tensor] { return PayloadOf(tensor); }};
}

Rope EncodeDimension(const Dimension& dim) {
  Rope rope;
  if (dim.value >= 0) {
    rope.IntField(wire::dimension::kValue, dim.value);
  } else if (!dim.name.empty()) {
    rope.TextField(wire::dimension::kParam, dim.name);
  }
  return rope;
}

Rope EncodeShape(std::span<const Dimension> dims, const Bytes& origin) {
  const std::vector<std::string_view> before = FindAll(origin, wire::shape::kDim);
  Rope rope;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    Rope dim;
    if (i < before.size() && ReadDimension(before[i]) == dims[i]) {
      dim.Append(before[i]);  // with what it says about its meaning
    } else {
      dim = EncodeDimension(dims[i]);
    }
    rope.MessageField(wire::shape::kDim, std::move(dim));
  }
  AppendUnknown(origin, {wire::shape::kDim}, &rope);
  return rope;
}

Rope EncodeType(const ValueInfo& value, const Bytes& origin) {
  const Bytes tensor_origin = Find(origin, wire::type_proto::kTensorType);
  Rope tensor;
  tensor.IntField(wire::tensor_type::kElementType, static_cast<std::int64_t>(value.type));
  if (value.has_shape) {
    tensor.MessageField(wire::tensor_type::kShape,
                        EncodeShape(value.dims, Find(tensor_origin, wire::tensor_type::kShape)));
  }
  AppendUnknown(tensor_origin, {wire::tensor_type::kElementType, wire::tensor_type::kShape},
                &tensor);
  Rope type;
  type.MessageField(wire::type_proto::kTensorType, std::move(tensor));
  AppendUnknown(origin,
                {wire::type_proto::kTensorType, wire::type_proto::kSequenceType,
                 wire::type_proto::kMapType, wire::type_proto::kOpaqueType,
                 wire::type_proto::kSparseTensorType, wire::type_proto::kOptionalType},
                &type);
  return type;
}

}  // namespace

Rope Encoder::Encode(const Initializer& tensor) {
  namespace field = wire::tensor;
  Rope rope;
  if (Unchanged(tensor, &Decoder::ReadInitializer)) {
    rope.Borrow(tensor.origin);
    return rope;
  }
  for (const std::int64_t dim : tensor.dims) rope.IntField(field::kDims, dim);
  rope.IntField(field::kDataType, static_cast<std::int64_t>(tensor.type));
  rope.TextField(field::kName, tensor.name);
  if (tensor.storage == Storage::kTyped) {
    // Its numbers are fields that this room does not decode here; they count as unknown.
    AppendUnknown(tensor.origin,
                  {field::kDims, field::kDataType, field::kName, field::kRawData,
                   field::kExternalData, field::kDataLocation},
                  &rope);
    return rope;
  }
  if (tensor.storage == Storage::kRaw) rope.BytesField(field::kRawData, Piece::Of(tensor.data));
  if (tensor.storage == Storage::kDeferred) rope.BytesField(field::kRawData, Promised(tensor));
  if (tensor.storage == Storage::kExternal) {
    const ExternalLocation& external = tensor.external;
    rope.MessageField(field::kExternalData, Entry("location", external.location));
    rope.MessageField(field::kExternalData, Entry("offset", Format("{}", external.offset)));
    rope.MessageField(field::kExternalData, Entry("length", Format("{}", external.length)));
    rope.IntField(field::kDataLocation, 1);
  }
  AppendUnknown(tensor.origin,
                {field::kDims, field::kDataType, field::kName, field::kRawData,
                 field::kExternalData, field::kDataLocation, field::kFloatData, field::kInt32Data,
                 field::kStringData, field::kInt64Data, field::kDoubleData, field::kUint64Data},
                &rope);
  return rope;
}

Rope Encoder::Encode(const ValueInfo& value) {
  Rope rope;
  if (Unchanged(value, &Decoder::ReadValueInfo)) {
    rope.Borrow(value.origin);
    return rope;
  }
  rope.TextField(wire::value_info::kName, value.name);
  if (!value.is_tensor) {  // its type is kept, not described
    AppendUnknown(value.origin, {wire::value_info::kName}, &rope);
    return rope;
  }
  rope.MessageField(wire::value_info::kType,
                    EncodeType(value, Find(value.origin, wire::value_info::kType)));
  AppendUnknown(value.origin, {wire::value_info::kName, wire::value_info::kType}, &rope);
  return rope;
}

}  // namespace quantbench
