// Weight scales: symmetric, and such that no sum overflows where the target's kernels saturate.
#pragma once

#include <cstdint>
#include <vector>

#include "quantize/weighted_layer.h"

namespace quantbench {

struct WeightScales {
  std::vector<float> scales;  // one an output channel, or one; of the weights as they are stored
  std::int64_t repaired = 0;  // channels that could have overflowed with the plain scales
};

// Of a weight with int8 codes in [-127, 127] that meets activation codes up to 255. `transposed`
// and `group` as the node has them. kMalformed for NaN and infinities.
[[nodiscard]] Result<WeightScales> ChooseWeightScales(const Node& node, const WeightedLayer& layer,
                                                      Target target, int threads);
// The same of a matrix [outputs, inputs] on its own.
[[nodiscard]] Result<WeightScales> ChooseRowScales(const Initializer& matrix, bool per_channel,
                                                   Target target, int threads);

}  // namespace quantbench
