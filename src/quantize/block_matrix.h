// What the writers of block-wise layouts share: the matrix they read and what they found in it.
#pragma once

#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include "quantize/block_weights.h"

namespace quantbench {

// A float32 matrix of weights cut into blocks along its inputs.
struct BlockMatrix {
  std::int64_t outputs = 0;  // N
  std::int64_t inputs = 0;   // K
  std::int64_t blocks = 0;   // ceil(K / block)
  Channels channels = Channels::kRows;

  // Errors as in block_weights.h.
  [[nodiscard]] static Result<BlockMatrix> Of(const Initializer& initializer, Channels outputs,
                                              const BlockSpec& spec);
  [[nodiscard]] std::int64_t columns() const {
    return channels == Channels::kRows ? inputs : outputs;
  }
  // How many rows of [N, K], or blocks of rows of [K, N], one thread reads at a time.
  [[nodiscard]] std::int64_t RowsPerChunk() const;
  [[nodiscard]] std::int64_t BlocksPerChunk(std::int64_t block) const;
};

// Turns ranges into scales and zero points; remembers, from any thread, a range that is not finite.
class GridChooser {
 public:
  explicit GridChooser(const BlockSpec& spec) : spec_(spec) {}
  // Same lengths.
  void Choose(std::span<const float> lows, std::span<const float> highs, std::span<float> scales,
              std::span<std::uint8_t> zero_points);
  // NotFinite when there was such a range.
  [[nodiscard]] Status status(const Initializer& initializer) const;

 private:
  BlockSpec spec_;
  std::atomic<bool> found_infinity_{false};
  std::atomic<bool> found_nan_{false};
};

[[nodiscard]] inline std::uint8_t HighestCode(const BlockSpec& spec) {
  return spec.bits == 4 ? 15 : 255;
}
[[nodiscard]] inline std::int64_t BytesOf(std::int64_t codes, const BlockSpec& spec) {
  return spec.bits == 4 ? (codes + 1) / 2 : codes;
}

// The part of a span that starts at `begin` and holds `count` elements.
template <typename T>
[[nodiscard]] std::span<T> Part(std::span<T> values, std::int64_t begin, std::int64_t count) {
  return values.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count));
}

}  // namespace quantbench
