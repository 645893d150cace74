// Sums of outer products of rows: the symmetric matrix X^T X.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace quantbench {

// One matrix of `depth` x `depth`. Products are summed in float32 over at most kRows rows, those
// sums in double. Which thread does a part does not change its bits: every part is one thread's,
// and its order is that of the rows.
class GramMatrix {
 public:
  static constexpr std::int64_t kRows = 128;

  explicit GramMatrix(std::int64_t depth);

  // Adds `rows` <= kRows rows, row-major.
  void Add(std::span<const float> values, std::int64_t rows, int threads);
  // Row-major, both triangles. Leaves nothing behind.
  [[nodiscard]] std::vector<double> Take();
  // Bytes that one of this depth needs.
  [[nodiscard]] static std::uint64_t BytesFor(std::int64_t depth);

 private:
  void AddPanel(std::int64_t panel, std::int64_t rows);

  std::int64_t depth_;
  std::int64_t panels_;
  std::vector<double> sums_;   // the upper triangle, in whole panels
  std::vector<float> packed_;  // the rows, panel after panel
};

}  // namespace quantbench
