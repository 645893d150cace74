// Scales by range and by the error they leave; decoding; what outputs lose.
#include <limits>

#include "recover/rows.h"

namespace quantbench {
namespace {

std::span<const double> GroupOf(std::span<const double> values, std::int64_t begin,
                                std::int64_t end) {
  if (values.empty()) return values;
  return values.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
}

double ErrorOf(std::span<const double> values, std::span<const double> importance,
               const CodeScale& scale, const CodeGrid& grid) {
  double sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double error = values[i] - RealOf(CodeOf(values[i], scale, grid), scale);
    sum += (importance.empty() ? 1 : importance[i]) * error * error;
  }
  return sum;
}

struct Range {
  double low = 0;
  double high = 0;
};

Range RangeOf(std::span<const double> values) {
  Range range;  // holds 0
  for (const double value : values) {
    range.low = std::min(range.low, value);
    range.high = std::max(range.high, value);
  }
  return range;
}

template <typename Choose>
std::vector<CodeScale> ForEachGroup(const WeightRows& weights, const CodeGrid& grid, int threads,
                                    const Choose& choose) {
  const ScaleIndex index(grid, weights.columns);
  std::vector<CodeScale> scales(static_cast<std::size_t>(weights.rows * index.groups()));
  ParallelFor(weights.rows, kRowsPerChunk, threads, [&](std::int64_t begin, std::int64_t end) {
    const RowMatrix rows = RowsAsDouble(weights, begin, end);
    for (std::int64_t row = begin; row < end; ++row) {
      const std::span<const double> values(rows.row(row - begin).data(),
                                           static_cast<std::size_t>(weights.columns));
      for (std::int64_t left = 0; left < weights.columns; left += index.group()) {
        const std::int64_t right = std::min(weights.columns, left + index.group());
        scales[index(row, left)] = choose(GroupOf(values, left, right), left, right);
      }
    }
  });
  return scales;
}

}  // namespace

std::int64_t CodeGrid::GroupSize(std::int64_t columns) const {
  return group == 0 ? std::max<std::int64_t>(1, columns) : group;
}

std::int64_t CodeGrid::GroupsOf(std::int64_t columns) const {
  const std::int64_t size = GroupSize(columns);
  return (columns + size - 1) / size;
}

CodeScale ScaleOfGroup(std::span<const double> values, const CodeGrid& grid) {
  const Range range = RangeOf(values);
  return grid.of_range(range.low, range.high);
}

CodeScale ClippedScale(std::span<const double> values, std::span<const double> importance,
                       const CodeGrid& grid) {
  const Range range = RangeOf(values);
  CodeScale best = grid.of_range(range.low, range.high);
  double best_error = ErrorOf(values, importance, best, grid);
  double best_factor = 1;
  const auto try_factor = [&](double factor) {
    const CodeScale scale = grid.of_range(range.low * factor, range.high * factor);
    const double error = ErrorOf(values, importance, scale, grid);
    if (!(error < best_error)) return;
    best_error = error;
    best = scale;
    best_factor = factor;
  };
  for (int i = 1; i < kCoarseClips; ++i) try_factor(1 - kCoarseClip * i);
  const double center = best_factor;
  for (int i = -kFineClips; i <= kFineClips; ++i) {
    if (i != 0 && center + kFineClip * i < 1) try_factor(center + kFineClip * i);
  }
  return best;
}

std::vector<CodeScale> ScalesOfRanges(const WeightRows& weights, const CodeGrid& grid,
                                      int threads) {
  return ForEachGroup(weights, grid, threads,
                      [&](std::span<const double> values, std::int64_t, std::int64_t) {
                        return ScaleOfGroup(values, grid);
                      });
}

std::vector<CodeScale> ClipByMse(const WeightRows& weights, const CodeGrid& grid,
                                 std::span<const double> importance, int threads) {
  return ForEachGroup(weights, grid, threads,
                      [&](std::span<const double> values, std::int64_t left, std::int64_t right) {
                        return ClippedScale(values, GroupOf(importance, left, right), grid);
                      });
}

CodedRows RoundToNearest(const WeightRows& weights, const CodeGrid& grid,
                         std::vector<CodeScale> scales, int threads) {
  const ScaleIndex index(grid, weights.columns);
  CodedRows coded{std::vector<std::uint8_t>(weights.values.size()), std::move(scales)};
  ParallelFor(weights.rows, kRowsPerChunk, threads, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      for (std::int64_t k = 0; k < weights.columns; ++k) {
        const auto place = static_cast<std::size_t>(row * weights.columns + k);
        coded.codes[place] = CodeOf(weights.values[place], coded.scales[index(row, k)], grid);
      }
    }
  });
  return coded;
}

std::vector<float> DecodeRows(const CodedRows& coded, std::int64_t columns, const CodeGrid& grid) {
  const ScaleIndex index(grid, columns);
  std::vector<float> values(coded.codes.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto place = static_cast<std::int64_t>(i);
    values[i] = static_cast<float>(
        RealOf(coded.codes[i], coded.scales[index(place / columns, place % columns)]));
  }
  return values;
}

RowMatrix DampedGram(const GramMap& gram, double share) {
  RowMatrix damped = gram;
  const std::int64_t columns = damped.rows();
  double mean = columns == 0 ? 0 : damped.diagonal().mean();
  if (!(mean > 0)) mean = 1;
  for (std::int64_t k = 0; k < columns; ++k) {
    damped(k, k) = damped(k, k) > 0 ? damped(k, k) + share * mean : mean;
  }
  return damped;
}

namespace {

// Sums of d H d^T over rows, of differences or of the weights themselves.
double QuadraticForm(const WeightRows& weights, std::span<const float> decoded, Gram gram,
                     int threads) {
  const GramMap h = MapOf(gram, weights.columns);
  const std::int64_t chunks = (weights.rows + kRowsPerChunk - 1) / kRowsPerChunk;
  std::vector<double> parts(static_cast<std::size_t>(chunks));
  ParallelFor(weights.rows, kRowsPerChunk, threads, [&](std::int64_t begin, std::int64_t end) {
    RowMatrix rows = RowsAsDouble(weights, begin, end);
    if (!decoded.empty()) {
      rows -= RowsAsDouble({decoded, weights.rows, weights.columns}, begin, end);
    }
    parts[static_cast<std::size_t>(begin / kRowsPerChunk)] = (rows * h).cwiseProduct(rows).sum();
  });
  double sum = 0;
  for (const double part : parts) sum += part;
  return std::max(0.0, sum);
}

}  // namespace

double OutputError(const WeightRows& weights, std::span<const float> decoded, Gram gram,
                   int threads) {
  return QuadraticForm(weights, decoded, gram, threads);
}

double OutputSqnrDb(const WeightRows& weights, std::span<const float> decoded, Gram gram,
                    int threads) {
  const double error = QuadraticForm(weights, decoded, gram, threads);
  if (error == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(QuadraticForm(weights, {}, gram, threads) / error);
}

std::vector<double> BiasShift(const WeightRows& weights, std::span<const float> decoded,
                              std::span<const double> input_mean) {
  std::vector<double> shift(static_cast<std::size_t>(weights.rows));
  for (std::int64_t row = 0; row < weights.rows; ++row) {
    double sum = 0;
    for (std::int64_t k = 0; k < weights.columns; ++k) {
      const auto place = static_cast<std::size_t>(row * weights.columns + k);
      sum += (double{weights.values[place]} - decoded[place]) *
             input_mean[static_cast<std::size_t>(k)];
    }
    shift[static_cast<std::size_t>(row)] = sum;
  }
  return shift;
}

}  // namespace quantbench
