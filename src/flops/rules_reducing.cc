// Work of operators that reduce: pools, sums, norms, softmax; and of resizing.
#include "flops/rules.h"

namespace quantbench {
namespace {

// Rows of what is reduced over the last dimensions from `axis` on.
std::int64_t RowsOf(CountContext* context, std::int64_t fallback_axis) {
  const std::int64_t axis = context->node().IntAttribute("axis", fallback_axis);
  const auto rank = static_cast<std::int64_t>(context->InRank(0));
  std::int64_t rows = 1;
  for (std::int64_t i = 0; i < (axis < 0 ? axis + rank : axis) && i < rank; ++i) {
    rows = CountProduct({rows, context->InDim(0, i)});
  }
  return rows;
}

Work PerInput(CountContext* context, std::int64_t elementwise, std::int64_t transcendentals = 0) {
  const std::int64_t elements = context->In(0);
  Work work;
  work.elementwise = CountProduct({elements, elementwise});
  work.transcendentals = CountProduct({elements, transcendentals});
  return work;
}

// As many additions or comparisons as the window has places, an output element.
Work Pool(CountContext* context) {
  const Attribute* kernel = context->node().FindAttribute("kernel_shape");
  if (kernel == nullptr) {
    context->MarkUnknown();
    return {};
  }
  std::int64_t window = 1;
  for (const std::int64_t size : kernel->ints) window = CountProduct({window, size});
  Work work;
  work.elementwise = CountProduct({context->Out(), window});
  return work;
}

Work Reduce(CountContext* context) {
  return PerInput(context, 1);
}
Work ReduceSquares(CountContext* context) {
  return PerInput(context, 2);
}
Work ReduceL2(CountContext* context) {
  Work work = PerInput(context, 2);
  work.transcendentals = context->Out();
  return work;
}
Work ReduceLogSum(CountContext* context) {
  Work work = PerInput(context, 1);
  work.transcendentals = context->Out();
  return work;
}
Work ReduceLogSumExp(CountContext* context) {
  Work work = PerInput(context, 1, 1);
  work.transcendentals = CountSum(work.transcendentals, context->Out());
  return work;
}

// max, subtract, sum and divide, and one exp: [measuring convention: 3 n and n].
Work Softmax(CountContext* context) {
  return PerInput(context, 3, 1);
}

// Mean, deviation, square, sum; scaled by the root, then by weight and bias.
Work LayerNorm(CountContext* context) {
  Work work = PerInput(context, 7);
  work.transcendentals = RowsOf(context, -1);
  return work;
}
Work RmsNorm(CountContext* context) {
  Work work = PerInput(context, 4);
  work.transcendentals = RowsOf(context, -1);
  return work;
}
// The same after a sum, and a bias where there is one.
Work SkipLayerNorm(CountContext* context) {
  Work work = PerInput(context, context->Has(4) ? 9 : 8);
  work.transcendentals = RowsOf(context, -1);
  return work;
}
Work SkipRmsNorm(CountContext* context) {
  Work work = PerInput(context, context->Has(3) ? 6 : 5);
  work.transcendentals = RowsOf(context, -1);
  return work;
}
// A root for every channel of every sample, or every group of them.
Work InstanceNorm(CountContext* context) {
  Work work = PerInput(context, 7);
  work.transcendentals = CountProduct({context->InDim(0, 0), context->InDim(0, 1)});
  return work;
}
Work GroupNorm(CountContext* context) {
  Work work = PerInput(context, 7);
  work.transcendentals =
      CountProduct({context->InDim(0, 0), context->node().IntAttribute("num_groups", 1)});
  return work;
}
// At inference one factor and one term a channel, which are computed ahead.
Work BatchNorm(CountContext* context) {
  return PerInput(context, 2);
}
Work LpNorm(CountContext* context) {
  Work work = PerInput(context, 3);
  const std::int64_t length = context->InDim(0, context->node().IntAttribute("axis", -1));
  work.transcendentals = length > 0 ? context->In(0) / length : 0;
  return work;
}
// Squares of the neighbours, and a power.
Work LocalResponseNorm(CountContext* context) {
  return PerInput(context, 3 + context->node().IntAttribute("size", 1), 1);
}

// Between 4 neighbours (linear) or 16 (cubic) an element, each a product and a sum.
Work Resize(CountContext* context) {
  const Attribute* mode = context->node().FindAttribute("mode");
  std::int64_t cost = 0;
  if (mode != nullptr && mode->s == "linear") cost = 8;
  if (mode != nullptr && mode->s == "cubic") cost = 32;
  Work work;
  work.elementwise = CountProduct({context->Out(), cost});
  return work;
}

// Operators of several operands: one operation less than operands, an element.
Work Several(CountContext* context) {
  std::int64_t operands = 0;
  for (std::size_t i = 0; i < context->node().inputs.size(); ++i) operands += context->Has(i);
  Work work;
  work.elementwise = CountProduct({context->Out(), operands > 1 ? operands - 1 : 0});
  return work;
}

constexpr auto kReducingCounts = std::to_array<CountRuleEntry>({
    {"MaxPool", Pool},
    {"NhwcMaxPool", Pool},
    {"AveragePool", Pool},
    {"GlobalAveragePool", Reduce},
    {"GlobalMaxPool", Reduce},
    {"ReduceSum", Reduce},
    {"ReduceMean", Reduce},
    {"ReduceMax", Reduce},
    {"ReduceMin", Reduce},
    {"ReduceProd", Reduce},
    {"ReduceL1", ReduceSquares},
    {"ReduceSumSquare", ReduceSquares},
    {"ReduceL2", ReduceL2},
    {"ReduceLogSum", ReduceLogSum},
    {"ReduceLogSumExp", ReduceLogSumExp},
    {"ArgMax", Reduce},
    {"ArgMin", Reduce},
    {"TopK", Reduce},
    {"CumSum", Reduce},
    {"Softmax", Softmax},
    {"LogSoftmax", Softmax},
    {"Hardmax", Reduce},
    {"LayerNormalization", LayerNorm},
    {"RMSNormalization", RmsNorm},
    {"SimplifiedLayerNormalization", RmsNorm},
    {"SkipLayerNormalization", SkipLayerNorm},
    {"SkipSimplifiedLayerNormalization", SkipRmsNorm},
    {"InstanceNormalization", InstanceNorm},
    {"GroupNormalization", GroupNorm},
    {"BatchNormalization", BatchNorm},
    {"LpNormalization", LpNorm},
    {"LRN", LocalResponseNorm},
    {"Resize", Resize},
    {"Upsample", Resize},
    {"Sum", Several},
    {"Mean", Several},
    {"Min", Several},
    {"Max", Several},
});

}  // namespace

std::span<const CountRuleEntry> ReducingCounts() {
  return kReducingCounts;
}

}  // namespace quantbench
