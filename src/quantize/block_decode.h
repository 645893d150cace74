// For tests of block-wise weights: what the three layouts mean, number by number.
#pragma once

#include <cstdint>
#include <vector>

#include "quantize/block_weights.h"

namespace quantbench::testing {

// The i-th code of a stretch of bytes that begins at `begin`.
inline int CodeAt(const Tensor& tensor, std::int64_t begin, std::int64_t i, int bits) {
  const auto byte = static_cast<unsigned>(
      tensor.bytes[static_cast<std::size_t>(begin + (bits == 4 ? i / 2 : i))]);
  if (bits == 8) return static_cast<int>(byte);
  return static_cast<int>(i % 2 == 0 ? byte & 0xFU : byte >> 4U);
}

inline int ZeroPointAt(const BlockWeights& weights, std::int64_t output, std::int64_t block,
                       int bits) {
  if (!weights.zero_points.has_value()) return bits == 4 ? 8 : 128;
  return CodeAt(*weights.zero_points, output * weights.zero_points->shape[1], block, bits);
}

// [N, K] of the MatMulNBits or the GatherBlockQuantized layout, as it multiplies.
inline std::vector<double> DecodeOutputs(const BlockWeights& weights, const BlockSpec& spec,
                                         std::int64_t inputs) {
  const std::int64_t outputs = weights.scales.shape[0];
  const std::int64_t blocks = weights.scales.shape[1];
  const std::int64_t row_bytes = static_cast<std::int64_t>(weights.codes.bytes.size()) / outputs;
  std::vector<double> values;
  for (std::int64_t n = 0; n < outputs; ++n) {
    for (std::int64_t k = 0; k < inputs; ++k) {
      const std::int64_t block = k / spec.block;
      const double scale = weights.scales.As<float>()[static_cast<std::size_t>(n * blocks + block)];
      const int code = CodeAt(weights.codes, n * row_bytes, k, spec.bits);
      values.push_back(scale * (code - ZeroPointAt(weights, n, block, spec.bits)));
    }
  }
  return values;
}

// The tensor that DequantizeLinear-21 makes of it.
inline std::vector<double> DecodeInPlace(const BlockWeights& weights, const BlockSpec& spec,
                                         std::size_t axis) {
  std::vector<double> values = ToDoubles(weights.codes).value();
  const std::vector<double> scales = ToDoubles(weights.scales).value();
  std::vector<double> zero_points(scales.size());
  if (weights.zero_points.has_value()) zero_points = ToDoubles(*weights.zero_points).value();
  const std::int64_t columns = weights.codes.shape[1];
  const std::int64_t scale_columns = weights.scales.shape[1];
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(values.size()); ++i) {
    const std::int64_t row = axis == 0 ? i / columns / spec.block : i / columns;
    const std::int64_t column = axis == 1 ? i % columns / spec.block : i % columns;
    const auto place = static_cast<std::size_t>(row * scale_columns + column);
    double& value = values[static_cast<std::size_t>(i)];
    value = scales[place] * (value - zero_points[place]);
  }
  return values;
}

}  // namespace quantbench::testing
