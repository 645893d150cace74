// Kernels of resizing: the sums over pixels, for whatever vector instructions the machine has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace quantbench::kernels {

constexpr int kTapBits = 32 - 8 - 2;  // fractional bits of a weight, as in PIL: sums fit 32 bits

// For every output position: the first input position, and how many weights there are from there
// on.
struct Taps {
  struct Run {
    std::size_t first = 0;
    std::size_t count = 0;
  };
  std::vector<Run> runs;
  std::vector<std::int32_t> weights;  // `widest` for each position, kTapBits fractional bits
  std::size_t widest = 0;

  [[nodiscard]] const std::int32_t* WeightsOf(std::size_t position) const {
    return weights.data() + position * widest;
  }
};

// Bytes behind the pixels of FilterRow's spans that it may read or write.
constexpr std::size_t kSlack = 4;

// Both give the same pixels on every machine: those of their namesakes in
// kernels_resize_reference.h.

// One row of pixels of 1 or 3 interleaved channels, filtered along itself: out holds a pixel for
// each of the taps' positions. Both spans end with kSlack bytes more; those of `out` are
// overwritten.
void FilterRow(std::span<const std::uint8_t> in, std::size_t channels, const Taps& taps,
               std::span<std::uint8_t> out);

// One row of a result, out.size() bytes, from the rows of `in`, each of out.size() bytes, that the
// taps of `position` cover.
void FilterColumns(std::span<const std::uint8_t> in, const Taps& taps, std::size_t position,
                   std::span<std::uint8_t> out);

}  // namespace quantbench::kernels
