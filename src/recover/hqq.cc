// HQQ: zero points, or scales where those must be whole, by half-quadratic splitting.
#include <cfloat>

#include "recover/rows.h"

namespace quantbench {
namespace {

// The proximal step of |e|^p: what of an error, in steps, is an outlier and may stay.
double Shrink(double error, double beta, double p) {
  const double magnitude = std::abs(error);
  if (magnitude == 0) return 0;
  return std::copysign(std::max(0.0, magnitude - std::pow(magnitude, p - 1) / beta), error);
}

double NormOf(std::span<const double> values, const CodeScale& scale, const CodeGrid& grid,
              double p) {
  double sum = 0;
  for (const double value : values) {
    sum += std::pow(std::abs(value - RealOf(CodeOf(value, scale, grid), scale)), p);
  }
  return sum;
}

// What the codes of one iterate say about the next.
CodeScale NextScale(std::span<const double> values, const CodeScale& scale, double beta,
                    const CodeGrid& grid, const HqqOptions& options) {
  double zeros = 0;
  double along = 0;   // of what is to be fitted, along the codes
  double square = 0;  // of the codes
  for (const double value : values) {
    const double code = CodeOf(value, scale, grid) - double{scale.zero_point};
    const double steps = value / scale.scale;
    const double fitted = steps - Shrink(steps - code, beta, options.norm);
    zeros += code + scale.zero_point - fitted;
    along += fitted * code;
    square += code * code;
  }
  CodeScale next = scale;
  const double zero = zeros / static_cast<double>(values.size());
  if (!options.whole_zeros) {
    next.zero_point = static_cast<float>(zero);
    return next;
  }
  next.zero_point = static_cast<float>(std::clamp(
      std::nearbyint(zero), static_cast<double>(grid.low), static_cast<double>(grid.high)));
  if (next.zero_point == scale.zero_point && along > 0 && square > 0) {
    next.scale = static_cast<float>(scale.scale * along / square);
  }
  return next;
}

CodeScale BestScale(std::span<const double> values, const CodeGrid& grid,
                    const HqqOptions& options) {
  CodeScale scale = ScaleOfGroup(values, grid);
  CodeScale best = scale;
  double best_norm = NormOf(values, scale, grid, options.norm);
  double beta = options.beta;
  for (int i = 0; i < options.iterations; ++i) {
    const CodeScale next = NextScale(values, scale, beta, grid, options);
    if (next == scale || !(std::abs(next.scale) >= FLT_MIN)) break;
    scale = next;
    const double norm = NormOf(values, scale, grid, options.norm);
    if (!(norm < best_norm)) break;
    best_norm = norm;
    best = scale;
    beta *= options.growth;
  }
  return best;
}

}  // namespace

CodedRows RoundByHqq(const WeightRows& weights, const CodeGrid& grid, const HqqOptions& options,
                     int threads) {
  const ScaleIndex index(grid, weights.columns);
  std::vector<CodeScale> scales(static_cast<std::size_t>(weights.rows * index.groups()));
  ParallelFor(weights.rows, kRowsPerChunk, threads, [&](std::int64_t begin, std::int64_t end) {
    const RowMatrix rows = RowsAsDouble(weights, begin, end);
    for (std::int64_t row = begin; row < end; ++row) {
      for (std::int64_t left = 0; left < weights.columns; left += index.group()) {
        const std::int64_t count = std::min(index.group(), weights.columns - left);
        const std::span<const double> values(&rows(row - begin, left),
                                             static_cast<std::size_t>(count));
        scales[index(row, left)] = BestScale(values, grid, options);
      }
    }
  });
  return RoundToNearest(weights, grid, std::move(scales), threads);
}

}  // namespace quantbench
