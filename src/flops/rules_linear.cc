// Work of convolutions, products of matrices and recurrences, of floats and of codes.
#include <string>

#include "flops/rules.h"

namespace quantbench {
namespace {

// Where the operands of one operator stand.
struct Operands {
  std::size_t weight = 1;
  std::size_t bias = 2;
  std::int64_t dequantize = 0;  // elementwise operations an output element, to scale or requantize
  std::int64_t quantize = 0;    // the same an input element
};

// Every output element is a sum over the input channels of its group and the kernel's window:
// MACs = |Y| (C / group) prod(kernel), the weight being [M, C / group, kernel ...]. The layout of
// the data does not matter.
Work CountConv(CountContext* context, const Operands& operands) {
  Work work;
  const std::int64_t outputs = context->Out();
  const std::int64_t window = context->In(operands.weight);
  const std::int64_t channels = context->InDim(operands.weight, 0);
  work.macs = channels > 0 ? CountProduct({outputs, window / channels}) : 0;
  work.elementwise = CountProduct({outputs, operands.dequantize});
  if (context->Has(operands.bias)) work.elementwise = CountSum(work.elementwise, outputs);
  return work;
}

Work Conv(CountContext* context) {
  return CountConv(context, {});
}
Work ConvInteger(CountContext* context) {
  return CountConv(context, {1, 99, 0, 0});
}
Work QLinearConv(CountContext* context) {
  return CountConv(context, {3, 8, 2, 0});
}
// A residual that is added, and an activation of one operation.
Work FusedConv(CountContext* context) {
  Work work = CountConv(context, {});
  const std::int64_t extra =
      (context->Has(3) ? 1 : 0) + (context->node().FindAttribute("activation") != nullptr ? 1 : 0);
  work.elementwise = CountSum(work.elementwise, CountProduct({context->Out(), extra}));
  return work;
}

// Every input element meets every weight of its channel, the weight being [C, M / group, kernel].
Work ConvTranspose(CountContext* context) {
  Work work;
  const std::int64_t channels = context->InDim(1, 0);
  work.macs = channels > 0 ? CountProduct({context->In(0), context->In(1) / channels}) : 0;
  if (context->Has(2)) work.elementwise = context->Out();
  return work;
}

// Every output element is a sum over the K that the operands share.
Work CountProductOf(CountContext* context, std::int64_t shared, const Operands& operands) {
  Work work;
  const std::int64_t outputs = context->Out();
  work.macs = CountProduct({outputs, shared});
  work.elementwise = CountProduct({outputs, operands.dequantize});
  if (context->Has(operands.bias)) work.elementwise = CountSum(work.elementwise, outputs);
  const std::int64_t codes = CountProduct({context->In(0), operands.quantize});
  work.elementwise = CountSum(work.elementwise, codes);
  return work;
}

Work MatMul(CountContext* context) {
  return CountProductOf(context, context->InDim(0, -1), {1, 99, 0, 0});
}
Work FusedMatMul(CountContext* context) {
  const bool turned = context->node().IntAttribute("transA", 0) != 0;
  const bool scaled = context->node().FloatAttribute("alpha", 1) != 1;
  const std::int64_t shared = context->InDim(0, turned ? -2 : -1);
  return CountProductOf(context, shared, {1, 99, scaled ? 1 : 0, 0});
}
Work QLinearMatMul(CountContext* context) {
  return CountProductOf(context, context->InDim(0, -1), {3, 99, 2, 0});
}
Work MatMulIntegerToFloat(CountContext* context) {
  return CountProductOf(context, context->InDim(0, -1), {1, 6, 2, 0});
}
// Its input's range is searched (2 an element) and quantized (3).
Work DynamicQuantizeMatMul(CountContext* context) {
  return CountProductOf(context, context->InDim(0, -1), {1, 4, 2, 5});
}
// Weights [N, blocks, bytes] of few bits, decoded (2 a weight) once a call.
Work MatMulNBits(CountContext* context) {
  const std::int64_t inner = context->node().IntAttribute("K", 0);
  const std::int64_t columns = context->node().IntAttribute("N", 0);
  Work work = CountProductOf(context, inner, {1, 5, 0, 0});
  work.elementwise = CountSum(work.elementwise, CountProduct({2, inner, columns}));
  return work;
}

Work CountGemm(CountContext* context, const Operands& operands) {
  const Node& node = context->node();
  const std::int64_t shared = context->InDim(0, node.IntAttribute("transA", 0) != 0 ? 0 : 1);
  Work work = CountProductOf(context, shared, operands);
  const std::int64_t factors = (node.FloatAttribute("alpha", 1) != 1 ? 1 : 0) +
                               (node.FloatAttribute("beta", 1) != 1 ? 1 : 0) +
                               (node.FindAttribute("activation") != nullptr ? 1 : 0);
  work.elementwise = CountSum(work.elementwise, CountProduct({context->Out(), factors}));
  return work;
}
Work Gemm(CountContext* context) {
  return CountGemm(context, {});
}
Work QGemm(CountContext* context) {
  return CountGemm(context, {3, 6, 2, 0});
}

// Per step, direction and sample, of H hidden units: what one gate takes times the gates, and what
// joins them.
struct Cell {
  std::int64_t gates = 0;
  std::int64_t elementwise = 0;      // a hidden unit, beyond adding W x, R h and the biases
  std::int64_t transcendentals = 0;  // a hidden unit
};

Work CountRecurrent(CountContext* context, const Cell& cell, std::int64_t hidden,
                    std::int64_t directions) {
  Work work;
  const std::int64_t inputs = context->InDim(0, -1);
  const std::int64_t steps = inputs > 0 ? context->In(0) / inputs : 0;  // sequence x batch
  const std::int64_t units = CountProduct({steps, directions, hidden});
  work.macs = CountProduct({units, cell.gates, CountSum(inputs, hidden)});
  const std::int64_t sums = cell.gates * (context->Has(3) ? 3 : 1);  // W x + R h, and two biases
  work.elementwise = CountProduct({units, sums + cell.elementwise});
  work.transcendentals = CountProduct({units, cell.transcendentals});
  return work;
}

// Three sigmoids (3 operations and an exp each) and two tanh; c = f c + i g, h = o tanh(c).
constexpr Cell kLstm = {4, 9 + 4, 5};
// Two sigmoids and a tanh; r h, and h = (1 - z) n + z h.
constexpr Cell kGru = {3, 6 + 5, 3};
constexpr Cell kRnn = {1, 0, 1};

Work Lstm(CountContext* context) {
  return CountRecurrent(context, kLstm, context->InDim(2, 2), context->InDim(2, 0));
}
Work Gru(CountContext* context) {
  return CountRecurrent(context, kGru, context->InDim(2, 2), context->InDim(2, 0));
}
Work Rnn(CountContext* context) {
  return CountRecurrent(context, kRnn, context->InDim(2, 2), context->InDim(2, 0));
}
// Its recurrence weights are [directions, hidden, 4 hidden]; x and h are quantized in every step,
// and the products scaled.
Work DynamicQuantizeLstm(CountContext* context) {
  const std::int64_t hidden = context->InDim(2, 1);
  const std::int64_t directions = context->InDim(2, 0);
  Work work = CountRecurrent(context, kLstm, hidden, directions);
  const std::int64_t inputs = context->InDim(0, -1);
  const std::int64_t steps = inputs > 0 ? context->In(0) / inputs : 0;
  const std::int64_t codes =
      CountProduct({steps, directions, CountProduct({5, CountSum(inputs, hidden)})});
  const std::int64_t scaled =
      CountProduct({steps, directions, std::int64_t{4} * kLstm.gates, hidden});
  work.elementwise = CountSum(work.elementwise, CountSum(codes, scaled));
  return work;
}

constexpr auto kLinearCounts = std::to_array<CountRuleEntry>({
    {"Conv", Conv},
    {"FusedConv", FusedConv},
    {"NhwcFusedConv", FusedConv},
    {"ConvTranspose", ConvTranspose},
    {"MatMul", MatMul},
    {"FusedMatMul", FusedMatMul},
    {"Gemm", Gemm},
    {"FusedGemm", Gemm},
    {"LSTM", Lstm},
    {"GRU", Gru},
    {"RNN", Rnn},
    {"MatMulNBits", MatMulNBits},
    {"ConvInteger", ConvInteger, true},
    {"QLinearConv", QLinearConv, true},
    {"MatMulInteger", MatMul, true},
    {"QLinearMatMul", QLinearMatMul, true},
    {"MatMulIntegerToFloat", MatMulIntegerToFloat, true},
    {"DynamicQuantizeMatMul", DynamicQuantizeMatMul, true},
    {"QGemm", QGemm, true},
    {"DynamicQuantizeLSTM", DynamicQuantizeLstm, true},
});

}  // namespace

std::span<const CountRuleEntry> LinearCounts() {
  return kLinearCounts;
}

}  // namespace quantbench
