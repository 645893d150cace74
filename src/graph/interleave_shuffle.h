// Channel shuffle without a Transpose.
#pragma once

#include <cstdint>

#include "quantbench/model.h"

namespace quantbench {

// Concat of G parts [N, K, H, W] and a channel shuffle of G groups [Zhang 2018, ShuffleNet], which
// is Reshape to [N, G, K, H, W], Transpose(0, 2, 1, 3, 4), Reshape, become one Concat of the parts
// as [N, K, 1, H W] along their new axis, and a Reshape. Bit for bit the same. Only where K, H and
// W are proven constants (ShapeValues) and nobody reads between the three nodes. The number of
// shuffles rewritten.
std::int64_t InterleaveShuffles(Model* model);

}  // namespace quantbench
