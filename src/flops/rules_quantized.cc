// Work of turning numbers into codes and back, and of elementwise operators between codes: what
// they compute on decoded values, plus decoding (2 an element) and encoding (3).
#include "flops/rules.h"

namespace quantbench {
namespace {

constexpr std::int64_t kDecode = 2;  // subtract the zero point, scale
constexpr std::int64_t kEncode = 3;  // scale, round and add the zero point, saturate

Work PerCode(CountContext* context, std::int64_t elementwise) {
  Work work;
  work.elementwise = CountProduct({context->Out(), elementwise});
  return work;
}

Work QuantizeCodes(CountContext* context) {
  return PerCode(context, kEncode);
}
Work Dequantize(CountContext* context) {
  return PerCode(context, kDecode);
}
// Minimum and maximum first.
Work DynamicQuantize(CountContext* context) {
  return PerCode(context, 2 + kEncode);
}
Work Binary(CountContext* context) {
  return PerCode(context, 2 * kDecode + 1 + kEncode);
}
Work Unary(CountContext* context) {
  return PerCode(context, kDecode + 1 + kEncode);
}
Work Requantize(CountContext* context) {
  return PerCode(context, kDecode + kEncode);
}
// One look-up in a table of 256.
Work LookUp(CountContext* context) {
  return PerCode(context, 1);
}
Work GlobalPool(CountContext* context) {
  Work work = PerCode(context, kEncode);
  work.elementwise = CountSum(work.elementwise, context->In(0));
  return work;
}
Work PoolCodes(CountContext* context) {
  const Attribute* kernel = context->node().FindAttribute("kernel_shape");
  std::int64_t window = 1;
  if (kernel == nullptr) context->MarkUnknown();
  for (std::size_t i = 0; kernel != nullptr && i < kernel->ints.size(); ++i) {
    window = CountProduct({window, kernel->ints[i]});
  }
  return PerCode(context, CountSum(window, kEncode));
}
Work SoftmaxCodes(CountContext* context) {
  return PerCode(context, 3 + kEncode);
}

constexpr auto kQuantizedCounts = std::to_array<CountRuleEntry>({
    {"QuantizeLinear", QuantizeCodes},
    {"DequantizeLinear", Dequantize},
    {"DynamicQuantizeLinear", DynamicQuantize},
    {"GatherBlockQuantized", Dequantize},
    {"QLinearAdd", Binary},
    {"QLinearMul", Binary},
    {"QLinearLeakyRelu", Unary},
    {"QLinearSigmoid", LookUp},
    {"QLinearConcat", Requantize},
    {"QLinearGlobalAveragePool", GlobalPool},
    {"QLinearAveragePool", PoolCodes},
    {"QLinearSoftmax", SoftmaxCodes},
});

}  // namespace

std::span<const CountRuleEntry> QuantizedCounts() {
  return kQuantizedCounts;
}

}  // namespace quantbench
