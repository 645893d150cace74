// Weighted layers: which initializer is the weight, and what stands in the way.
#include "quantize/weighted_layer.h"

#include <cmath>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

constexpr std::int64_t kMinTableRows = 64;

std::string Refusal(const Node& node, std::size_t input, const GraphIndex& index) {
  const std::string& name = node.inputs[input];
  const Node* producer = index.Producer(name);
  if (producer != nullptr) {
    for (const std::string& source : producer->inputs) {
      const Initializer* tensor = index.FindInitializer(source);
      if (producer->inputs[0] == source && tensor != nullptr && IsFloatWeights(*tensor)) {
        return Format("its weight is computed by {}: only initializers are quantized",
                      Printable(producer->op_type));
      }
    }
  }
  return "both inputs are activations: such products stay float";
}

// The weight at an input, or the reason there is none.
void FindWeight(const Node& node, std::size_t input, const GraphIndex& index,
                WeightedLayer* layer) {
  if (node.inputs.size() <= input) {
    layer->reason = "it has no weight";
    return;
  }
  layer->weight = index.FindInitializer(node.inputs[input]);
  if (layer->weight == nullptr) {
    layer->reason = Refusal(node, input, index);
  } else if (layer->weight->type != DataType::kFloat32) {
    layer->reason = Format("its weight is {}, not float32", Name(layer->weight->type));
  } else if (Elements(*layer->weight) == 0) {
    layer->reason = "its weight is empty";
  } else if (index.IsGraphOutput(layer->weight->name)) {
    layer->reason = "its weight is an output of the model";
  }
}

// A bias of one number a channel, in whatever shape it is written.
void FindBias(const Node& node, std::size_t input, const GraphIndex& index, WeightedLayer* layer) {
  if (!layer->reason.empty() || node.inputs.size() <= input || node.inputs[input].empty()) return;
  layer->bias = index.FindInitializer(node.inputs[input]);
  if (layer->bias == nullptr || layer->bias->type != DataType::kFloat32) {
    layer->reason = "its bias is not a float32 initializer";
    return;
  }
  const std::int64_t count = Elements(*layer->bias);
  const bool along_channels = !layer->bias->dims.empty() && layer->bias->dims.back() == count;
  if (count != 1 && (count != layer->outputs || !along_channels)) {
    layer->reason =
        Format("its bias has shape {}, not one number a channel", ToString(layer->bias->dims));
  }
}

// A Conv or MatMul without bias, and an Add behind it of one constant an output: its bias, written
// apart.
void FindAdder(const Node& node, const GraphIndex& index, const Graph& graph,
               WeightedLayer* layer) {
  const std::string& output = node.outputs[0];
  const auto readers = index.Consumers(output);
  if (readers.size() != 1 || index.IsGraphOutput(output)) return;
  const Node& add = graph.nodes[static_cast<std::size_t>(readers[0])];
  if (!add.Is("Add") || add.inputs.size() != 2) return;
  const Initializer* bias = index.FindInitializer(add.inputs[add.inputs[0] == output ? 1 : 0]);
  if (bias == nullptr || bias->type != DataType::kFloat32) return;
  // Channels are the last axis of a product, the first but the batch of a convolution.
  Shape wanted = {layer->outputs};
  if (node.Is("Conv")) wanted.resize(layer->weight->dims.size() - 1, 1);
  Shape dims = bias->dims;
  if (dims.size() == wanted.size() + 1 && dims[0] == 1 && node.Is("Conv")) dims.erase(dims.begin());
  if (dims != wanted) return;
  layer->bias = bias;
  layer->adder = readers[0];
}

WeightedLayer InspectConv(const Node& node, const GraphIndex& index) {
  WeightedLayer layer;
  FindWeight(node, 1, index, &layer);
  if (layer.reason.empty() && layer.weight->dims.size() < 3) {
    layer.reason = Format("its weight has shape {}", ToString(layer.weight->dims));
  }
  if (!layer.reason.empty()) return layer;
  layer.outputs = layer.weight->dims[0];
  FindBias(node, 2, index, &layer);
  return layer;
}

WeightedLayer InspectMatMul(const Node& node, const GraphIndex& index) {
  WeightedLayer layer;
  layer.channels = Channels::kColumns;
  FindWeight(node, 1, index, &layer);
  if (layer.weight == nullptr) {
    if (!node.inputs.empty() && index.FindInitializer(node.inputs[0]) != nullptr) {
      layer.reason = "its weight is the left factor: integer kernels want it on the right";
    }
    return layer;
  }
  if (layer.reason.empty() && layer.weight->dims.size() != 2) {
    layer.reason = Format("its weight has shape {}: only two-dimensional weights are quantized",
                          ToString(layer.weight->dims));
  }
  if (layer.reason.empty()) layer.outputs = layer.weight->dims[1];
  return layer;
}

WeightedLayer InspectGemm(const Node& node, const GraphIndex& index) {
  WeightedLayer layer;
  layer.transposed = node.IntAttribute("transB", 0) != 0;
  layer.channels = layer.transposed ? Channels::kRows : Channels::kColumns;
  layer.weight_factor = node.FloatAttribute("alpha", 1.0F);
  layer.bias_factor = node.FloatAttribute("beta", 1.0F);
  FindWeight(node, 1, index, &layer);
  if (!layer.reason.empty()) return layer;
  if (node.IntAttribute("transA", 0) != 0) {
    layer.reason = "it transposes its activation (transA)";
  } else if (layer.weight->dims.size() != 2) {
    layer.reason = Format("its weight has shape {}", ToString(layer.weight->dims));
  } else if (!std::isfinite(layer.weight_factor) || layer.weight_factor == 0 ||
             !std::isfinite(layer.bias_factor)) {
    layer.reason =
        Format("its alpha is {} and its beta {}", layer.weight_factor, layer.bias_factor);
  }
  if (!layer.reason.empty()) return layer;
  layer.outputs = layer.weight->dims[layer.transposed ? 0 : 1];
  FindBias(node, 2, index, &layer);
  return layer;
}

// W [directions, 4 hidden, inputs] and R [directions, 4 hidden, hidden].   [ONNX LSTM-14]
WeightedLayer InspectLstm(const Node& node, const GraphIndex& index) {
  WeightedLayer layer;
  FindWeight(node, 1, index, &layer);
  WeightedLayer recurrent;
  FindWeight(node, 2, index, &recurrent);
  layer.recurrent = recurrent.weight;
  if (layer.reason.empty()) layer.reason = recurrent.reason;
  if (!layer.reason.empty()) return layer;
  const Shape& w = layer.weight->dims;
  const Shape& r = layer.recurrent->dims;
  if (w.size() != 3 || r.size() != 3 || w[0] != r[0] || w[1] != r[1] || w[1] != 4 * r[2]) {
    layer.reason = Format("its weights have shapes {} and {}", ToString(w), ToString(r));
  } else if (node.inputs.size() > 7 && !node.inputs[7].empty()) {
    layer.reason = "it has peepholes";
  }
  if (layer.reason.empty()) layer.outputs = w[1];
  return layer;
}

WeightedLayer InspectTable(const Node& node, const GraphIndex& index) {
  WeightedLayer layer;
  FindWeight(node, 0, index, &layer);
  if (layer.reason.empty() && layer.weight->dims[0] < kMinTableRows) {
    layer.reason = Format("its table has only {} rows", layer.weight->dims[0]);
  }
  return layer;
}

}  // namespace

bool IsWeightedOperator(const Node& node) {
  return node.Is("Conv") || node.Is("MatMul") || node.Is("Gemm") || node.Is("LSTM");
}

std::vector<const Initializer*> WeightedLayer::weights() const {
  std::vector<const Initializer*> list;
  if (weight != nullptr) list.push_back(weight);
  if (recurrent != nullptr) list.push_back(recurrent);
  return list;
}

bool IsEmbedding(const Node& node, const GraphIndex& index) {
  if (!node.Is("Gather") || node.inputs.size() != 2 || node.IntAttribute("axis", 0) != 0)
    return false;
  const Initializer* table = index.FindInitializer(node.inputs[0]);
  return table != nullptr && IsFloatingPoint(table->type) && table->dims.size() == 2;
}

WeightedLayer InspectLayer(const Node& node, const Graph& graph, const GraphIndex& index,
                           const ElementTypes& types) {
  WeightedLayer layer;
  if (node.Is("Conv")) layer = InspectConv(node, index);
  if (node.Is("MatMul")) layer = InspectMatMul(node, index);
  if (node.Is("Gemm")) layer = InspectGemm(node, index);
  if (node.Is("LSTM")) layer = InspectLstm(node, index);
  if (node.Is("Gather")) layer = InspectTable(node, index);
  if (layer.reason.empty() && IsWeightedOperator(node)) {
    const auto type = types.find(node.inputs[0]);
    if (type != types.end() && type->second != DataType::kFloat32) {
      layer.reason = Format("its input is {}, not float32", Name(type->second));
    }
  }
  const bool may_add = node.Is("MatMul") || node.Is("Conv");
  if (layer.reason.empty() && may_add && layer.bias == nullptr)
    FindAdder(node, index, graph, &layer);
  return layer;
}

}  // namespace quantbench
