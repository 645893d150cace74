// Percentiles that the number of runs can bear: MLPerf's rule.
#include <algorithm>
#include <array>
#include <cmath>

#include "quantbench/analyse.h"

namespace quantbench {
namespace {

constexpr std::array<double, 4> kPercents = {90, 95, 99, 99.9};
constexpr double kConfidence = 0.95;

// The largest t with P[Bin(n, 1 - percent/100) <= t] <= 1 - confidence, 0 when there is none. Then,
// with that confidence, at least the percentile lies below the largest value but t - 1
// [mlcommons/inference, loadgen/early_stopping.cc, has the rule by the incomplete beta function].
std::int64_t Discardable(std::int64_t n, double percent, double confidence) {
  const double p = 1 - percent / 100;
  const double count = static_cast<double>(n);
  double log_term = count * std::log1p(-p);  // P[Bin = 0]
  double sum = std::exp(log_term);
  for (std::int64_t t = 1; t <= n; ++t) {
    const double k = static_cast<double>(t);
    log_term += std::log((count - k + 1) / k * p / (1 - p));
    sum += std::exp(log_term);
    if (sum > 1 - confidence) return t - 1;
  }
  return n;
}

}  // namespace

std::int64_t LeastForPercentile(double percent, double confidence) {
  const double p = 1 - percent / 100;
  std::int64_t n = 1;
  while (std::pow(1 - p, n) + static_cast<double>(n) * p * std::pow(1 - p, n - 1) >
         1 - confidence) {
    ++n;
  }
  return n;
}

std::int64_t MostLate(std::int64_t n, double percent) {
  return Discardable(n, percent, kConfidence) - 1;
}

std::vector<Percentile> ValidPercentiles(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<Percentile> percentiles;
  const auto n = static_cast<std::int64_t>(sorted.size());
  for (const double percent : kPercents) {
    if (n < LeastForPercentile(percent, kConfidence)) break;
    const std::int64_t t = Discardable(n, percent, kConfidence);
    percentiles.push_back({percent, sorted[static_cast<std::size_t>(n - t)]});
  }
  return percentiles;
}

}  // namespace quantbench
