// Decoding models, graphs, nodes and attributes.
#include "model/decode.h"

#include <string>
#include <utility>

#include "model/fields.h"
#include "model/wire.h"

namespace quantbench {
namespace {

using wire::Reader;

std::pair<std::string, std::string> ReadEntry(std::string_view bytes) {
  std::pair<std::string, std::string> entry;
  for (Reader reader(bytes); reader.Next();) {
    if (reader.field() == wire::entry::kKey) entry.first = reader.Bytes();
    if (reader.field() == wire::entry::kValue) entry.second = reader.Bytes();
  }
  return entry;
}

// The default domain has two names.
std::string Domain(std::string_view domain) {
  return domain == "ai.onnx" ? std::string() : std::string(domain);
}

Opset ReadOpset(std::string_view bytes) {
  Opset opset;
  for (Reader reader(bytes); reader.Next();) {
    if (reader.field() == wire::opset::kDomain) opset.domain = Domain(reader.Bytes());
    if (reader.field() == wire::opset::kVersion) opset.version = reader.Int();
  }
  return opset;
}

std::string SparseName(std::string_view bytes) {
  std::string name;
  for (Reader reader(bytes); reader.Next();) {
    if (reader.field() != wire::sparse::kValues) continue;
    for (Reader values(reader.Bytes()); values.Next();) {
      if (values.field() == wire::tensor::kName) name = values.Bytes();
    }
  }
  return name;
}

}  // namespace

Bytes Decoder::View(std::string_view bytes) const {
  return {owner_, wire::BytesOf(bytes), file_};
}

void Decoder::ReadModel(std::string_view bytes, Model* model) const {
  model->origin = View(bytes);
  for (Reader reader(bytes); reader.Next();) {
    switch (reader.field()) {
      case wire::model::kIrVersion: model->ir_version = reader.Int(); break;
      case wire::model::kProducerName: model->producer_name = reader.Bytes(); break;
      case wire::model::kProducerVersion: model->producer_version = reader.Bytes(); break;
      case wire::model::kGraph: model->graph = ReadGraph(reader.Bytes()); break;
      case wire::model::kOpsetImport: model->opsets.push_back(ReadOpset(reader.Bytes())); break;
      case wire::model::kMetadata: model->metadata.push_back(ReadEntry(reader.Bytes())); break;
      case wire::model::kFunctions: ++model->functions; break;
      default: break;
    }
  }
}

Graph Decoder::ReadGraph(std::string_view bytes) const {
  Graph graph;
  graph.origin = View(bytes);
  for (Reader reader(bytes); reader.Next();) {
    switch (reader.field()) {
      case wire::graph::kNode: graph.nodes.push_back(ReadNode(reader.Bytes())); break;
      case wire::graph::kName: graph.name = reader.Bytes(); break;
      case wire::graph::kInitializer:
        graph.initializers.push_back(ReadInitializer(reader.Bytes()));
        break;
      case wire::graph::kInput: graph.inputs.push_back(ReadValueInfo(reader.Bytes())); break;
      case wire::graph::kOutput: graph.outputs.push_back(ReadValueInfo(reader.Bytes())); break;
      case wire::graph::kValueInfo:
        graph.value_infos.push_back(ReadValueInfo(reader.Bytes()));
        break;
      case wire::graph::kSparseInitializer:
        graph.sparse_initializers.push_back(SparseName(reader.Bytes()));
        break;
      default: break;
    }
  }
  return graph;
}

Node Decoder::ReadNode(std::string_view bytes) const {
  Node node;
  node.origin = View(bytes);
  for (Reader reader(bytes); reader.Next();) {
    switch (reader.field()) {
      case wire::node::kInput: node.inputs.emplace_back(reader.Bytes()); break;
      case wire::node::kOutput: node.outputs.emplace_back(reader.Bytes()); break;
      case wire::node::kName: node.name = reader.Bytes(); break;
      case wire::node::kOpType: node.op_type = reader.Bytes(); break;
      case wire::node::kAttribute: node.attributes.push_back(ReadAttribute(reader.Bytes())); break;
      case wire::node::kDomain: node.domain = Domain(reader.Bytes()); break;
      default: break;
    }
  }
  return node;
}

Attribute Decoder::ReadAttribute(std::string_view bytes) const {
  Attribute attribute;
  attribute.origin = View(bytes);
  for (Reader reader(bytes); reader.Next();) {
    switch (reader.field()) {
      case wire::attribute::kName: attribute.name = reader.Bytes(); break;
      case wire::attribute::kF: attribute.f = reader.Float(); break;
      case wire::attribute::kI: attribute.i = reader.Int(); break;
      case wire::attribute::kS: attribute.s = reader.Bytes(); break;
      case wire::attribute::kT:
      case wire::attribute::kTensors:
        attribute.tensors.push_back(ReadInitializer(reader.Bytes()));
        break;
      case wire::attribute::kG:
      case wire::attribute::kGraphs: attribute.graphs.push_back(ReadGraph(reader.Bytes())); break;
      case wire::attribute::kFloats:
        reader.ForEachFloat([&](float value) { attribute.floats.push_back(value); });
        break;
      case wire::attribute::kInts:
        reader.ForEachVarint([&](std::uint64_t value) {
          attribute.ints.push_back(static_cast<std::int64_t>(value));
        });
        break;
      case wire::attribute::kStrings: attribute.strings.emplace_back(reader.Bytes()); break;
      case wire::attribute::kType:
        attribute.type = static_cast<AttributeType>(reader.Int32());
        break;
      default: break;
    }
  }
  return attribute;
}

}  // namespace quantbench
