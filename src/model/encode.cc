// Encoding: structures back into messages, passing through what did not change.
//
// An element is unchanged when reading its origin again gives the same fields. Then its origin is
// written as it is. Otherwise its fields are written in the order of their numbers, followed by the
// fields of its origin that this room does not know.
#include "model/encode.h"

#include <algorithm>
#include <array>
#include <initializer_list>

#include <protozero/pbf_reader.hpp>

#include "model/decode.h"
#include "quantbench/base/format.h"

namespace quantbench {
namespace {

using wire::Rope;

bool SameView(const Bytes& a, const Bytes& b) {
  return a.view.data() == b.view.data() && a.view.size() == b.view.size();
}

bool Same(const Graph& a, const Graph& b);
bool Same(const Node& a, const Node& b);
bool Same(const Attribute& a, const Attribute& b);
bool Same(const Initializer& a, const Initializer& b);
bool Same(const ValueInfo& a, const ValueInfo& b);

template <typename T>
bool SameList(const std::vector<T>& a, const std::vector<T>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const T& x, const T& y) { return Same(x, y); });
}

bool Same(const Initializer& a, const Initializer& b) {
  return a.name == b.name && a.type == b.type && a.dims == b.dims && a.storage == b.storage &&
         (a.storage == Storage::kExternal ? a.external == b.external : SameView(a.data, b.data));
}

bool Same(const ValueInfo& a, const ValueInfo& b) {
  return a.name == b.name && a.is_tensor == b.is_tensor && a.type == b.type &&
         a.has_shape == b.has_shape && a.dims == b.dims;
}

bool SameFloat(float a, float b) {
  return a == b || (a != a && b != b);
}

bool Same(const Attribute& a, const Attribute& b) {
  return a.name == b.name && a.type == b.type && SameFloat(a.f, b.f) && a.i == b.i && a.s == b.s &&
         std::equal(a.floats.begin(), a.floats.end(), b.floats.begin(), b.floats.end(), SameFloat) &&
         a.ints == b.ints && a.strings == b.strings && SameList(a.tensors, b.tensors) &&
         SameList(a.graphs, b.graphs);
}

bool Same(const Node& a, const Node& b) {
  return a.name == b.name && a.op_type == b.op_type && a.domain == b.domain &&
         a.inputs == b.inputs && a.outputs == b.outputs && SameList(a.attributes, b.attributes);
}

bool Same(const Graph& a, const Graph& b) {
  return a.name == b.name && SameList(a.nodes, b.nodes) &&
         SameList(a.initializers, b.initializers) && SameList(a.inputs, b.inputs) &&
         SameList(a.outputs, b.outputs) && SameList(a.value_infos, b.value_infos);
}

// The fields of `origin` whose numbers are not among `known`, as they were written.
void AppendUnknown(const Bytes& origin, std::initializer_list<std::uint32_t> known, Rope* rope) {
  const std::string_view text = wire::Text(origin.view);
  protozero::pbf_reader reader{text.data(), text.size()};
  const char* begin = text.data();
  while (reader.next()) {
    const std::uint32_t field = reader.tag();
    reader.skip();
    const char* end = text.data() + (text.size() - reader.length());
    if (std::find(known.begin(), known.end(), field) == known.end()) {
      const auto offset = static_cast<std::size_t>(begin - text.data());
      rope->Borrow({origin.owner, origin.view.subspan(offset, static_cast<std::size_t>(end - begin))});
    }
    begin = end;
  }
}

class Encoder {
 public:
  explicit Encoder(const Model& model)
      : files_(model.external_files), decoder_(nullptr, model.folder, Limits(), &files_) {}

  Rope Encode(const Graph& graph);
  Rope Encode(const Node& node);
  Rope Encode(const Attribute& attribute);
  Rope Encode(const Initializer& tensor);
  Rope Encode(const ValueInfo& value);

 private:
  // The origin was read once within the limits; reading parts of it again needs none.
  static ModelLimits Limits() {
    ModelLimits limits;
    limits.nodes = std::numeric_limits<std::int64_t>::max();
    limits.initializers = limits.nodes;
    return limits;
  }

  // Whether reading the origin gives `value` again.
  template <typename T, typename Read>
  bool Unchanged(const T& value, Read read) {
    if (value.origin.view.empty()) return false;
    return Same((decoder_.*read)(wire::Text(value.origin.view)), value);
  }

  std::map<std::string, std::shared_ptr<const MappedFile>, std::less<>> files_;
  Decoder decoder_;
};

Rope Whole(const Bytes& origin) {
  Rope rope;
  rope.Borrow(origin);
  return rope;
}

Rope Encoder::Encode(const Graph& graph) {
  Rope rope;
  for (const Node& node : graph.nodes) rope.MessageField(wire::graph::kNode, Encode(node));
  rope.TextField(wire::graph::kName, graph.name);
  for (const Initializer& tensor : graph.initializers) {
    rope.MessageField(wire::graph::kInitializer, Encode(tensor));
  }
  for (const ValueInfo& value : graph.inputs) {
    rope.MessageField(wire::graph::kInput, Encode(value));
  }
  for (const ValueInfo& value : graph.outputs) {
    rope.MessageField(wire::graph::kOutput, Encode(value));
  }
  for (const ValueInfo& value : graph.value_infos) {
    rope.MessageField(wire::graph::kValueInfo, Encode(value));
  }
  AppendUnknown(graph.origin,
                {wire::graph::kNode, wire::graph::kName, wire::graph::kInitializer,
                 wire::graph::kInput, wire::graph::kOutput, wire::graph::kValueInfo},
                &rope);
  return rope;
}

Rope Encoder::Encode(const Node& node) {
  if (Unchanged(node, &Decoder::ReadNode)) return Whole(node.origin);
  Rope rope;
  for (const std::string& input : node.inputs) rope.TextField(wire::node::kInput, input);
  for (const std::string& output : node.outputs) rope.TextField(wire::node::kOutput, output);
  if (!node.name.empty()) rope.TextField(wire::node::kName, node.name);
  rope.TextField(wire::node::kOpType, node.op_type);
  for (const Attribute& attribute : node.attributes) {
    rope.MessageField(wire::node::kAttribute, Encode(attribute));
  }
  if (!node.domain.empty()) rope.TextField(wire::node::kDomain, node.domain);
  AppendUnknown(node.origin,
                {wire::node::kInput, wire::node::kOutput, wire::node::kName, wire::node::kOpType,
                 wire::node::kAttribute, wire::node::kDomain},
                &rope);
  return rope;
}

Rope Encoder::Encode(const Attribute& attribute) {
  if (Unchanged(attribute, &Decoder::ReadAttribute)) return Whole(attribute.origin);
  using wire::attribute::kF;
  Rope rope;
  const bool one_tensor = attribute.type == AttributeType::kTensor;
  const bool one_graph = attribute.type == AttributeType::kGraph;
  rope.TextField(wire::attribute::kName, attribute.name);
  if (attribute.type == AttributeType::kFloat) rope.FloatField(kF, attribute.f);
  if (attribute.type == AttributeType::kInt) rope.IntField(wire::attribute::kI, attribute.i);
  if (attribute.type == AttributeType::kString) rope.TextField(wire::attribute::kS, attribute.s);
  for (const Initializer& tensor : attribute.tensors) {
    rope.MessageField(one_tensor ? wire::attribute::kT : wire::attribute::kTensors, Encode(tensor));
  }
  for (const Graph& body : attribute.graphs) {
    rope.MessageField(one_graph ? wire::attribute::kG : wire::attribute::kGraphs, Encode(body));
  }
  for (const float value : attribute.floats) rope.FloatField(wire::attribute::kFloats, value);
  for (const std::int64_t value : attribute.ints) rope.IntField(wire::attribute::kInts, value);
  for (const std::string& value : attribute.strings) {
    rope.TextField(wire::attribute::kStrings, value);
  }
  rope.IntField(wire::attribute::kType, static_cast<std::int64_t>(attribute.type));
  AppendUnknown(attribute.origin,
                {wire::attribute::kName, kF, wire::attribute::kI, wire::attribute::kS,
                 wire::attribute::kT, wire::attribute::kG, wire::attribute::kFloats,
                 wire::attribute::kInts, wire::attribute::kStrings, wire::attribute::kTensors,
                 wire::attribute::kGraphs, wire::attribute::kType},
                &rope);
  return rope;
}

Rope Entry(std::string_view key, std::string_view value) {
  Rope rope;
  rope.TextField(wire::entry::kKey, key);
  rope.TextField(wire::entry::kValue, value);
  return rope;
}

Rope Encoder::Encode(const Initializer& tensor) {
  // The numbers are compared by their place, not by value.
  if (Unchanged(tensor, &Decoder::ReadInitializer)) return Whole(tensor.origin);
  Rope rope;
  for (const std::int64_t dim : tensor.dims) rope.IntField(wire::tensor::kDims, dim);
  rope.IntField(wire::tensor::kDataType, static_cast<std::int64_t>(tensor.type));
  rope.TextField(wire::tensor::kName, tensor.name);
  if (tensor.storage == Storage::kRaw) rope.BytesField(wire::tensor::kRawData, tensor.data);
  if (tensor.storage == Storage::kExternal) {
    const ExternalLocation& external = tensor.external;
    rope.MessageField(wire::tensor::kExternalData, Entry("location", external.location));
    rope.MessageField(wire::tensor::kExternalData,
                      Entry("offset", Format("{}", external.offset)));
    rope.MessageField(wire::tensor::kExternalData,
                      Entry("length", Format("{}", external.length)));
    rope.IntField(wire::tensor::kDataLocation, 1);
  }
  // Typed numbers are not decoded; they count as unknown here and pass through.
  AppendUnknown(tensor.origin,
                {wire::tensor::kDims, wire::tensor::kDataType, wire::tensor::kName,
                 wire::tensor::kRawData, wire::tensor::kExternalData, wire::tensor::kDataLocation},
                &rope);
  return rope;
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

Rope Encoder::Encode(const ValueInfo& value) {
  if (Unchanged(value, &Decoder::ReadValueInfo)) return Whole(value.origin);
  Rope tensor_type;
  tensor_type.IntField(wire::tensor_type::kElementType, static_cast<std::int64_t>(value.type));
  if (value.has_shape) {
    Rope shape;
    for (const Dimension& dim : value.dims) {
      shape.MessageField(wire::shape::kDim, EncodeDimension(dim));
    }
    tensor_type.MessageField(wire::tensor_type::kShape, std::move(shape));
  }
  Rope type;
  type.MessageField(wire::type_proto::kTensorType, std::move(tensor_type));
  Rope rope;
  rope.TextField(wire::value_info::kName, value.name);
  if (value.is_tensor) rope.MessageField(wire::value_info::kType, std::move(type));
  AppendUnknown(value.origin, {wire::value_info::kName, wire::value_info::kType}, &rope);
  return rope;
}

Rope EncodeOpset(const Opset& opset) {
  Rope rope;
  rope.TextField(wire::opset::kDomain, opset.domain);
  rope.IntField(wire::opset::kVersion, opset.version);
  return rope;
}

}  // namespace

Rope EncodeMessage(const Model& model) {
  if (!model.origin.view.empty()) {
    Model again;
    again.external_files = model.external_files;
    Decoder decoder(nullptr, model.folder, {}, &again.external_files);
    const auto read = CatchDecodeErrors(
        decoder, [&] { decoder.Read(wire::Text(model.origin.view), &again); });
    const bool same = read.ok() && again.ir_version == model.ir_version &&
                      again.opsets == model.opsets && again.metadata == model.metadata &&
                      again.producer_name == model.producer_name &&
                      again.producer_version == model.producer_version &&
                      Same(again.graph, model.graph);
    if (same) return Whole(model.origin);
  }
  Encoder encoder(model);
  Rope rope;
  rope.IntField(wire::model::kIrVersion, model.ir_version);
  rope.TextField(wire::model::kProducerName, model.producer_name);
  rope.TextField(wire::model::kProducerVersion, model.producer_version);
  rope.MessageField(wire::model::kGraph, encoder.Encode(model.graph));
  for (const Opset& opset : model.opsets) {
    rope.MessageField(wire::model::kOpsetImport, EncodeOpset(opset));
  }
  for (const auto& [key, value] : model.metadata) {
    rope.MessageField(wire::model::kMetadata, Entry(key, value));
  }
  AppendUnknown(model.origin,
                {wire::model::kIrVersion, wire::model::kProducerName,
                 wire::model::kProducerVersion, wire::model::kGraph, wire::model::kOpsetImport,
                 wire::model::kMetadata},
                &rope);
  return rope;
}

}  // namespace quantbench
