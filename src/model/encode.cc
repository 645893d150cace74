// Encoding models, graphs, nodes and attributes.
#include "model/encode.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "model/fields.h"
#include "model/same.h"

namespace quantbench {
namespace {

using wire::Rope;

Rope Whole(const Bytes& origin) {
  Rope rope;
  rope.Borrow(origin);
  return rope;
}

void TextUnlessEmpty(std::uint32_t field, std::string_view text, Rope* rope) {
  if (!text.empty()) rope->TextField(field, text);
}

// All fields of that number, as they were written.
void AppendFields(const Bytes& origin, std::uint32_t field, Rope* rope) {
  for (wire::Reader reader(wire::Text(origin.view)); reader.Next();) {
    if (reader.field() == field) rope->Append(reader.encoded());
  }
}

bool Has(const Bytes& origin, std::uint32_t field) {
  Rope found;
  AppendFields(origin, field, &found);
  return found.size() > 0;
}

Rope EncodeOpset(const Opset& opset) {
  Rope rope;
  rope.TextField(wire::opset::kDomain, opset.domain);
  rope.IntField(wire::opset::kVersion, opset.version);
  return rope;
}

Rope EncodeEntry(const std::pair<std::string, std::string>& entry) {
  Rope rope;
  rope.TextField(wire::entry::kKey, entry.first);
  rope.TextField(wire::entry::kValue, entry.second);
  return rope;
}

bool SameModel(const Model& a, const Model& b) {
  return a.ir_version == b.ir_version && a.opsets == b.opsets && a.metadata == b.metadata &&
         a.producer_name == b.producer_name && a.producer_version == b.producer_version &&
         Same(a.graph, b.graph);
}

}  // namespace

void AppendUnknown(const Bytes& origin, std::initializer_list<std::uint32_t> known, Rope* rope) {
  for (wire::Reader reader(wire::Text(origin.view)); reader.Next();) {
    const auto field = wire::BytesOf(reader.encoded());
    if (field.size() >= kLargePayload) origin.Release(field);
    if (std::find(known.begin(), known.end(), reader.field()) != known.end()) continue;
    rope->Borrow(origin.Part(field));
  }
}

Encoder::Encoder(const Model& model)
    : files_(model.external_files),
      external_({}, &files_),
      decoder_(nullptr, external_, model.file.get()) {}

Rope Encoder::Encode(const Model& model) {
  Model before;
  decoder_.ReadModel(wire::Text(model.origin.view), &before);
  if (!model.origin.view.empty() && SameModel(model, before)) return Whole(model.origin);
  Rope rope;
  rope.IntField(wire::model::kIrVersion, model.ir_version);
  TextUnlessEmpty(wire::model::kProducerName, model.producer_name, &rope);
  TextUnlessEmpty(wire::model::kProducerVersion, model.producer_version, &rope);
  rope.MessageField(wire::model::kGraph, Encode(model.graph));
  if (model.opsets == before.opsets) {
    AppendFields(model.origin, wire::model::kOpsetImport, &rope);
  } else {
    for (const Opset& opset : model.opsets) {
      rope.MessageField(wire::model::kOpsetImport, EncodeOpset(opset));
    }
  }
  if (model.metadata == before.metadata) {
    AppendFields(model.origin, wire::model::kMetadata, &rope);
  } else {
    for (const auto& entry : model.metadata) {
      rope.MessageField(wire::model::kMetadata, EncodeEntry(entry));
    }
  }
  AppendUnknown(model.origin,
                {wire::model::kIrVersion, wire::model::kProducerName, wire::model::kProducerVersion,
                 wire::model::kGraph, wire::model::kOpsetImport, wire::model::kMetadata},
                &rope);
  return rope;
}

Rope Encoder::Encode(const Graph& graph) {
  if (Unchanged(graph, &Decoder::ReadGraph)) return Whole(graph.origin);
  Rope rope;
  for (const Node& node : graph.nodes) rope.MessageField(wire::graph::kNode, Encode(node));
  TextUnlessEmpty(wire::graph::kName, graph.name, &rope);
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
  TextUnlessEmpty(wire::node::kName, node.name, &rope);
  rope.TextField(wire::node::kOpType, node.op_type);
  for (const Attribute& attribute : node.attributes) {
    rope.MessageField(wire::node::kAttribute, Encode(attribute));
  }
  TextUnlessEmpty(wire::node::kDomain, node.domain, &rope);
  AppendUnknown(node.origin,
                {wire::node::kInput, wire::node::kOutput, wire::node::kName, wire::node::kOpType,
                 wire::node::kAttribute, wire::node::kDomain},
                &rope);
  return rope;
}

Rope Encoder::Encode(const Attribute& attribute) {
  if (Unchanged(attribute, &Decoder::ReadAttribute)) return Whole(attribute.origin);
  namespace field = wire::attribute;
  const AttributeType type = attribute.type;
  Rope rope;
  rope.TextField(field::kName, attribute.name);
  // Values that do not match the type are kept: what was read is never dropped. A reference to an
  // attribute of the function around it has a type, but no value.
  const auto wants = [&, refers = Has(attribute.origin, field::kReference)](AttributeType which) {
    return type == which && !refers;
  };
  if (wants(AttributeType::kFloat) || attribute.f != 0) rope.FloatField(field::kF, attribute.f);
  if (wants(AttributeType::kInt) || attribute.i != 0) rope.IntField(field::kI, attribute.i);
  if (wants(AttributeType::kString) || !attribute.s.empty()) {
    rope.TextField(field::kS, attribute.s);
  }
  // A single value comes once; more of them do not match the type and go where lists go.
  bool one = type == AttributeType::kTensor;
  for (const Initializer& tensor : attribute.tensors) {
    rope.MessageField(std::exchange(one, false) ? field::kT : field::kTensors, Encode(tensor));
  }
  one = type == AttributeType::kGraph;
  for (const Graph& body : attribute.graphs) {
    rope.MessageField(std::exchange(one, false) ? field::kG : field::kGraphs, Encode(body));
  }
  for (const float value : attribute.floats) rope.FloatField(field::kFloats, value);
  for (const std::int64_t value : attribute.ints) rope.IntField(field::kInts, value);
  for (const std::string& value : attribute.strings) rope.TextField(field::kStrings, value);
  rope.IntField(field::kType, static_cast<std::int64_t>(type));
  AppendUnknown(
      attribute.origin,
      {field::kName, field::kF, field::kI, field::kS, field::kT, field::kG, field::kFloats,
       field::kInts, field::kStrings, field::kTensors, field::kGraphs, field::kType},
      &rope);
  return rope;
}

}  // namespace quantbench
