// Kernels: the loops over weights, for whatever vector instructions the machine has.
#pragma once

#include <cstdint>
#include <span>

namespace quantbench::kernels {

// Every kernel gives the same bits on every machine: those of its namesake in kernels_reference.h.
// Spans that belong together have the same length unless said otherwise.

// --- ranges (kernels_ranges.cc) ---

// The largest magnitude; 0 for no values. NaN counts as larger than infinity, so a NaN or an
// infinity among the values is seen in the result.
[[nodiscard]] float AbsMax(std::span<const float> values);

// The same for each column: maxima[j] = max(maxima[j], |row[j]|). Maxima hold no sign.
void AbsMaxInto(std::span<const float> row, std::span<float> maxima);

// The smallest and the largest value of every block of a row, the last of which may be shorter;
// lows and highs: one a block. -0 < +0, and NaN lies beyond infinity of its sign, so a NaN or an
// infinity is seen in one of the two.
void BlockRanges(std::span<const float> row, std::size_t block, std::span<float> lows,
                 std::span<float> highs);

// The same for each column: lows[j] and highs[j] come to hold row[j].
void RangesInto(std::span<const float> row, std::span<float> lows, std::span<float> highs);

// How many magnitudes lie above 0 and below `limit`, which is finite and above 0.
[[nodiscard]] std::size_t CountBelow(std::span<const float> values, float limit);

// The first i, `from` or later, at which |first[i] + second[i]| > limits[i]; their size when there
// is none. Values are finite.
[[nodiscard]] std::size_t FindWideSum(std::span<const float> first, std::span<const float> second,
                                      std::span<const float> limits, std::size_t from);

// The first even i, `from` (even) or later, at which |row[i] + row[i + 1]| > limit; the row's size
// when there is none. An odd last value has no neighbour. Values are finite.
[[nodiscard]] std::size_t FindWidePair(std::span<const float> row, float limit, std::size_t from);

// --- signed symmetric codes, [-127, 127] (kernels_int8.cc) ---

// codes[i] = clamp(round(values[i] / scale)), halves to even.   [ONNX QuantizeLinear-21]
// Values are finite; scale > 0.
void QuantizeRow(std::span<const float> values, float scale, std::span<std::int8_t> codes);

// One row of a matrix whose columns have scales of their own.
void QuantizeRowByColumn(std::span<const float> row, std::span<const float> scales,
                         std::span<std::int8_t> codes);

// --- unsigned codes with zero points (kernels_uint.cc) ---

// How stretches (or columns) become codes in [0, highest], highest at most 255.
struct AffineBlocks {
  std::span<const float> scales;              // finite, not 0; negative ones turn a stretch around
  std::span<const std::uint8_t> zero_points;  // [0, highest]
  std::uint8_t highest = 255;
};

// codes[i] = clamp(round(row[i] / scale) + zero_point), halves to even, with the scale and the zero
// point of the block that i falls into; the last block may be shorter.   [ONNX QuantizeLinear-21]
// One scale for all: a block as long as the row. Values are finite.
void QuantizeBlocks(std::span<const float> row, std::size_t block, const AffineBlocks& blocks,
                    std::span<std::uint8_t> codes);

// One row of a matrix whose columns have scales and zero points of their own.
void QuantizeColumns(std::span<const float> row, const AffineBlocks& columns,
                     std::span<std::uint8_t> codes);

// errors[j] += (row[j] - what its code by QuantizeColumns stands for)^2, in float32.
void AddColumnErrors(std::span<const float> row, const AffineBlocks& columns,
                     std::span<float> errors);

// Two 4-bit codes a byte, the first in its low half: packed[i] = codes[2i] | codes[2i + 1] << 4.
// An odd last code shares its byte with 0. Codes are at most 15; packed: half as many, rounded up.
// [ONNX IR, 4-bit tensors]
void PackNibbles(std::span<const std::uint8_t> codes, std::span<std::uint8_t> packed);

// --- narrower floats (kernels_float.cc); all round halves to even and keep subnormals ---

// IEEE binary16. |values| <= 65504.
void ToHalf(std::span<const float> values, std::span<std::uint16_t> halves);

// bfloat16: the upper half of binary32; NaN stays NaN and becomes quiet. A magnitude above the
// largest bfloat16, 0x1.FEp127, rounds to it or to infinity: callers that want finite numbers look
// for such values first.
void ToBfloat(std::span<const float> values, std::span<std::uint16_t> bfloats);

// values[i] / scale as float8, saturating: magnitudes beyond the largest number (448 or 57344) and
// infinities become it; NaN becomes the NaN 0x7F with its sign. scale > 0; 1 for a plain cast.
// [ONNX Cast-19, QuantizeLinear-19 with saturate = 1]
void ToFloat8E4M3(std::span<const float> values, float scale, std::span<std::uint8_t> out);
void ToFloat8E5M2(std::span<const float> values, float scale, std::span<std::uint8_t> out);

}  // namespace quantbench::kernels
