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

// The rows [begin, end) of a, in blocks that stay in the cache.
bool AgreesInRows(const TransposedPair& pair, std::int64_t begin, std::int64_t end) {
  constexpr std::int64_t kBlock = 16;
  const auto block_agrees = [&](std::int64_t top, std::int64_t left) {
    const std::int64_t right = std::min(left + kBlock, pair.columns);
    for (std::int64_t row = top; row < std::min(top + kBlock, end); ++row) {
      for (std::int64_t column = left; column < right; ++column) {
        if (!pair.AgreesAt(row, column)) return false;
      }
    }
    return true;
  };
  for (std::int64_t row = begin; row < end; row += kBlock) {
    for (std::int64_t column = 0; column < pair.columns; column += kBlock) {
      if (!block_agrees(row, column)) return false;
    }
  }
  return true;
}

// Rows of a that are compared before pages go back: some 16 MB.
std::int64_t RowsTogether(const TransposedPair& pair) {
  constexpr std::int64_t kElements = 4 << 20;
  return std::max<std::int64_t>(16, kElements / pair.columns);
}

}  // namespace

Result<bool> IsTranspose(const Initializer& a, const Initializer& b) {
  if (a.type != DataType::kFloat32 || b.type != DataType::kFloat32) return false;
  if (a.dims.size() != 2 || b.dims != Shape{a.dims[1], a.dims[0]}) return false;
  QB_TRY(const Bytes of_a, PayloadOf(a));
  QB_TRY(const Bytes of_b, PayloadOf(b));
  const TransposedPair pair{of_a.view, of_b.view, a.dims[0], a.dims[1]};
  if (Elements(a) == 0) return true;
  bool same = AgreesSomewhere(pair);
  const std::int64_t together = RowsTogether(pair);
  for (std::int64_t row = 0; same && row < pair.rows; row += together) {
    same = AgreesInRows(pair, row, std::min(row + together, pair.rows));
    of_a.Release(of_a.view);
    of_b.Release(of_b.view);
  }
  return same;
}

}  // namespace quantbench
