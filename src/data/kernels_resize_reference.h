// What the kernels of resizing mean: one number at a time. Tests compare the two.
#pragma once

#include <algorithm>

#include "data/kernels_resize.h"

namespace quantbench::kernels::reference {

constexpr std::int32_t kHalf = 1 << (kTapBits - 1);

inline std::uint8_t ToByte(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kTapBits, 0, 255));
}

inline void FilterRow(std::span<const std::uint8_t> in, std::size_t channels, const Taps& taps,
                      std::span<std::uint8_t> out) {
  for (std::size_t position = 0; position < taps.runs.size(); ++position) {
    const std::int32_t* weights = taps.WeightsOf(position);
    const Taps::Run run = taps.runs[position];
    for (std::size_t c = 0; c < channels; ++c) {
      std::int32_t sum = kHalf;
      for (std::size_t i = 0; i < run.count; ++i) {
        sum += in[(run.first + i) * channels + c] * weights[i];
      }
      out[position * channels + c] = ToByte(sum);
    }
  }
}

// The bytes of `out` from `begin` on.
inline void FilterColumns(std::span<const std::uint8_t> in, const Taps& taps, std::size_t position,
                          std::size_t begin, std::span<std::uint8_t> out) {
  const std::int32_t* weights = taps.WeightsOf(position);
  const Taps::Run run = taps.runs[position];
  for (std::size_t x = begin; x < out.size(); ++x) {
    std::int32_t sum = kHalf;
    for (std::size_t i = 0; i < run.count; ++i) {
      sum += in[(run.first + i) * out.size() + x] * weights[i];
    }
    out[x] = ToByte(sum);
  }
}

}  // namespace quantbench::kernels::reference
