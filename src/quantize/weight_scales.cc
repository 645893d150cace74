// Weight scales: the plain ones, widened where the prover finds an overflow.
#include "quantize/weight_scales.h"

#include "quantize/overflow.h"

namespace quantbench {
namespace {

constexpr std::int32_t kHighestCode = 255;

bool MaySaturate(Target target) {
  return target == Target::kX64 || target == Target::kPortable;
}

PairLayout LayoutOf(const Node& node, const WeightedLayer& layer) {
  if (node.Is("Conv")) return {PairOrder::kConv, node.IntAttribute("group", 1)};
  return {layer.transposed ? PairOrder::kRows : PairOrder::kColumns, 1};
}

Result<WeightScales> Repaired(const Initializer& weights, const PairLayout& layout,
                              std::vector<float> scales, Target target, int threads) {
  if (!MaySaturate(target)) return WeightScales{std::move(scales), 0};
  QB_TRY(OverflowReport report, SafeScales(weights, layout, scales, kHighestCode, threads));
  return WeightScales{std::move(report.scales), report.unsafe_outputs};
}

}  // namespace

Result<WeightScales> ChooseWeightScales(const Node& node, const WeightedLayer& layer, Target target,
                                        int threads) {
  QB_TRY(const auto maxima, ChannelMaxima(*layer.weight, layer.scales(), threads));
  std::vector<float> scales = SymmetricScales(maxima);
  if (node.Is("Gather")) return WeightScales{std::move(scales), 0};
  return WidenWeightScales(node, layer, std::move(scales), target, threads);
}

Result<WeightScales> WidenWeightScales(const Node& node, const WeightedLayer& layer,
                                       std::vector<float> scales, Target target, int threads) {
  return Repaired(*layer.weight, LayoutOf(node, layer), std::move(scales), target, threads);
}

Status KeepPairsSafe(const Node& node, const WeightedLayer& layer, Target target,
                     const Tensor& safe, Tensor* codes) {
  if (!MaySaturate(target)) return Ok();
  const auto replaced = ReplaceUnsafePairs(safe, LayoutOf(node, layer), kHighestCode, codes);
  if (!replaced.ok()) return replaced.error();
  return Ok();
}

Result<WeightScales> ChooseRowScales(const Initializer& matrix, bool per_channel, Target target,
                                     int threads) {
  const Channels channels = per_channel ? Channels::kRows : Channels::kNone;
  QB_TRY(const auto maxima, ChannelMaxima(matrix, channels, threads));
  return Repaired(matrix, {PairOrder::kRows, 1}, SymmetricScales(maxima), target, threads);
}

}  // namespace quantbench
