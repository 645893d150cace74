// Rows: what the algorithms share: matrices over borrowed numbers, one group's code and scale.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include <Eigen/Core>

#include "quantbench/base/parallel.h"
#include "quantbench/recover.h"

namespace quantbench {

using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using GramMap = Eigen::Map<const RowMatrix>;

// Rows are worked on in chunks of so many: a product of matrices each, whatever the threads.
inline constexpr std::int64_t kRowsPerChunk = 32;

[[nodiscard]] inline GramMap MapOf(Gram gram, std::int64_t columns) {
  QB_CHECK(static_cast<std::int64_t>(gram.size()) == columns * columns, "H is not columns^2");
  return {gram.data(), columns, columns};
}

// The weights of rows [begin, end) in double.
[[nodiscard]] inline RowMatrix RowsAsDouble(const WeightRows& weights, std::int64_t begin,
                                            std::int64_t end) {
  using FloatRows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto first = static_cast<std::size_t>(begin * weights.columns);
  return Eigen::Map<const FloatRows>(weights.values.data() + first, end - begin, weights.columns)
      .cast<double>();
}

[[nodiscard]] inline std::uint8_t CodeOf(double value, const CodeScale& scale,
                                         const CodeGrid& grid) {
  const double steps = std::nearbyint(value / scale.scale + scale.zero_point);
  return static_cast<std::uint8_t>(
      std::clamp(steps, static_cast<double>(grid.low), static_cast<double>(grid.high)));
}
[[nodiscard]] inline double RealOf(std::uint8_t code, const CodeScale& scale) {
  return double{scale.scale} * (code - double{scale.zero_point});
}

// Where the scale of a number lies among those of all.
class ScaleIndex {
 public:
  ScaleIndex(const CodeGrid& grid, std::int64_t columns)
      : group_(grid.GroupSize(columns)), groups_(grid.GroupsOf(columns)) {}
  [[nodiscard]] std::size_t operator()(std::int64_t row, std::int64_t column) const {
    return static_cast<std::size_t>(row * groups_ + column / group_);
  }
  [[nodiscard]] std::int64_t group() const { return group_; }
  [[nodiscard]] std::int64_t groups() const { return groups_; }

 private:
  std::int64_t group_;
  std::int64_t groups_;
};

// The scale by range, or by ClipByMse, of one group's numbers; importance: as many, or none.
[[nodiscard]] CodeScale ScaleOfGroup(std::span<const double> values, const CodeGrid& grid);
[[nodiscard]] CodeScale ClippedScale(std::span<const double> values,
                                     std::span<const double> importance, const CodeGrid& grid);

// H with its diagonal raised by `share` of its mean (of 1 where that is 0), and with 1 on the
// diagonal of inputs that are always 0.
[[nodiscard]] RowMatrix DampedGram(const GramMap& gram, double share);

}  // namespace quantbench
