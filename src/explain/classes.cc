// What an operator of an optimized graph does.
#include <algorithm>
#include <array>

#include "quantbench/explain.h"

#include "explain/torch_operators.h"

namespace quantbench {
namespace {

// [ONNX Operators.md; ONNX Runtime ContribOperators.md]
constexpr auto kOnCodes =
    std::to_array<std::string_view>({"ConvInteger", "DynamicQuantizeLSTM", "DynamicQuantizeMatMul",
                                     "MatMulInteger", "MatMulInteger16", "MatMulIntegerToFloat",
                                     "QAttention", "QEmbedLayerNormalization", "QGemm", "QMoE"});
constexpr auto kProducts = std::to_array<std::string_view>(
    {"Attention", "Conv", "ConvTranspose", "Einsum", "FusedConv", "FusedGemm", "FusedMatMul", "GRU",
     "Gemm", "GroupQueryAttention", "LSTM", "MatMul", "MatMulNBits", "MultiHeadAttention",
     "NhwcFusedConv", "RNN"});
constexpr auto kTurnsCodes = std::to_array<std::string_view>(
    {"DequantizeLinear", "DynamicQuantizeLinear", "GatherBlockQuantized", "QuantizeLinear"});
constexpr auto kMoves = std::to_array<std::string_view>({"Cast",           "CastLike",
                                                         "Compress",       "Concat",
                                                         "Constant",       "ConstantOfShape",
                                                         "DepthToSpace",   "Expand",
                                                         "Flatten",        "Gather",
                                                         "GatherElements", "GatherND",
                                                         "Identity",       "NonZero",
                                                         "OneHot",         "Pad",
                                                         "QLinearConcat",  "Range",
                                                         "ReorderInput",   "ReorderOutput",
                                                         "Reshape",        "ScatterElements",
                                                         "ScatterND",      "Shape",
                                                         "Size",           "Slice",
                                                         "SpaceToDepth",   "Split",
                                                         "Squeeze",        "Tile",
                                                         "Transpose",      "Trilu",
                                                         "Unsqueeze",      "Where"});

template <typename List>
bool IsOneOf(const List& list, std::string_view op_type) {
  return std::find(list.begin(), list.end(), op_type) != list.end();
}

bool IsCode(const ProfiledOperator& op, std::size_t input) {
  if (op.inputs.size() <= input) return false;
  return op.inputs[input].type == DataType::kUint8 || op.inputs[input].type == DataType::kInt8;
}

}  // namespace

std::string_view Name(OperatorClass what) {
  switch (what) {
    case OperatorClass::kInteger: return "integer kernel";
    case OperatorClass::kFloat: return "float kernel";
    case OperatorClass::kElementwise: return "float, elementwise";
    case OperatorClass::kQuantize: return "quantize, dequantize";
    case OperatorClass::kLayout: break;
  }
  return "layout and copies";
}

OperatorClass ClassOf(const ProfiledOperator& op, const Node* node) {
  if (IsTorchOperator(op.op_type)) return ClassOfTorch(op.op_type);
  constexpr std::int64_t kIntegerAccuracy = 4;
  if (op.op_type == "MatMulNBits" && node != nullptr &&
      node->IntAttribute("accuracy_level", 0) == kIntegerAccuracy) {
    return OperatorClass::kInteger;
  }
  if (IsOneOf(kProducts, op.op_type)) return OperatorClass::kFloat;
  if (IsOneOf(kTurnsCodes, op.op_type)) return OperatorClass::kQuantize;
  if (IsOneOf(kMoves, op.op_type)) return OperatorClass::kLayout;
  if (IsOneOf(kOnCodes, op.op_type) || op.op_type.starts_with("QLinear") || IsCode(op, 0)) {
    return OperatorClass::kInteger;
  }
  // Sums and comparisons of shapes are no arithmetic of the model.
  const bool of_shapes = !op.inputs.empty() && (op.inputs.front().type == DataType::kInt64 ||
                                                op.inputs.front().type == DataType::kBool);
  return of_shapes ? OperatorClass::kLayout : OperatorClass::kElementwise;
}

}  // namespace quantbench
