// Comparing a matrix with another's transpose: at a few places, then everywhere.
#include <algorithm>
#include <cstring>

#include "quantbench/base/random.h"
#include "quantbench/graph.h"

namespace quantbench {
namespace {

std::uint32_t BitsAt(std::span<const std::byte> bytes, std::int64_t i) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, bytes.data() + static_cast<std::size_t>(i) * sizeof(bits), sizeof(bits));
  return bits;
}

struct TransposedPair {
  std::span<const std::byte> a;  // [rows, columns]
  std::span<const std::byte> b;  // [columns, rows]
  std::int64_t rows = 0;
  std::int64_t columns = 0;

  [[nodiscard]] bool AgreesAt(std::int64_t row, std::int64_t column) const {
    return BitsAt(a, row * columns + column) == BitsAt(b, column * rows + row);
  }
};

// Matrices that have nothing to do with each other differ here already.
bool AgreesSomewhere(const TransposedPair& pair) {
  constexpr int kSamples = 64;
  Random random(1);
  for (int i = 0; i < kSamples; ++i) {
    const auto row = random.Below(static_cast<std::uint64_t>(pair.rows));
    const auto column = random.Below(static_cast<std::uint64_t>(pair.columns));
    if (!pair.AgreesAt(static_cast<std::int64_t>(row), static_cast<std::int64_t>(column))) {
      return false;
    }
  }
  return true;
}

// In blocks, which stay in the cache.
bool AgreesEverywhere(const TransposedPair& pair) {
  constexpr std::int64_t kBlock = 16;
  const auto same_row = [&](std::int64_t row, std::int64_t begin, std::int64_t end) {
    for (std::int64_t column = begin; column < end; ++column) {
      if (!pair.AgreesAt(row, column)) return false;
    }
    return true;
  };
  for (std::int64_t r = 0; r < pair.rows; r += kBlock) {
    for (std::int64_t c = 0; c < pair.columns; c += kBlock) {
      const std::int64_t end = std::min(c + kBlock, pair.columns);
      for (std::int64_t i = r; i < std::min(r + kBlock, pair.rows); ++i) {
        if (!same_row(i, c, end)) return false;
      }
    }
  }
  return true;
}

}  // namespace

Result<bool> IsTranspose(const Initializer& a, const Initializer& b) {
  if (a.type != DataType::kFloat32 || b.type != DataType::kFloat32) return false;
  if (a.dims.size() != 2 || b.dims != Shape{a.dims[1], a.dims[0]}) return false;
  QB_TRY(const Bytes of_a, PayloadOf(a));
  QB_TRY(const Bytes of_b, PayloadOf(b));
  const TransposedPair pair{of_a.view, of_b.view, a.dims[0], a.dims[1]};
  if (Elements(a) == 0) return true;
  const bool same = AgreesSomewhere(pair) && AgreesEverywhere(pair);
  of_a.Release(of_a.view);
  of_b.Release(of_b.view);
  return same;
}

}  // namespace quantbench
