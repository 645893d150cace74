// Clipping of blocks by the squared error that their codes leave, without data.
#pragma once

#include <cstdint>
#include <span>

#include "quantize/block_weights.h"

namespace quantbench {

// Ranges become those parts of themselves whose codes leave the least sum of squared errors: the
// factors of recover.h's ClipByMse [Banner 2019], without importance, for all blocks at once and
// with sums in float32, so that nothing is kept beside the rows. lows and highs: the ranges of some
// columns of the rows that make up a block; those that are not finite stay. `values`: rows of
// `stride` numbers, the columns from `left` on.
void ClipColumnRanges(std::span<const float> values, std::int64_t stride, std::int64_t left,
                      const BlockSpec& spec, std::span<float> lows, std::span<float> highs);

// The same of one output's inputs, one range a block; the last block may be shorter.
void ClipRowRanges(std::span<const float> row, const BlockSpec& spec, std::span<float> lows,
                   std::span<float> highs);

}  // namespace quantbench
