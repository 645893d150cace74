// The table of operator rules. [ONNX Runtime 1.30, CPU provider:
// qdq_selector_action_transformer.cc]
#include "quantize/rules.h"

#include <array>

namespace quantbench {
namespace {

constexpr std::string_view kNotBetween =
    "not between integer layers: quantizing it alone costs time";
constexpr std::string_view kRecurrent = "recurrent: no integer form is made of it yet";
constexpr std::string_view kNormalization = "normalization: the engine computes it in float only";
constexpr std::string_view kNoKernel = "the engine has no integer kernel for it";
constexpr std::string_view kElementwise = "elementwise with a constant: stays float";

constexpr std::array kRules = {
    OperatorRule{"Conv", Role::kWeighted, ""},
    OperatorRule{"MatMul", Role::kWeighted, ""},
    OperatorRule{"Gemm", Role::kWeighted, ""},
    OperatorRule{"Add", Role::kCombine, kNotBetween},
    OperatorRule{"Mul", Role::kCombine, kNotBetween},
    OperatorRule{"Concat", Role::kCombine, kNotBetween},
    OperatorRule{"Where", Role::kCombine, kNotBetween},
    OperatorRule{"AveragePool", Role::kUnary, kNotBetween},
    OperatorRule{"GlobalAveragePool", Role::kUnary, kNotBetween},
    OperatorRule{"LeakyRelu", Role::kUnary, kNotBetween},
    OperatorRule{"Sigmoid", Role::kUnary, kNotBetween},
    OperatorRule{"Softmax", Role::kUnary, kNotBetween},
    OperatorRule{"MaxPool", Role::kMover, kNotBetween},
    OperatorRule{"Reshape", Role::kMover, kNotBetween},
    OperatorRule{"Flatten", Role::kMover, kNotBetween},
    OperatorRule{"Transpose", Role::kMover, kNotBetween},
    OperatorRule{"Squeeze", Role::kMover, kNotBetween},
    OperatorRule{"Unsqueeze", Role::kMover, kNotBetween},
    OperatorRule{"Slice", Role::kMover, kNotBetween},
    OperatorRule{"Split", Role::kMover, kNotBetween},
    OperatorRule{"Gather", Role::kMover, kNotBetween},
    OperatorRule{"Resize", Role::kMover, kNotBetween},
    OperatorRule{"Pad", Role::kMover, kNotBetween},
    OperatorRule{"Expand", Role::kMover, kNotBetween},
    OperatorRule{"Tile", Role::kMover, kNotBetween},
    OperatorRule{"Relu", Role::kClamp, kNotBetween},
    OperatorRule{"Clip", Role::kClamp, kNotBetween},
    OperatorRule{"LSTM", Role::kFloat, kRecurrent},
    OperatorRule{"GRU", Role::kFloat, kRecurrent},
    OperatorRule{"RNN", Role::kFloat, kRecurrent},
    OperatorRule{"BatchNormalization", Role::kFloat, kNormalization},
    OperatorRule{"InstanceNormalization", Role::kFloat, kNormalization},
    OperatorRule{"LayerNormalization", Role::kFloat, kNormalization},
    OperatorRule{"GroupNormalization", Role::kFloat, kNormalization},
    OperatorRule{"Sub", Role::kFloat, kElementwise},
    OperatorRule{"Div", Role::kFloat, kElementwise},
    OperatorRule{"Pow", Role::kFloat, kElementwise},
    OperatorRule{"ConvTranspose", Role::kFloat, kNoKernel},
};
constexpr OperatorRule kUnknown = {"", Role::kFloat, kNoKernel};

}  // namespace

const OperatorRule& RuleOf(const Node& node) {
  if (!node.domain.empty() && node.domain != "ai.onnx") return kUnknown;
  for (const OperatorRule& rule : kRules) {
    if (rule.op_type == node.op_type) return rule;
  }
  return kUnknown;
}

bool MovesCodes(const Node& node, DataType codes, std::int64_t opset) {
  // [ONNX Runtime OperatorKernels.md: types of the CPU kernels]
  constexpr std::int64_t kAllTypesOpset = 13;
  if (RuleOf(node).role != Role::kMover || opset < kAllTypesOpset) return false;
  if (codes == DataType::kUint8) return true;
  return codes == DataType::kInt8 && !node.Is("Split");
}

std::vector<std::size_t> ActivationInputs(const Node& node) {
  std::vector<std::size_t> positions;
  if (node.Is("Where")) return {1, 2};  // the first is the condition
  const std::size_t count = RuleOf(node).role == Role::kCombine ? node.inputs.size() : 1;
  for (std::size_t i = 0; i < count && i < node.inputs.size(); ++i) positions.push_back(i);
  return positions;
}

}  // namespace quantbench
