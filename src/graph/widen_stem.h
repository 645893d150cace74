// A first convolution that reads four channels.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>

#include "quantbench/model.h"

namespace quantbench {

// A dense 3x3 Conv that reads the three channels of a graph input reads four instead, the last all
// zeros (Pad), with weights of zero for it: the engine's integer convolution packs channels by
// four. Larger kernels gain nothing. Needs operator set 11 (Pad with its amounts as an input). Conv
// that put out one of `floats` stay as they are. The number of Conv widened; kMalformed when
// weights do not fit their shape.
[[nodiscard]] Result<std::int64_t> WidenStem(Model* model,
                                             const std::set<std::string, std::less<>>& floats = {});

}  // namespace quantbench
