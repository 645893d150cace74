// Observers: the range that follows from what was seen.
#include <algorithm>
#include <array>
#include <cmath>

#include "quantbench/base/format.h"
#include "quantbench/calibrate.h"

#include "calibrate/distribution.h"

namespace quantbench {
namespace {

constexpr auto kNames =
    std::to_array<std::string_view>({"minmax", "average", "percentile", "entropy", "mse"});

Range Average(const TensorStatistics& seen) {
  const auto samples = static_cast<double>(seen.finite_samples);
  return {seen.low.Value() / samples, seen.high.Value() / samples};
}

Range Percentile(const TensorStatistics& seen, double percentile) {
  const double rest = 1 - percentile / 100;
  if (seen.min >= 0) return {seen.min, UpperLimit(seen, rest)};
  if (seen.max <= 0) return {LowerLimit(seen, rest), seen.max};
  return {LowerLimit(seen, rest / 2), UpperLimit(seen, rest / 2)};
}

// Codes are shared by both signs where there are both.
Range Entropy(const TensorStatistics& seen, std::int64_t levels) {
  const bool one_sided = seen.min >= 0 || seen.max <= 0;
  const double bins =
      EntropyThreshold(MagnitudeCounts(seen.histogram), one_sided ? levels : levels / 2);
  const double threshold = bins * seen.histogram.width();
  return {-threshold, threshold};
}

// The best of a grid of 16 by 16 shares of the extremes, then of shares around it.
Range LeastSquares(const TensorStatistics& seen, std::int64_t levels) {
  const SquaredErrors errors(seen.histogram);
  const double low = std::min(0.0, seen.min);
  const double high = std::max(0.0, seen.max);
  Range best{low, high};
  double least = errors.Of(best, levels);
  const auto attempt = [&](double low_share, double high_share) {
    const Range range{low * std::clamp(low_share, 0.0, 1.0),
                      high * std::clamp(high_share, 0.0, 1.0)};
    const double error = errors.Of(range, levels);
    if (error >= least) return;
    least = error;
    best = range;
  };
  const int low_shares = low == 0 ? 1 : 16;  // all shares of nothing are one
  const int high_shares = high == 0 ? 1 : 16;
  for (int i = 1; i <= low_shares; ++i) {
    for (int j = 1; j <= high_shares; ++j) attempt(i / 16.0, j / 16.0);
  }
  for (const double step : {1.0 / 64, 1.0 / 256}) {
    const double low_share = low == 0 ? 0 : best.low / low;
    const double high_share = high == 0 ? 0 : best.high / high;
    for (int i = -4; i <= 4; ++i) {
      for (int j = -4; j <= 4; ++j) attempt(low_share + i * step, high_share + j * step);
    }
  }
  return best;
}

}  // namespace

std::string_view Name(Observer observer) {
  return kNames[static_cast<std::size_t>(observer)];
}

Result<Observer> ParseObserver(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found != kNames.end()) return static_cast<Observer>(found - kNames.begin());
  const std::string_view nearest = Nearest(name, kNames);
  return Error(
      ErrorCode::kInvalidArgument,
      Format("unknown observer \"{}\"{}; known: minmax, average, percentile, entropy, mse",
             Printable(name), nearest.empty() ? "" : Format(", did you mean \"{}\"?", nearest)));
}

bool NeedsHistogram(Observer observer) {
  return observer != Observer::kMinMax && observer != Observer::kAverage;
}

Range ChooseRange(const TensorStatistics& seen, const ObserverOptions& options) {
  const Range all{seen.min, seen.max};
  const bool has_numbers = seen.finite_samples > 0;
  const bool needs = NeedsHistogram(options.observer);
  if (!has_numbers || (needs && !seen.has_histogram())) return all;
  Range range = all;
  switch (options.observer) {
    case Observer::kMinMax: break;
    case Observer::kAverage: range = Average(seen); break;
    case Observer::kPercentile: range = Percentile(seen, options.percentile); break;
    case Observer::kEntropy: range = Entropy(seen, options.levels); break;
    case Observer::kMse: range = LeastSquares(seen, options.levels); break;
  }
  return {std::clamp(range.low, all.low, all.high), std::clamp(range.high, all.low, all.high)};
}

Result<CalibrationTable> ChooseRanges(const CalibrationStatistics& seen,
                                      const ObserverOptions& options) {
  if (NeedsHistogram(options.observer) && !seen.histograms) {
    return Error(
        ErrorCode::kInvalidArgument,
        Format("observer \"{}\" needs histograms, which were not kept", Name(options.observer)));
  }
  CalibrationTable table;
  table.observer = Name(options.observer);
  table.source = seen.source;
  table.samples = seen.samples;
  table.stable = seen.stable;
  table.skipped = seen.skipped;
  for (const auto& [name, tensor] : seen.tensors) {
    const Range range = ChooseRange(tensor, options);
    table.ranges[name] = {range.low,   range.high,   tensor.count,        tensor.nonfinite,
                          tensor.type, tensor.shape, tensor.nonfinite_in, tensor.denormals};
  }
  return table;
}

}  // namespace quantbench
