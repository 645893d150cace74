// The census: which operators multiply with weights, and with what kernels.
#include <algorithm>
#include <array>
#include <optional>

#include "quantbench/base/format.h"
#include "quantbench/measure.h"

namespace quantbench {
namespace {

// Operators with weights: where the weight stands, and where its scale does (-1: nowhere).
struct WeightedKernel {
  std::string_view op_type;
  std::size_t weight;
  int scale;
  bool integer;
};
// [ONNX Runtime ContribOperators.md; ONNX Operators.md]
constexpr auto kKernels = std::to_array<WeightedKernel>({
    {"QLinearConv", 3, 4, true},
    {"QLinearMatMul", 3, 4, true},
    {"QGemm", 3, 4, true},
    {"ConvInteger", 1, -1, true},
    {"MatMulInteger", 1, -1, true},
    {"DynamicQuantizeMatMul", 1, 2, true},
    {"MatMulIntegerToFloat", 1, 3, true},
    {"DynamicQuantizeLSTM", 1, 8, true},
    {"QAttention", 1, 4, true},
    {"QLinearConvTranspose", 3, 4, true},
    {"MatMulNBits", 1, 2, true},
    {"GatherBlockQuantized", 0, 2, false},
    {"Conv", 1, -1, false},
    {"FusedConv", 1, -1, false},
    {"NhwcFusedConv", 1, -1, false},
    {"ConvTranspose", 1, -1, false},
    {"MatMul", 1, -1, false},
    {"FusedMatMul", 1, -1, false},
    {"Gemm", 1, -1, false},
    {"FusedGemm", 1, -1, false},
    {"LSTM", 1, -1, false},
    {"GRU", 1, -1, false},
    {"RNN", 1, -1, false},
    {"Gather", 0, -1, false},
});

const WeightedKernel* KernelOf(const Node& node) {
  const auto found = std::find_if(kKernels.begin(), kKernels.end(), [&](const auto& kernel) {
    return kernel.op_type == node.op_type;
  });
  return found == kKernels.end() ? nullptr : &*found;
}

// What a weight is made of, followed back through what decodes and moves it.
struct Source {
  const Initializer* numbers = nullptr;
  std::string scale;  // the name of the scales that decode it; empty: none
  bool decoded = false;
  std::int64_t block = 0;
};

std::optional<Source> SourceOf(const std::string& name, const GraphIndex& index) {
  constexpr int kLongestChain = 8;
  Source source;
  std::string current = name;
  for (int i = 0; i < kLongestChain; ++i) {
    source.numbers = index.FindInitializer(current);
    if (source.numbers != nullptr) return source;
    const Node* producer = index.Producer(current);
    if (producer == nullptr || producer->inputs.empty()) return std::nullopt;
    const std::string& op = producer->op_type;
    if (op == "DequantizeLinear" || op == "Mul") {
      source.decoded = true;
      if (producer->inputs.size() > 1) source.scale = producer->inputs[1];
      source.block = producer->IntAttribute("block_size", 0);
    } else if (op == "Cast") {
      source.decoded = true;
    } else if (op != "Transpose" && op != "Reshape" && op != "Identity" && op != "ReorderInput") {
      return std::nullopt;
    }
    current = producer->inputs[0];
  }
  return std::nullopt;
}

std::string GranularityOf(const Node& node, const WeightedKernel& kernel, const Source& source,
                          const GraphIndex& index) {
  const std::int64_t block = node.IntAttribute("block_size", source.block);
  if (block > 0) return Format("blocks of {}", block);
  std::string scale = source.scale;
  if (kernel.scale >= 0 && node.inputs.size() > static_cast<std::size_t>(kernel.scale)) {
    scale = node.inputs[static_cast<std::size_t>(kernel.scale)];
  }
  if (scale.empty()) return "";
  const Initializer* scales = index.FindInitializer(scale);
  if (scales == nullptr) return "";
  const auto count = ElementCount(scales->dims);
  if (!count.ok()) return "";
  return count.value() == 1 ? "per tensor" : Format("per channel, {} scales", count.value());
}

bool IsFloatKernelOfCodes(const Node& node, const Source& source, const GraphIndex& index) {
  if (!source.decoded || node.inputs.empty()) return false;
  const Node* producer = index.Producer(node.inputs[0]);
  return producer != nullptr && producer->op_type == "DequantizeLinear";
}

KernelKind KindOf(const Node& node, const WeightedKernel& kernel, const Source& source,
                  const GraphIndex& index) {
  constexpr std::int64_t kIntegerAccuracy = 4;
  if (node.op_type == "MatMulNBits") {
    return node.IntAttribute("accuracy_level", 0) == kIntegerAccuracy ? KernelKind::kInteger
                                                                      : KernelKind::kFloat;
  }
  if (kernel.integer) return KernelKind::kInteger;
  return IsFloatKernelOfCodes(node, source, index) ? KernelKind::kIfFused : KernelKind::kFloat;
}

void CountGraph(const Graph& graph, std::vector<LayerKernel>* layers) {
  const GraphIndex index(graph);
  for (const Node& node : graph.nodes) {
    for (const Attribute& attribute : node.attributes) {
      for (const Graph& body : attribute.graphs) CountGraph(body, layers);
    }
    const WeightedKernel* kernel = KernelOf(node);
    if (kernel == nullptr || node.inputs.size() <= kernel->weight) continue;
    const auto source = SourceOf(node.inputs[kernel->weight], index);
    if (!source) continue;
    const auto elements = ElementCount(source->numbers->dims);
    const bool is_index_table = node.op_type == "Gather" && source->numbers->dims.size() < 2;
    if (!elements.ok() || elements.value() < 2 || is_index_table) continue;
    LayerKernel layer;
    layer.layer = node.name.empty() && !node.outputs.empty() ? node.outputs[0] : node.name;
    layer.op_type = node.op_type;
    layer.weight = source->numbers->name;
    layer.weight_type = source->numbers->type;
    layer.weight_bytes = source->numbers->stored_bytes();
    layer.granularity = GranularityOf(node, *kernel, *source, index);
    layer.kind = KindOf(node, *kernel, *source, index);
    layer.decoded = source->decoded;
    layers->push_back(std::move(layer));
  }
}

}  // namespace

std::string_view Name(KernelKind kind) {
  switch (kind) {
    case KernelKind::kInteger: return "integer";
    case KernelKind::kIfFused: return "integer if the engine fuses it";
    case KernelKind::kFloat: break;
  }
  return "float";
}

bool LayerKernel::is_product() const {
  return op_type != "Gather" && op_type != "GatherBlockQuantized";
}

std::vector<LayerKernel> CensusOf(const Model& model) {
  std::vector<LayerKernel> layers;
  CountGraph(model.graph, &layers);
  return layers;
}

}  // namespace quantbench
