// Weight scales: the plain ones, widened where the prover finds an overflow.
#include "quantize/weight_scales.h"

#include "quantize/overflow.h"

namespace quantbench {
namespace {

bool MaySaturate(Target target) {
  return target == Target::kX64 || target == Target::kPortable;
}

PairLayout LayoutOf(const Node& node, const WeightedLayer& layer) {
  if (node.Is("Conv")) return {PairOrder::kConv, node.IntAttribute("group", 1)};
  return {layer.transposed ? PairOrder::kRows : PairOrder::kColumns, 1};
}

}  // namespace

Result<WeightScales> ChooseWeightScales(const Node& node, const WeightedLayer& layer, Target target,
                                        int threads, WeightFacts* facts) {
  std::optional<PairLayout> pairs;
  if (MaySaturate(target) && !node.Is("Gather")) pairs = LayoutOf(node, layer);
  return facts->Scales(*layer.weight, layer.scales(), pairs, threads);
}

Result<WeightScales> WidenWeightScales(const Node& node, const WeightedLayer& layer,
                                       std::vector<float> scales, Target target, int threads) {
  if (!MaySaturate(target)) return WeightScales{std::move(scales), 0};
  QB_TRY(OverflowReport report,
         SafeScales(*layer.weight, LayoutOf(node, layer), scales, kHighestActivation, threads));
  return WeightScales{std::move(report.scales), report.unsafe_outputs};
}

Status KeepPairsSafe(const Node& node, const WeightedLayer& layer, Target target,
                     const Tensor& safe, Tensor* codes) {
  if (!MaySaturate(target)) return Ok();
  const auto replaced = ReplaceUnsafePairs(safe, LayoutOf(node, layer), kHighestActivation, codes);
  if (!replaced.ok()) return replaced.error();
  return Ok();
}

Result<WeightScales> ChooseRowScales(const Initializer& matrix, bool per_channel, Target target,
                                     int threads, WeightFacts* facts) {
  std::optional<PairLayout> pairs;
  if (MaySaturate(target)) pairs = PairLayout{PairOrder::kRows, 1};
  return facts->Scales(matrix, per_channel ? Channels::kRows : Channels::kNone, pairs, threads);
}

}  // namespace quantbench
