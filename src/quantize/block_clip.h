// Clipping of blocks by the squared error that their codes leave, without data.
#pragma once

#include <cstdint>
#include <span>

#include "quantize/block_weights.h"

namespace quantbench {

// Ranges become those parts of themselves, from 1 down to 0.24 of them, whose codes leave the least
// sum of squared errors: factors 0.04 apart, then 0.01 apart around the best, as recover.h's
// ClipByMse [Banner 2019] without importance, with sums in float32. lows and highs: the ranges of
// some columns of the rows that make up a block; those that are not finite stay. `values`: rows of
// `stride` numbers, the columns from `left` on.
void ClipColumnRanges(std::span<const float> values, std::int64_t stride, std::int64_t left,
                      const BlockSpec& spec, std::span<float> lows, std::span<float> highs);

// The same of one output's inputs, one range a block; the last block may be shorter.
void ClipRowRanges(std::span<const float> row, const BlockSpec& spec, std::span<float> lows,
                   std::span<float> highs);

}  // namespace quantbench
