// X^T X in tiles that stay in registers.
#include "calibrate/gram.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "quantbench/base/parallel.h"
#include "quantbench/base/status.h"

namespace quantbench {
namespace {

// A panel is 16 neighbouring columns, a tile 4 of them by a whole panel.
constexpr std::int64_t kPanel = 16;
constexpr std::int64_t kTile = 4;
// Below so many products a second thread does not pay.
constexpr std::int64_t kProductsPerThread = 1 << 20;

using TileSums = std::array<float, kTile * kPanel>;

// `sums`[i][j] = sum over the rows of left[row][i] right[row][j]. One multiplication and one
// addition a product, never fused: the same bits with lanes of any width.
template <typename Lanes>
__attribute__((always_inline)) inline void MultiplyTile(const float* left, const float* right,
                                                        std::int64_t rows, TileSums* sums) {
  constexpr std::int64_t kLanes = sizeof(Lanes) / sizeof(float);
  constexpr std::int64_t kParts = kPanel / kLanes;
  Lanes total[kTile][kParts] = {};  // NOLINT(modernize-avoid-c-arrays): must stay in registers
  for (std::int64_t row = 0; row < rows; ++row) {
    Lanes y[kParts];  // NOLINT(modernize-avoid-c-arrays)
    for (std::int64_t p = 0; p < kParts; ++p) {
      std::memcpy(&y[p], right + row * kPanel + p * kLanes, sizeof(Lanes));
    }
    for (std::int64_t i = 0; i < kTile; ++i) {
      const float x = left[row * kPanel + i];
      for (std::int64_t p = 0; p < kParts; ++p) total[i][p] += x * y[p];
    }
  }
  for (std::int64_t i = 0; i < kTile; ++i) {
    for (std::int64_t p = 0; p < kParts; ++p) {
      std::memcpy(sums->data() + i * kPanel + p * kLanes, &total[i][p], sizeof(Lanes));
    }
  }
}

using MultiplyTileFunction = void (*)(const float*, const float*, std::int64_t, TileSums*);

using FourFloats = float __attribute__((vector_size(16)));
void MultiplyTileBase(const float* left, const float* right, std::int64_t rows, TileSums* sums) {
  MultiplyTile<FourFloats>(left, right, rows, sums);
}

#if defined(__x86_64__)
using EightFloats = float __attribute__((vector_size(32)));
__attribute__((target("avx2"))) void MultiplyTileAvx2(const float* left, const float* right,
                                                      std::int64_t rows, TileSums* sums) {
  MultiplyTile<EightFloats>(left, right, rows, sums);
}
MultiplyTileFunction BestMultiplyTile() {
  return __builtin_cpu_supports("avx2") != 0 ? MultiplyTileAvx2 : MultiplyTileBase;
}
#else
MultiplyTileFunction BestMultiplyTile() {
  return MultiplyTileBase;
}
#endif

// Adds a tile to rows of `stride` numbers.
void AddTile(const TileSums& tile, std::int64_t stride, double* to) {
  for (std::int64_t i = 0; i < kTile; ++i) {
    for (std::int64_t j = 0; j < kPanel; ++j) {
      to[i * stride + j] += static_cast<double>(tile[static_cast<std::size_t>(i * kPanel + j)]);
    }
  }
}

std::int64_t PanelsOf(std::int64_t depth) {
  return (depth + kPanel - 1) / kPanel;
}

}  // namespace

GramMatrix::GramMatrix(std::int64_t depth)
    : depth_(depth),
      panels_(PanelsOf(depth)),
      sums_(static_cast<std::size_t>(panels_ * kPanel * panels_ * kPanel), 0.0),
      packed_(static_cast<std::size_t>(panels_ * kPanel * kRows)) {}

std::uint64_t GramMatrix::BytesFor(std::int64_t depth) {
  const auto side = static_cast<std::uint64_t>(PanelsOf(depth) * kPanel);
  return side * side * sizeof(double) + side * kRows * sizeof(float);
}

void GramMatrix::Add(std::span<const float> values, std::int64_t rows, int threads) {
  QB_CHECK(rows <= kRows && values.size() >= static_cast<std::size_t>(rows * depth_),
           "rows do not fit the block");
  std::fill(packed_.begin(), packed_.end(), 0.0F);
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* from = values.data() + row * depth_;
    for (std::int64_t begin = 0; begin < depth_; begin += kPanel) {
      std::copy_n(from + begin, std::min(kPanel, depth_ - begin),
                  packed_.data() + begin * kRows + row * kPanel);
    }
  }
  const bool is_small = rows * depth_ * depth_ < kProductsPerThread;
  ParallelFor(panels_, 1, is_small ? 1 : threads, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t panel = begin; panel < end; ++panel) AddPanel(panel, rows);
  });
}

// The rows [16 panel, 16 panel + 16) of the matrix, from the diagonal on.
void GramMatrix::AddPanel(std::int64_t panel, std::int64_t rows) {
  static const MultiplyTileFunction multiply = BestMultiplyTile();
  const std::int64_t stride = panels_ * kPanel;
  TileSums tile;
  for (std::int64_t other = panel; other < panels_; ++other) {
    for (std::int64_t first = 0; first < kPanel; first += kTile) {
      multiply(packed_.data() + panel * kPanel * kRows + first,
               packed_.data() + other * kPanel * kRows, rows, &tile);
      AddTile(tile, stride, sums_.data() + (panel * kPanel + first) * stride + other * kPanel);
    }
  }
}

std::vector<double> GramMatrix::Take() {
  std::vector<double> matrix(static_cast<std::size_t>(depth_ * depth_));
  const std::int64_t side = panels_ * kPanel;
  for (std::int64_t i = 0; i < depth_; ++i) {
    for (std::int64_t j = 0; j < depth_; ++j) {
      const std::int64_t from = std::min(i, j) * side + std::max(i, j);
      matrix[static_cast<std::size_t>(i * depth_ + j)] = sums_[static_cast<std::size_t>(from)];
    }
  }
  sums_ = {};
  packed_ = {};
  return matrix;
}

}  // namespace quantbench
