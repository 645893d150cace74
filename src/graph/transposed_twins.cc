// Finding transposes: by a few numbers at places and mirrored places, then all of them.
#include <algorithm>
#include <cstring>
#include <map>

#include "quantbench/base/random.h"
#include "quantbench/graph.h"

namespace quantbench {
namespace {

constexpr std::int64_t kFewest = 4096;  // elements

struct Matrix {
  const Initializer* tensor = nullptr;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
};

std::uint32_t BitsAt(std::span<const std::byte> bytes, std::int64_t i) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, bytes.data() + static_cast<std::size_t>(i) * sizeof(bits), sizeof(bits));
  return bits;
}

using Sample = std::vector<std::uint32_t>;

// Numbers at places that depend on the shape alone: [rows, columns] of the matrix, or, mirrored, of
// its transpose.
Sample SampleOf(std::span<const std::byte> bytes, std::int64_t rows, std::int64_t columns,
                bool mirrored) {
  constexpr int kSamples = 64;
  Random random(static_cast<std::uint64_t>(rows));
  Sample sample;
  for (int i = 0; i < kSamples; ++i) {
    const auto row = static_cast<std::int64_t>(random.Below(static_cast<std::uint64_t>(rows)));
    const auto column =
        static_cast<std::int64_t>(random.Below(static_cast<std::uint64_t>(columns)));
    sample.push_back(BitsAt(bytes, mirrored ? column * rows + row : row * columns + column));
  }
  return sample;
}

bool IsTranspose(std::span<const std::byte> a, std::span<const std::byte> b, std::int64_t rows,
                 std::int64_t columns) {
  constexpr std::int64_t kBlock = 16;
  const auto same_row = [&](std::int64_t row, std::int64_t begin, std::int64_t end) {
    for (std::int64_t column = begin; column < end; ++column) {
      if (BitsAt(a, row * columns + column) != BitsAt(b, column * rows + row)) return false;
    }
    return true;
  };
  for (std::int64_t r = 0; r < rows; r += kBlock) {
    for (std::int64_t c = 0; c < columns; c += kBlock) {
      const std::int64_t end = std::min(c + kBlock, columns);
      for (std::int64_t i = r; i < std::min(r + kBlock, rows); ++i) {
        if (!same_row(i, c, end)) return false;
      }
    }
  }
  return true;
}

std::vector<Matrix> MatricesOf(const Graph& graph) {
  std::vector<Matrix> matrices;
  for (const Initializer& tensor : graph.initializers) {
    if (tensor.type != DataType::kFloat32 || tensor.dims.size() != 2) continue;
    if (Elements(tensor) >= kFewest) {
      matrices.push_back({&tensor, tensor.dims[0], tensor.dims[1]});
    }
  }
  return matrices;
}

}  // namespace

Result<std::vector<TransposedTwins>> FindTransposedTwins(const Model& model) {
  std::vector<TransposedTwins> twins;
  // Those seen, under the sample that a transpose of them would have.
  std::map<std::tuple<std::int64_t, std::int64_t, Sample>, std::vector<Matrix>> seen;
  for (const Matrix& matrix : MatricesOf(model.graph)) {
    const auto& [tensor, rows, columns] = matrix;
    QB_TRY(const Bytes payload, PayloadOf(*tensor));
    const auto alike = seen.find({rows, columns, SampleOf(payload.view, rows, columns, false)});
    if (alike != seen.end()) {
      for (const Matrix& other : alike->second) {
        QB_TRY(const Bytes mirror, PayloadOf(*other.tensor));
        if (!IsTranspose(payload.view, mirror.view, rows, columns)) continue;
        const bool taller = rows > columns;
        twins.push_back({taller ? tensor->name : other.tensor->name,
                         taller ? other.tensor->name : tensor->name});
        mirror.Release(mirror.view);
        break;
      }
    }
    seen[{columns, rows, SampleOf(payload.view, columns, rows, true)}].push_back(matrix);
    payload.Release(payload.view);
  }
  return twins;
}

}  // namespace quantbench
