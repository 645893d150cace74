// What the writers of block-wise layouts share: the matrix they read and what they found in it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "quantbench/base/parallel.h"
#include "quantbench/graph.h"

#include "quantize/block_weights.h"
#include "quantize/kernels.h"

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
  // How many rows of [N, K] one thread reads at a time; an even number.
  [[nodiscard]] std::int64_t RowsPerChunk() const;
};

// Turns ranges into scales and zero points; remembers, from any thread, a range that is not finite.
class GridChooser {
 public:
  explicit GridChooser(const BlockSpec& spec) : spec_(spec) {}
  [[nodiscard]] const BlockSpec& spec() const { return spec_; }
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

// The grids of some columns of rows that make up a block of [K, N].
class ColumnGrids {
 public:
  // `values`: whole rows of `columns` numbers; the grids are those of `width` columns from `left`.
  ColumnGrids(std::span<const float> values, std::int64_t columns, std::int64_t left,
              std::int64_t width, GridChooser* chooser);
  [[nodiscard]] std::span<const float> scales() const { return scales_; }
  [[nodiscard]] std::span<const std::uint8_t> zero_points() const { return zero_points_; }
  [[nodiscard]] kernels::AffineBlocks grids(std::uint8_t highest) const {
    return {scales_, zero_points_, highest};
  }

 private:
  std::vector<float> scales_;
  std::vector<std::uint8_t> zero_points_;
};

// Calls use(block, rows) with the rows of [K, N] that make up `together` blocks from `block` on
// (the last ones: fewer), from several threads.
struct RowBlocks {
  std::int64_t rows_per_block = 0;
  std::int64_t together = 1;
};
template <typename Use>
void ForBlocksOfRows(const FloatValues& weights, const BlockMatrix& matrix, const RowBlocks& cut,
                     int threads, const Use& use) {
  ParallelFor(matrix.blocks, cut.together, threads, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t last = std::min(matrix.inputs, end * cut.rows_per_block);
    weights.Read(begin * cut.rows_per_block * matrix.outputs, last * matrix.outputs,
                 [&](std::span<const float> rows) { use(begin, rows); });
  });
}

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
