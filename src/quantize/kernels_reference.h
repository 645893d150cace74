// What the kernels mean: one value at a time, slow and obvious. Tests compare the two bit by bit.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>

#include "quantbench/tensor.h"

#include "quantize/kernels.h"

namespace quantbench::kernels::reference {

// What is left of a row after its first values.
template <typename T>
std::span<T> Tail(std::span<T> values, std::size_t begin) {
  return values.subspan(begin);
}

// The b-th block of a row; the last may be shorter.
inline std::span<const float> Block(std::span<const float> row, std::size_t block, std::size_t b) {
  return row.subspan(b * block, std::min(block, row.size() - b * block));
}

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

inline std::size_t CountBelow(std::span<const float> values, float limit) {
  std::size_t count = 0;
  for (const float value : values) {
    if (value != 0 && std::abs(value) < limit) ++count;
  }
  return count;
}

inline std::size_t FindWideSum(std::span<const float> first, std::span<const float> second,
                               std::span<const float> limits, std::size_t from) {
  std::size_t i = from;
  while (i < first.size() && !(std::abs(first[i] + second[i]) > limits[i])) ++i;
  return i;
}

inline std::size_t FindWidePair(std::span<const float> row, float limit, std::size_t from) {
  for (std::size_t i = from; i + 1 < row.size(); i += 2) {
    if (std::abs(row[i] + row[i + 1]) > limit) return i;
  }
  return row.size();
}

// The float's bits as a signed number that orders like it, and back: NaN lies beyond infinity.
inline std::int32_t OrderKey(float value) {
  const auto bits = std::bit_cast<std::int32_t>(value);
  return bits < 0 ? bits ^ 0x7FFFFFFF : bits;
}
inline float FromOrderKey(std::int32_t key) {
  return std::bit_cast<float>(key < 0 ? key ^ 0x7FFFFFFF : key);
}

inline void RangeInto(float value, float* low, float* high) {
  *low = FromOrderKey(std::min(OrderKey(*low), OrderKey(value)));
  *high = FromOrderKey(std::max(OrderKey(*high), OrderKey(value)));
}

inline void BlockRanges(std::span<const float> row, std::size_t block, std::span<float> lows,
                        std::span<float> highs) {
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i % block == 0) lows[i / block] = highs[i / block] = row[i];
    RangeInto(row[i], &lows[i / block], &highs[i / block]);
  }
}

inline void RangesInto(std::span<const float> row, std::span<float> lows, std::span<float> highs) {
  for (std::size_t j = 0; j < row.size(); ++j) RangeInto(row[j], &lows[j], &highs[j]);
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

// In doubles, so that adding the zero point first cannot round.
inline std::uint8_t QuantizeUnsigned(float value, float scale, int zero_point, int highest) {
  const double code = std::nearbyint(double{value / scale}) + zero_point;
  return static_cast<std::uint8_t>(std::clamp(code, 0.0, static_cast<double>(highest)));
}

inline void QuantizeBlocks(std::span<const float> row, std::size_t block,
                           const AffineBlocks& blocks, std::span<std::uint8_t> codes) {
  for (std::size_t i = 0; i < row.size(); ++i) {
    codes[i] = QuantizeUnsigned(row[i], blocks.scales[i / block], blocks.zero_points[i / block],
                                blocks.highest);
  }
}

inline void QuantizeColumns(std::span<const float> row, const AffineBlocks& columns,
                            std::span<std::uint8_t> codes) {
  reference::QuantizeBlocks(row, 1, columns, codes);
}

inline void AddColumnErrors(std::span<const float> row, const AffineBlocks& columns,
                            std::span<float> errors) {
  for (std::size_t j = 0; j < row.size(); ++j) {
    const float scale = columns.scales[j];
    const int zero_point = columns.zero_points[j];
    const int steps = QuantizeUnsigned(row[j], scale, zero_point, columns.highest) - zero_point;
    const float error = row[j] - static_cast<float>(steps) * scale;
    errors[j] += error * error;
  }
}

inline void PackNibbles(std::span<const std::uint8_t> codes, std::span<std::uint8_t> packed) {
  for (std::size_t i = 0; i < codes.size(); i += 2) {
    const unsigned second = i + 1 < codes.size() ? codes[i + 1] : 0U;
    packed[i / 2] = static_cast<std::uint8_t>(codes[i] | (second << 4U));
  }
}

inline void ToHalf(std::span<const float> values, std::span<std::uint16_t> halves) {
  for (std::size_t i = 0; i < values.size(); ++i) halves[i] = FloatToHalf(values[i]);
}

inline void ToBfloat(std::span<const float> values, std::span<std::uint16_t> bfloats) {
  for (std::size_t i = 0; i < values.size(); ++i) bfloats[i] = FloatToBfloat(values[i]);
}

// A float8 format with that many digits behind the point; the exponent of its smallest normal
// number; its largest number. Both formats of ONNX have NaN at 0x7F.
struct Float8Format {
  int digits;
  int smallest_exponent;
  double largest;
};
inline constexpr Float8Format kFloat8E4M3 = {3, -6, 448};
inline constexpr Float8Format kFloat8E5M2 = {2, -14, 57344};

// In doubles: the number of last places that the magnitude is made of, rounded.
inline std::uint8_t ToFloat8(float value, const Float8Format& format) {
  const auto sign = static_cast<std::uint8_t>(std::signbit(value) ? 0x80 : 0);
  if (std::isnan(value)) return static_cast<std::uint8_t>(sign | 0x7F);
  const double magnitude = std::min(std::abs(double{value}), format.largest);
  const int exponent = magnitude == 0 ? format.smallest_exponent
                                      : std::max(std::ilogb(magnitude), format.smallest_exponent);
  const double places = std::nearbyint(std::ldexp(magnitude, format.digits - exponent));
  // A whole binade is 2^digits places; the codes of a binade follow those of the one below.
  const int code =
      static_cast<int>(places) + ((exponent - format.smallest_exponent) << format.digits);
  return static_cast<std::uint8_t>(sign | code);
}

inline void ToFloat8E4M3(std::span<const float> values, float scale, std::span<std::uint8_t> out) {
  for (std::size_t i = 0; i < values.size(); ++i) out[i] = ToFloat8(values[i] / scale, kFloat8E4M3);
}

inline void ToFloat8E5M2(std::span<const float> values, float scale, std::span<std::uint8_t> out) {
  for (std::size_t i = 0; i < values.size(); ++i) out[i] = ToFloat8(values[i] / scale, kFloat8E5M2);
}

}  // namespace quantbench::kernels::reference
