// What the kernels mean: one value at a time, slow and obvious. Tests compare the two bit by bit.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>

#include "quantbench/tensor.h"

namespace quantbench::kernels::reference {

// The pattern of |value|: as an unsigned number it orders magnitudes, with NaN above infinity.
inline std::uint32_t MagnitudeBits(float value) {
  return std::bit_cast<std::uint32_t>(value) & 0x7FFFFFFFU;
}

inline float AbsMax(std::span<const float> values) {
  std::uint32_t largest = 0;
  for (const float value : values) largest = std::max(largest, MagnitudeBits(value));
  return std::bit_cast<float>(largest);
}

inline void AbsMaxInto(std::span<const float> row, std::span<float> maxima) {
  for (std::size_t j = 0; j < row.size(); ++j) {
    maxima[j] = std::bit_cast<float>(std::max(MagnitudeBits(maxima[j]), MagnitudeBits(row[j])));
  }
}

inline std::int8_t Quantize(float value, float scale) {
  const float steps = std::clamp(value / scale, -127.0F, 127.0F);
  return static_cast<std::int8_t>(std::nearbyint(steps));
}

inline void QuantizeRow(std::span<const float> values, float scale, std::span<std::int8_t> codes) {
  for (std::size_t i = 0; i < values.size(); ++i) codes[i] = Quantize(values[i], scale);
}

inline void QuantizeRowByColumn(std::span<const float> row, std::span<const float> scales,
                                std::span<std::int8_t> codes) {
  for (std::size_t j = 0; j < row.size(); ++j) codes[j] = Quantize(row[j], scales[j]);
}

inline void ToHalf(std::span<const float> values, std::span<std::uint16_t> halves) {
  for (std::size_t i = 0; i < values.size(); ++i) halves[i] = FloatToHalf(values[i]);
}

}  // namespace quantbench::kernels::reference
