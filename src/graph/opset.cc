// Operator sets: raising old models.
#include <algorithm>
#include <array>

#include "quantbench/base/format.h"
#include "quantbench/graph.h"

namespace quantbench {
namespace {

// A node of version `since` or later means the same, written the same, up to `until`.
struct Span {
  std::string_view op_type;
  std::int64_t since;
  std::int64_t until;
};

// [ONNX Changelog.md, versions 7 to 13]. An operator that is not listed is taken to have changed.
constexpr auto kSpans = std::to_array<Span>({
    {"Abs", 7, 13},
    {"Add", 7, 13},
    {"And", 7, 13},
    {"ArgMax", 7, 13},
    {"ArgMin", 7, 13},
    {"AveragePool", 7, 13},
    {"BatchNormalization", 9, 13},
    {"Cast", 7, 13},
    {"Ceil", 7, 13},
    {"Clip", 11, 13},
    {"Concat", 7, 13},
    {"Constant", 7, 13},
    {"ConstantOfShape", 9, 13},
    {"Conv", 7, 13},
    {"ConvTranspose", 7, 13},
    {"DepthToSpace", 7, 13},
    {"Div", 7, 13},
    {"Dropout", 7, 11},
    {"Elu", 7, 13},
    {"Equal", 7, 13},
    {"Erf", 9, 13},
    {"Exp", 7, 13},
    {"Expand", 8, 13},
    {"Flatten", 7, 13},
    {"Floor", 7, 13},
    {"GRU", 7, 13},
    {"Gather", 7, 13},
    {"GatherElements", 11, 13},
    {"GatherND", 11, 13},
    {"Gemm", 7, 13},
    {"GlobalAveragePool", 7, 13},
    {"GlobalMaxPool", 7, 13},
    {"Greater", 7, 13},
    {"HardSigmoid", 7, 13},
    {"Identity", 7, 13},
    {"InstanceNormalization", 7, 13},
    {"LRN", 7, 13},
    {"LSTM", 7, 13},
    {"LeakyRelu", 7, 13},
    {"Less", 7, 13},
    {"Log", 7, 13},
    {"LogSoftmax", 7, 12},
    {"MatMul", 7, 13},
    {"Max", 7, 13},
    {"MaxPool", 7, 13},
    {"Mean", 7, 13},
    {"Min", 7, 13},
    {"Mod", 10, 13},
    {"Mul", 7, 13},
    {"Neg", 7, 13},
    {"Not", 7, 13},
    {"Or", 7, 13},
    {"PRelu", 7, 13},
    {"Pad", 11, 13},
    {"Pow", 7, 13},
    {"RNN", 7, 13},
    {"Range", 11, 13},
    {"Reciprocal", 7, 13},
    {"ReduceMax", 7, 13},
    {"ReduceMean", 7, 13},
    {"ReduceMin", 7, 13},
    {"ReduceSum", 7, 12},
    {"Relu", 7, 13},
    {"Reshape", 7, 13},
    {"Resize", 11, 13},
    {"ScatterND", 11, 13},
    {"Selu", 7, 13},
    {"Shape", 7, 13},
    {"Sigmoid", 7, 13},
    {"Sign", 9, 13},
    {"Slice", 10, 13},
    {"Softmax", 7, 12},
    {"Softplus", 7, 13},
    {"Split", 7, 12},
    {"Sqrt", 7, 13},
    {"Squeeze", 7, 12},
    {"Sub", 7, 13},
    {"Sum", 7, 13},
    {"Tanh", 7, 13},
    {"Tile", 7, 13},
    {"TopK", 11, 13},
    {"Transpose", 7, 13},
    {"Unsqueeze", 7, 12},
    {"Where", 9, 13},
    {"Xor", 7, 13},
});

bool IsUnchanged(const Node& node, std::int64_t from, std::int64_t to) {
  if (!node.domain.empty() && node.domain != "ai.onnx") return true;
  const auto found = std::find_if(kSpans.begin(), kSpans.end(),
                                  [&](const Span& span) { return span.op_type == node.op_type; });
  if (found == kSpans.end()) return false;
  // BatchNormalization lost an attribute in version 9 that was rarely written.
  const bool is_new_enough = from >= found->since || node.Is("BatchNormalization");
  return is_new_enough && to <= found->until && node.FindAttribute("spatial") == nullptr;
}

// The IR version that was current when an operator set came out.
std::int64_t IrVersionOf(std::int64_t opset) {
  constexpr std::array<std::int64_t, 5> kOf9To13 = {4, 5, 6, 7, 7};
  return opset < 9 ? 3 : kOf9To13[static_cast<std::size_t>(std::min<std::int64_t>(opset - 9, 4))];
}

}  // namespace

std::int64_t OnnxOpset(const Model& model) {
  return std::max(model.OpsetVersion(""), model.OpsetVersion("ai.onnx"));
}

std::string WhyNotOpset(const Model& model, std::int64_t version) {
  const std::int64_t has = OnnxOpset(model);
  if (has >= version) return "";
  if (has < 7) return Format("the model's opset {} is too old: export it again", has);
  if (model.functions > 0) return Format("the model's opset {} has functions of its own", has);
  std::string_view changed;
  ForEachGraph(model.graph, [&](const Graph& graph) {
    for (const Node& node : graph.nodes) {
      if (!IsUnchanged(node, has, version)) changed = node.op_type;
    }
  });
  if (changed.empty()) return "";
  return Format("needs opset {}, the model has {}, and {} changed in between: export it again",
                version, has, Printable(changed));
}

std::int64_t StaticOpset(const Model& model) {
  const std::int64_t has = OnnxOpset(model);
  if (has >= kPerAxisOpset) return has;
  for (const std::int64_t better : {kPerAxisOpset, kBytesOpset}) {
    if (has < better && WhyNotOpset(model, better).empty()) return better;
  }
  if (has >= kOldestIntegers) return has;
  return WhyNotOpset(model, kOldestIntegers).empty() ? kOldestIntegers : 0;
}

void RaiseOpset(std::int64_t version, Model* model) {
  if (OnnxOpset(*model) >= version) return;
  model->RequireOpset(model->OpsetVersion("ai.onnx") > 0 ? "ai.onnx" : "", version);
  model->ir_version = std::max(model->ir_version, IrVersionOf(version));
}

}  // namespace quantbench
