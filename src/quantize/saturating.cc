// Layers of a graph, whoever quantized it, whose sums can saturate.
#include <array>

#include "quantbench/quantize.h"

#include "quantize/overflow.h"

namespace quantbench {
namespace {

// Where operators of codes keep what decides [ONNX Operators.md; ONNX Runtime ContribOperators.md].
struct CodedOperator {
  std::string_view op_type;
  std::size_t weight;
  std::size_t activation_zero_point;  // its type is that of the activations; without: u8
  bool is_conv;
};
constexpr auto kCodedOperators = std::to_array<CodedOperator>({
    {"QLinearConv", 3, 2, true},
    {"QLinearMatMul", 3, 2, false},
    {"QGemm", 3, 2, false},
    {"ConvInteger", 1, 2, true},
    {"MatMulInteger", 1, 2, false},
    {"MatMulIntegerToFloat", 1, 4, false},
    {"DynamicQuantizeMatMul", 1, 99, false},
});

const Initializer* ConstantAt(const Node& node, std::size_t input, const GraphIndex& index) {
  if (input >= node.inputs.size() || node.inputs[input].empty()) return nullptr;
  return index.FindInitializer(node.inputs[input]);
}

PairLayout LayoutOf(const Node& node, const CodedOperator& coded) {
  if (coded.is_conv) return {PairOrder::kConv, node.IntAttribute("group", 1)};
  const bool rows = node.op_type == "QGemm" && node.IntAttribute("transB", 0) != 0;
  return {rows ? PairOrder::kRows : PairOrder::kColumns};
}

std::int64_t OutputsOf(const Initializer& weight, const PairLayout& layout) {
  if (weight.dims.empty()) return 0;
  return layout.order == PairOrder::kColumns ? weight.dims.back() : weight.dims.front();
}

std::optional<SaturatingLayer> Examine(const Node& node, const CodedOperator& coded,
                                       const GraphIndex& index) {
  constexpr std::int32_t kHighestCode = 255;
  const Initializer* weight = ConstantAt(node, coded.weight, index);
  const Initializer* zero_point = ConstantAt(node, coded.activation_zero_point, index);
  const bool is_signed = zero_point != nullptr && zero_point->type != DataType::kUint8;
  if (weight == nullptr || weight->type != DataType::kInt8 || is_signed) return std::nullopt;
  const auto codes = ReadTensor(*weight);
  if (!codes.ok()) return std::nullopt;
  const PairLayout layout = LayoutOf(node, coded);
  const auto unsafe = CountUnsafeOutputs(codes.value(), layout, kHighestCode);
  if (!unsafe.ok() || unsafe.value() == 0) return std::nullopt;
  return SaturatingLayer{node.name.empty() ? node.outputs.front() : node.name, node.op_type,
                         OutputsOf(*weight, layout), unsafe.value()};
}

}  // namespace

std::vector<SaturatingLayer> FindSaturating(const Graph& graph) {
  const GraphIndex index(graph);
  std::vector<SaturatingLayer> found;
  for (const Node& node : graph.nodes) {
    for (const CodedOperator& coded : kCodedOperators) {
      if (node.op_type != coded.op_type) continue;
      if (auto layer = Examine(node, coded, index)) found.push_back(*std::move(layer));
    }
  }
  return found;
}

}  // namespace quantbench
