// Decoding: graphs, nodes and attributes.
#include "model/decode.h"

#include <exception>

#include <protozero/pbf_reader.hpp>

#include "model/wire.h"
#include "quantbench/base/format.h"

namespace quantbench {
namespace {

using protozero::data_view;
using protozero::pbf_reader;

pbf_reader Reader(std::string_view bytes) {
  return pbf_reader{bytes.data(), bytes.size()};
}

std::string_view ViewOf(pbf_reader* reader) {
  const data_view view = reader->get_view();
  return {view.data(), view.size()};
}

// Floats and integers of a repeated field, packed or one by one.
void AppendFloats(pbf_reader* reader, std::vector<float>* values) {
  if (reader->wire_type() == protozero::pbf_wire_type::length_delimited) {
    for (const float value : reader->get_packed_float()) values->push_back(value);
  } else {
    values->push_back(reader->get_float());
  }
}

void AppendInts(pbf_reader* reader, std::vector<std::int64_t>* values) {
  if (reader->wire_type() == protozero::pbf_wire_type::length_delimited) {
    for (const std::int64_t value : reader->get_packed_int64()) values->push_back(value);
  } else {
    values->push_back(reader->get_int64());
  }
}

Dimension ReadDimension(std::string_view bytes) {
  Dimension dimension;
  pbf_reader reader = Reader(bytes);
  while (reader.next()) {
    switch (reader.tag()) {
      case wire::dimension::kValue: dimension.value = reader.get_int64(); break;
      case wire::dimension::kParam: dimension.name = reader.get_string(); break;
      default: reader.skip();
    }
  }
  if (dimension.value < 0) dimension.value = -1;
  return dimension;
}

void ReadTensorType(std::string_view bytes, ValueInfo* value) {
  value->is_tensor = true;
  pbf_reader reader = Reader(bytes);
  while (reader.next()) {
    if (reader.tag() == wire::tensor_type::kElementType) {
      value->type = static_cast<DataType>(reader.get_int32());
    } else if (reader.tag() == wire::tensor_type::kShape) {
      value->has_shape = true;
      value->dims.clear();
      pbf_reader dims = Reader(ViewOf(&reader));
      while (dims.next(wire::shape::kDim)) value->dims.push_back(ReadDimension(ViewOf(&dims)));
    } else {
      reader.skip();
    }
  }
}

std::pair<std::string, std::string> ReadEntry(std::string_view bytes) {
  std::pair<std::string, std::string> entry;
  pbf_reader reader = Reader(bytes);
  while (reader.next()) {
    switch (reader.tag()) {
      case wire::entry::kKey: entry.first = reader.get_string(); break;
      case wire::entry::kValue: entry.second = reader.get_string(); break;
      default: reader.skip();
    }
  }
  return entry;
}

Opset ReadOpset(std::string_view bytes) {
  Opset opset;
  pbf_reader reader = Reader(bytes);
  while (reader.next()) {
    switch (reader.tag()) {
      case wire::opset::kDomain: opset.domain = reader.get_string(); break;
      case wire::opset::kVersion: opset.version = reader.get_int64(); break;
      default: reader.skip();
    }
  }
  if (opset.domain == "ai.onnx") opset.domain.clear();
  return opset;
}

}  // namespace

// One level of nested messages, counted while it lives.
class Decoder::Level {
 public:
  explicit Level(Decoder* decoder) : decoder_(decoder) {
    if (++decoder_->depth_ > decoder_->limits_.depth) {
      --decoder_->depth_;
      throw DecodeError{Format("messages are nested deeper than {} levels", decoder_->limits_.depth)};
    }
  }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;
  Level(Level&&) = delete;
  Level& operator=(Level&&) = delete;
  ~Level() { --decoder_->depth_; }

 private:
  Decoder* decoder_;
};

Bytes Decoder::View(std::string_view bytes) const {
  return {owner_, std::as_bytes(std::span(bytes.data(), bytes.size()))};
}

std::string Decoder::Name(std::string_view bytes, std::string_view what) const {
  if (bytes.size() > limits_.name_bytes) {
    throw DecodeError{Format("a {} of {} is longer than the limit of {}", what,
                             FormatBytes(bytes.size()), FormatBytes(limits_.name_bytes))};
  }
  return std::string(bytes);
}

void Decoder::Read(std::string_view bytes, Model* model) {
  const Level level(this);
  model->origin = View(bytes);
  pbf_reader reader = Reader(bytes);
  while (reader.next()) {
    switch (reader.tag()) {
      case wire::model::kIrVersion: model->ir_version = reader.get_int64(); break;
      case wire::model::kProducerName: model->producer_name = Name(ViewOf(&reader), "name"); break;
      case wire::model::kProducerVersion:
        model->producer_version = Name(ViewOf(&reader), "name");
        break;
      case wire::model::kGraph: model->graph = ReadGraph(ViewOf(&reader)); break;
      case wire::model::kOpsetImport: model->opsets.push_back(ReadOpset(ViewOf(&reader))); break;
      case wire::model::kMetadata: model->metadata.push_back(ReadEntry(ViewOf(&reader))); break;
      case wire::model::kFunctions:
        ReadFunction(ViewOf(&reader));
        ++model->functions;
        break;
      default: reader.skip();
    }
  }
}

Graph Decoder::ReadGraph(std::string_view bytes) {
  const Level level(this);
  Graph graph;
  graph.origin = View(bytes);
  pbf_reader reader = Reader(bytes);
  while (reader.next()) {
    switch (reader.tag()) {
      case wire::graph::kNode: graph.nodes.push_back(ReadNode(ViewOf(&reader))); break;
      case wire::graph::kName: graph.name = Name(ViewOf(&reader), "graph name"); break;
      case wire::graph::kInitializer:
        graph.initializers.push_back(ReadInitializer(ViewOf(&reader)));
        break;
      case wire::graph::kInput: graph.inputs.push_back(ReadValueInfo(ViewOf(&reader))); break;
      case wire::graph::kOutput: graph.outputs.push_back(ReadValueInfo(ViewOf(&reader))); break;
      case wire::graph::kValueInfo:
        graph.value_infos.push_back(ReadValueInfo(ViewOf(&reader)));
        break;
      case wire::graph::kSparseInitializer: ReadSparse(ViewOf(&reader)); break;
      default: reader.skip();
    }
  }
  return graph;
}

Node Decoder::ReadNode(std::string_view bytes) {
  const Level level(this);
  if (++nodes_ > limits_.nodes) throw DecodeError{Format("more than {} nodes", limits_.nodes)};
  where_ = Format("node {}", nodes_);
  Node node;
  node.origin = View(bytes);
  pbf_reader reader = Reader(bytes);
  while (reader.next()) {
    switch (reader.tag()) {
      case wire::node::kInput: node.inputs.push_back(Name(ViewOf(&reader), "value name")); break;
      case wire::node::kOutput: node.outputs.push_back(Name(ViewOf(&reader), "value name")); break;
      case wire::node::kName:
        node.name = Name(ViewOf(&reader), "node name");
        where_ = Format("node \"{}\"", Printable(node.name));
        break;
      case wire::node::kOpType: node.op_type = Name(ViewOf(&reader), "operator name"); break;
      case wire::node::kAttribute: node.attributes.push_back(ReadAttribute(ViewOf(&reader))); break;
      case wire::node::kDomain: node.domain = Name(ViewOf(&reader), "domain"); break;
      default: reader.skip();
    }
  }
  if (node.domain == "ai.onnx") node.domain.clear();
  return node;
}

Attribute Decoder::ReadAttribute(std::string_view bytes) {
  const Level level(this);
  Attribute attribute;
  attribute.origin = View(bytes);
  pbf_reader reader = Reader(bytes);
  while (reader.next()) {
    switch (reader.tag()) {
      case wire::attribute::kName: attribute.name = Name(ViewOf(&reader), "attribute name"); break;
      case wire::attribute::kF: attribute.f = reader.get_float(); break;
      case wire::attribute::kI: attribute.i = reader.get_int64(); break;
      case wire::attribute::kS: attribute.s = Name(ViewOf(&reader), "string attribute"); break;
      case wire::attribute::kT:
      case wire::attribute::kTensors:
        attribute.tensors.push_back(ReadInitializer(ViewOf(&reader)));
        break;
      case wire::attribute::kG:
      case wire::attribute::kGraphs:
        attribute.graphs.push_back(ReadGraph(ViewOf(&reader)));
        break;
      case wire::attribute::kFloats: AppendFloats(&reader, &attribute.floats); break;
      case wire::attribute::kInts: AppendInts(&reader, &attribute.ints); break;
      case wire::attribute::kStrings:
        attribute.strings.push_back(Name(ViewOf(&reader), "string attribute"));
        break;
      case wire::attribute::kType:
        attribute.type = static_cast<AttributeType>(reader.get_int32());
        break;
      case wire::attribute::kSparseTensor:
      case wire::attribute::kSparseTensors: ReadSparse(ViewOf(&reader)); break;
      default: reader.skip();
    }
  }
  return attribute;
}

ValueInfo Decoder::ReadValueInfo(std::string_view bytes) {
  const Level level(this);
  ValueInfo value;
  value.origin = View(bytes);
  pbf_reader reader = Reader(bytes);
  while (reader.next()) {
    if (reader.tag() == wire::value_info::kName) {
      value.name = Name(ViewOf(&reader), "value name");
      where_ = Format("value \"{}\"", Printable(value.name));
    } else if (reader.tag() == wire::value_info::kType) {
      pbf_reader type = Reader(ViewOf(&reader));
      while (type.next()) {
        if (type.tag() == wire::type_proto::kTensorType) {
          ReadTensorType(ViewOf(&type), &value);
        } else {
          type.skip();
        }
      }
    } else {
      reader.skip();
    }
  }
  return value;
}

// Sparse tensors and functions are passed through; they are read only to police what they name.
void Decoder::ReadSparse(std::string_view bytes) {
  const Level level(this);
  pbf_reader reader = Reader(bytes);
  while (reader.next()) {
    if (reader.tag() == wire::sparse::kValues || reader.tag() == wire::sparse::kIndices) {
      const Initializer part = ReadInitializer(ViewOf(&reader));
    } else {
      reader.skip();
    }
  }
}

void Decoder::ReadFunction(std::string_view bytes) {
  const Level level(this);
  pbf_reader reader = Reader(bytes);
  while (reader.next()) {
    if (reader.tag() == wire::function::kNode) {
      const Node node = ReadNode(ViewOf(&reader));
    } else {
      reader.skip();
    }
  }
}

Status CatchDecodeErrors(const Decoder& decoder, const std::function<void()>& read) {
  try {
    read();
    return Ok();
  } catch (const DecodeError& error) {
    return Error(ErrorCode::kMalformed, Format("{}: {}", decoder.where(), error.what));
  } catch (const protozero::exception& error) {
    return Error(ErrorCode::kMalformed,
                 Format("truncated or not an ONNX model, at or after {} ({})", decoder.where(),
                        error.what()));
  } catch (const std::bad_alloc&) {
    return Error(ErrorCode::kIo, "not enough memory to read the model");
  }
}

}  // namespace quantbench
