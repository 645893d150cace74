// Weight scales: symmetric, and such that no sum overflows where the target's kernels saturate.
#pragma once

#include <cstdint>
#include <vector>

#include "quantize/weight_facts.h"
#include "quantize/weighted_layer.h"

namespace quantbench {

// Of a weight with int8 codes in [-127, 127] that meets activation codes up to 255. `transposed`
// and `group` as the node has them. kMalformed for NaN and infinities.
[[nodiscard]] Result<WeightScales> ChooseWeightScales(const Node& node, const WeightedLayer& layer,
                                                      Target target, int threads,
                                                      WeightFacts* facts);
// Scales as they are given, one an output channel, widened in the same way.
[[nodiscard]] Result<WeightScales> WidenWeightScales(const Node& node, const WeightedLayer& layer,
                                                     std::vector<float> scales, Target target,
                                                     int threads);
// Int8 codes in the weight's shape, whose unsafe pairs become those of `safe`.
[[nodiscard]] Status KeepPairsSafe(const Node& node, const WeightedLayer& layer, Target target,
                                   const Tensor& safe, Tensor* codes);
// As ChooseWeightScales, of a matrix [outputs, inputs] on its own.
[[nodiscard]] Result<WeightScales> ChooseRowScales(const Initializer& matrix, bool per_channel,
                                                   Target target, int threads, WeightFacts* facts);

}  // namespace quantbench
