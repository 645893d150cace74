// Comparing a matrix with another's transpose: at a few places, then everywhere.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>

#include "quantbench/base/parallel.h"
#include "quantbench/base/random.h"
#include "quantbench/graph.h"

namespace quantbench {
namespace {

constexpr std::int64_t kNumber = sizeof(std::uint32_t);

// Numbers `begin` to `begin + count` of a tensor, as bits.
void CopyBits(const Bytes& bytes, std::int64_t begin, std::int64_t count, std::uint32_t* to) {
  const auto part = bytes.view.subspan(static_cast<std::size_t>(begin * kNumber),
                                       static_cast<std::size_t>(count * kNumber));
  bytes.Copy(part, reinterpret_cast<std::byte*>(to));
}

// One of them. Copied, since a kernel may map two megabytes where one number is read.
std::uint32_t BitsAt(const Bytes& bytes, std::int64_t i) {
  std::uint32_t bits = 0;
  CopyBits(bytes, i, 1, &bits);
  return bits;
}

struct TransposedPair {
  Bytes a;  // [rows, columns]
  Bytes b;  // [columns, rows]
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

// Four numbers side by side, in one register where the processor has such.
using FourNumbers = std::uint32_t __attribute__((vector_size(16)));

FourNumbers LoadFour(const std::uint32_t* from) {
  FourNumbers four;
  std::memcpy(&four, from, sizeof(four));
  return four;
}

// The bits in which four rows of four of a differ from four columns of b, whose rows are `b_width`
// numbers apart.
FourNumbers DifferenceOfFours(const std::uint32_t* a, std::int64_t a_width, const std::uint32_t* b,
                              std::int64_t b_width) {
  const FourNumbers b0 = LoadFour(b);
  const FourNumbers b1 = LoadFour(b + b_width);
  const FourNumbers b2 = LoadFour(b + 2 * b_width);
  const FourNumbers b3 = LoadFour(b + 3 * b_width);
  const FourNumbers upper_left = __builtin_shufflevector(b0, b1, 0, 4, 1, 5);
  const FourNumbers upper_right = __builtin_shufflevector(b0, b1, 2, 6, 3, 7);
  const FourNumbers lower_left = __builtin_shufflevector(b2, b3, 0, 4, 1, 5);
  const FourNumbers lower_right = __builtin_shufflevector(b2, b3, 2, 6, 3, 7);
  return (__builtin_shufflevector(upper_left, lower_left, 0, 1, 4, 5) ^ LoadFour(a)) |
         (__builtin_shufflevector(upper_left, lower_left, 2, 3, 6, 7) ^ LoadFour(a + a_width)) |
         (__builtin_shufflevector(upper_right, lower_right, 0, 1, 4, 5) ^
          LoadFour(a + 2 * a_width)) |
         (__builtin_shufflevector(upper_right, lower_right, 2, 3, 6, 7) ^
          LoadFour(a + 3 * a_width));
}

// Some rows of a beside the same columns of b, both in memory.
class RowComparer {
 public:
  static constexpr std::int64_t kTile = 16;

  RowComparer(const TransposedPair& pair, std::int64_t most_rows) : pair_(pair) {
    const auto count = static_cast<std::size_t>(most_rows * pair.columns);
    a_ = std::make_unique_for_overwrite<std::uint32_t[]>(count);
    b_ = std::make_unique_for_overwrite<std::uint32_t[]>(count);
  }

  // The rows [begin, end), at most so many, in tiles that stay in the nearest cache.
  [[nodiscard]] bool Agree(std::int64_t begin, std::int64_t end) {
    rows_ = end - begin;
    const std::int64_t columns = pair_.columns;
    CopyBits(pair_.a, begin * columns, rows_ * columns, a_.get());
    for (std::int64_t column = 0; column < columns; ++column) {
      CopyBits(pair_.b, column * pair_.rows + begin, rows_, b_.get() + column * rows_);
    }
    for (std::int64_t top = 0; top < rows_; top += kTile) {
      for (std::int64_t left = 0; left < columns; left += kTile) {
        if (TileDiffers(top, left)) return false;
      }
    }
    return true;
  }

 private:
  [[nodiscard]] bool TileDiffers(std::int64_t top, std::int64_t left) const {
    if (top + kTile > rows_ || left + kTile > pair_.columns) return PartOfTileDiffers(top, left);
    FourNumbers bits = {};
    for (std::int64_t row = top; row < top + kTile; row += 4) {
      for (std::int64_t column = left; column < left + kTile; column += 4) {
        bits |= DifferenceOfFours(a_.get() + row * pair_.columns + column, pair_.columns,
                                  b_.get() + column * rows_ + row, rows_);
      }
    }
    return (bits[0] | bits[1] | bits[2] | bits[3]) != 0;
  }

  // At the lower and the right border.
  [[nodiscard]] bool PartOfTileDiffers(std::int64_t top, std::int64_t left) const {
    const std::int64_t bottom = std::min(top + kTile, rows_);
    const std::int64_t right = std::min(left + kTile, pair_.columns);
    std::uint32_t bits = 0;
    for (std::int64_t row = top; row < bottom; ++row) {
      for (std::int64_t column = left; column < right; ++column) {
        bits |= a_[static_cast<std::size_t>(row * pair_.columns + column)] ^
                b_[static_cast<std::size_t>(column * rows_ + row)];
      }
    }
    return bits != 0;
  }

  const TransposedPair& pair_;
  std::unique_ptr<std::uint32_t[]> a_;  // [rows, columns]
  std::unique_ptr<std::uint32_t[]> b_;  // [columns, rows]
  std::int64_t rows_ = 0;
};

// Rows of a that a thread holds at a time: some 4 MB, and as much of b.
std::int64_t RowsTogether(const TransposedPair& pair) {
  constexpr std::int64_t kElements = 1 << 20;
  return std::max<std::int64_t>(1, kElements / pair.columns / RowComparer::kTile) *
         RowComparer::kTile;
}

}  // namespace

Result<bool> IsTranspose(const Initializer& a, const Initializer& b) {
  if (a.type != DataType::kFloat32 || b.type != DataType::kFloat32) return false;
  if (a.dims.size() != 2 || b.dims != Shape{a.dims[1], a.dims[0]}) return false;
  if (Elements(a) == 0) return true;
  // The one with short rows is cut into stretches of rows.
  const bool is_tall = a.dims[0] >= a.dims[1];
  TransposedPair pair;
  QB_TRY(pair.a, PayloadOf(is_tall ? a : b));
  QB_TRY(pair.b, PayloadOf(is_tall ? b : a));
  pair.rows = std::max(a.dims[0], a.dims[1]);
  pair.columns = std::min(a.dims[0], a.dims[1]);
  if (!AgreesSomewhere(pair)) return false;
  const std::int64_t together = std::min(RowsTogether(pair), pair.rows);
  std::atomic<bool> same{true};
  std::atomic<std::int64_t> next{0};
  ParallelFor(UsableCores(), 1, 0, [&](std::int64_t, std::int64_t) {
    RowComparer comparer(pair, together);
    for (std::int64_t row = next.fetch_add(together); same && row < pair.rows;
         row = next.fetch_add(together)) {
      if (!comparer.Agree(row, std::min(row + together, pair.rows))) same = false;
    }
  });
  return same.load();
}

}  // namespace quantbench
