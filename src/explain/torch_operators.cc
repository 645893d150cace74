// What libtorch's operators do, and why one stayed float or is no faster.
#include "explain/torch_operators.h"

#include <algorithm>
#include <array>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

constexpr auto kTorchMoves = std::to_array<std::string_view>(
    {"_to_copy",     "_unsafe_view", "arange",    "cat",
     "chunk",        "clone",        "concat",    "constant_pad_nd",
     "contiguous",   "copy_",        "detach",    "dropout",
     "embedding",    "empty",        "expand",    "expand_as",
     "flatten",      "full",         "gather",    "index",
     "index_select", "narrow",       "ones",      "pad",
     "permute",      "repeat",       "reshape",   "select",
     "size",         "slice",        "split",     "split_with_sizes",
     "squeeze",      "stack",        "t",         "to",
     "transpose",    "unbind",       "unsqueeze", "view",
     "zeros"});
constexpr auto kTorchProducts = std::to_array<std::string_view>(
    {"addmm", "addmm_", "baddbmm", "bmm", "einsum", "gru", "linear", "lstm", "matmul", "mm",
     "rnn_relu", "rnn_tanh", "scaled_dot_product_attention"});

// "aten::linear" -> "linear".
std::string_view BareName(std::string_view op_type) {
  const std::size_t colons = op_type.rfind("::");
  return colons == std::string_view::npos ? op_type : op_type.substr(colons + 2);
}

template <typename List>
bool HasName(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

bool IsConvolution(std::string_view name) {
  return name.find("conv") != std::string_view::npos;
}

bool IsTorchRecurrence(std::string_view name) {
  constexpr auto kParts = std::to_array<std::string_view>({"lstm", "gru", "rnn_"});
  return std::any_of(kParts.begin(), kParts.end(), [&](std::string_view part) {
    return name.find(part) != std::string_view::npos;
  });
}

// Of two operations each, in 10^9 a second.
double GopsOf(std::int64_t macs, double us) {
  return us > 0 ? 2 * static_cast<double>(macs) / us / 1000 : 0;
}

std::string RatesOf(const LayerFacts& facts) {
  return Format("{:.0f} GOP/s in place of the original's {:.0f}",
                GopsOf(facts.macs, facts.quantized_us), GopsOf(facts.macs, facts.original_us));
}

// Rows that a recurrence goes through, one after the other: steps times batch.
std::int64_t StepsOf(const ProfiledOperator& op) {
  if (op.inputs.empty() || !op.inputs[0].shape || op.inputs[0].shape->size() != 3) return 0;
  return (*op.inputs[0].shape)[0] * (*op.inputs[0].shape)[1];
}

}  // namespace

// What is computed at once for all steps is the input's part; the hidden state's is not
// [PyTorch, aten/src/ATen/native/RNN.cpp].
std::optional<Reason> WhyTorchRecurrenceGainsLittle(const LayerFacts& facts) {
  constexpr double kLittle = 1.2;
  const std::int64_t steps = StepsOf(*facts.op);
  const bool steps_weigh = IsTorchRecurrence(facts.op->op_type) && steps > 1;
  if (!steps_weigh || facts.original_us <= 0) return std::nullopt;
  if (facts.quantized_us * kLittle < facts.original_us) return std::nullopt;
  return Reason{ReasonKind::kStepByStep,
                Format("{} rows, step after step, and every step quantizes its hidden state anew: "
                       "{:.1f} µs a row in place of {:.1f}",
                       steps, facts.quantized_us / static_cast<double>(steps),
                       facts.original_us / static_cast<double>(steps)),
                "the same network as ONNX (examples/pytorch/export.py): ONNX Runtime's LSTM on "
                "codes is one kernel"};
}

bool IsTorchOperator(std::string_view op_type) {
  return op_type.find("::") != std::string_view::npos;
}

OperatorClass ClassOfTorch(std::string_view op_type) {
  const std::string_view name = BareName(op_type);
  if (name.starts_with("quantize_per") || name == "dequantize" ||
      name.starts_with("choose_qparams") || name.starts_with("fake_quantize")) {
    return OperatorClass::kQuantize;
  }
  if (op_type.starts_with("quantized::") || name.starts_with("quantized_")) {
    const bool moves = HasName(kTorchMoves, name);
    return moves ? OperatorClass::kLayout : OperatorClass::kInteger;
  }
  if (HasName(kTorchProducts, name) || IsConvolution(name)) return OperatorClass::kFloat;
  return HasName(kTorchMoves, name) ? OperatorClass::kLayout : OperatorClass::kElementwise;
}

LayerFamily FamilyOfTorch(const ProfiledOperator& op) {
  if (IsTorchRecurrence(op.op_type)) return LayerFamily::kRecurrence;
  if (!IsConvolution(op.op_type)) return LayerFamily::kProduct;
  const bool shows_weights = op.inputs.size() > 1 && op.inputs[1].shape;
  const Shape weights = shows_weights ? *op.inputs[1].shape : Shape();
  const bool one_each = weights.size() > 2 && weights[0] > 1 && weights[1] == 1;
  return one_each ? LayerFamily::kDepthwise : LayerFamily::kConvolution;
}

Reason WhyTorchIsFloat(const LayerFacts& facts) {
  const std::string_view name = BareName(facts.op->op_type);
  if (IsConvolution(name)) {
    return {ReasonKind::kLeftFloat,
            "a convolution: PyTorch's dynamic quantization is for linear and recurrent layers only",
            "static quantization: quantbench quantize MODEL.pt --recipe static-int8, or ONNX"};
  }
  if (name == "bmm" || name == "matmul" || name == "baddbmm" || name == "einsum" ||
      name == "scaled_dot_product_attention") {
    return {ReasonKind::kComputedOperands,
            "both operands are computed in the run: PyTorch quantizes weights only",
            "nothing: at short lengths it weighs little"};
  }
  return {ReasonKind::kLeftFloat, "its weights are floats: the quantizer left it out",
          "quantbench quantize MODEL.pt --recipe dynamic-int8 says of every layer why"};
}

std::optional<Reason> WhyTorchIsSlow(const LayerFacts& facts, std::string_view isa) {
  // Its x86 kernels are SSE2 [PyTorch, aten/src/ATen/native/quantized/cpu/qnnpack/src/q8gemm].
  if (facts.engine != "qnnpack" || isa.find("avx2") == std::string_view::npos) return std::nullopt;
  return Reason{ReasonKind::kForeignEngine,
                Format("QNNPACK is made for ARM, its x86 kernels are SSE2: {}", RatesOf(facts)),
                "--quantized-engine x86, fbgemm or onednn, whichever this libtorch has; or ONNX"};
}

}  // namespace quantbench
