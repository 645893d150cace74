// Kernels: the loops over weights, for whatever vector instructions the machine has.
#pragma once

#include <cstdint>
#include <span>

namespace quantbench::kernels {

// Every kernel gives the same bits on every machine: those of its namesake in kernels_reference.h.
// Codes are signed and symmetric, [-127, 127].

// The largest magnitude; 0 for no values. NaN counts as larger than infinity, so a NaN or an
// infinity among the values is seen in the result.
[[nodiscard]] float AbsMax(std::span<const float> values);

// The same for each column: maxima[j] = max(maxima[j], |row[j]|). Same lengths; maxima hold no
// sign.
void AbsMaxInto(std::span<const float> row, std::span<float> maxima);

// codes[i] = clamp(round(values[i] / scale)), halves to even.   [ONNX QuantizeLinear-21]
// Values are finite; scale > 0. Same lengths.
void QuantizeRow(std::span<const float> values, float scale, std::span<std::int8_t> codes);

// One row of a matrix whose columns have scales of their own.
void QuantizeRowByColumn(std::span<const float> row, std::span<const float> scales,
                         std::span<std::int8_t> codes);

// IEEE binary16, halves to even, subnormals kept. |values| <= 65504.
void ToHalf(std::span<const float> values, std::span<std::uint16_t> halves);

}  // namespace quantbench::kernels
