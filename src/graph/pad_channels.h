// Channel counts that integer depthwise convolutions are fast with.
#pragma once

#include <cstdint>

#include "quantbench/model.h"

namespace quantbench {

// Raises the channel count of depthwise Conv to a multiple of 16 by channels that nobody reads:
// Conv(W | 0, x | anything) = Conv(W, x). The engine's integer depthwise kernels take 1.2 to 2
// times as long with any other count. Whole sets of tied activations (ChannelGroups) are padded;
// only where that adds at most a quarter. The number of depthwise Conv padded; kMalformed when
// weights do not fit their shape.
[[nodiscard]] Result<std::int64_t> PadDepthwiseChannels(Model* model);

}  // namespace quantbench
