// Statistics: summaries, proportions, paired differences, ratios, Student's t.
#include <algorithm>
#include <cmath>
#include <vector>

#include "quantbench/analyse.h"

#include "analyse/unknown.h"

namespace quantbench {
namespace {

constexpr double kNormal975 = 1.959963984540054;  // quantile 0.975 of the standard normal

// Continued fraction of the incomplete beta function, modified Lentz [Numerical Recipes 3, 6.4].
double BetaFraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  double c = 1;
  double d = 1 / std::max(std::fabs(1 - (a + b) * x / (a + 1)), kTiny);
  double h = d;
  for (int m = 1; m <= 500; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / std::max(1 + even * d, kTiny);
    c = std::max(1 + even / c, kTiny);
    h *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / (1 + odd * d);
    c = 1 + odd / c;
    const double step = d * c;
    h *= step;
    if (std::fabs(step - 1) < 1e-15) break;
  }
  return h;
}

double IncompleteBeta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return front * BetaFraction(a, b, x) / a;
  return 1 - front * BetaFraction(b, a, 1 - x) / b;
}

// Cumulative distribution of Student's t.
double StudentCdf(double t, double df) {
  const double tail = 0.5 * IncompleteBeta(df / 2, 0.5, df / (df + t * t));
  return t > 0 ? 1 - tail : tail;
}

double MiddleOf(const std::vector<double>& sorted) {
  const std::size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

}  // namespace

Summary Summarise(std::span<const double> values) {
  Summary summary;
  summary.n = static_cast<std::int64_t>(values.size());
  if (values.empty()) {
    summary.mean = summary.stddev = summary.median = summary.mad = kNaN;
    summary.min = summary.max = kNaN;
    return summary;
  }
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const auto n = static_cast<double>(sorted.size());
  double sum = 0;
  for (const double value : sorted) sum += value;
  summary.mean = sum / n;
  double squares = 0;
  for (const double value : sorted) squares += (value - summary.mean) * (value - summary.mean);
  summary.stddev = sorted.size() < 2 ? kNaN : std::sqrt(squares / (n - 1));
  summary.min = sorted.front();
  summary.max = sorted.back();
  summary.median = MiddleOf(sorted);
  for (double& value : sorted) value = std::fabs(value - summary.median);
  std::sort(sorted.begin(), sorted.end());
  summary.mad = MiddleOf(sorted);
  return summary;
}

Interval WilsonInterval(std::int64_t successes, std::int64_t n) {
  if (n < 1) return kUnknown;
  const double count = static_cast<double>(n);
  const double p = static_cast<double>(successes) / count;
  const double z2 = kNormal975 * kNormal975;
  const double center = (p + z2 / (2 * count)) / (1 + z2 / count);
  const double half =
      kNormal975 / (1 + z2 / count) * std::sqrt(p * (1 - p) / count + z2 / (4 * count * count));
  return {p, std::max(0.0, center - half), std::min(1.0, center + half)};
}

double StudentT(double p, double df) {
  double low = -1e6;
  double high = 1e6;
  for (int i = 0; i < 200; ++i) {
    const double middle = 0.5 * (low + high);
    (StudentCdf(middle, df) < p ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

double StudentTail(double t, double df) {
  return IncompleteBeta(df / 2, 0.5, df / (df + t * t));
}

Interval WelchDifference(std::span<const double> x, std::span<const double> y) {
  const Summary a = Summarise(x);
  const Summary b = Summarise(y);
  if (a.n < 2 || b.n < 2) return kUnknown;
  const double va = a.stddev * a.stddev / static_cast<double>(a.n);
  const double vb = b.stddev * b.stddev / static_cast<double>(b.n);
  const double difference = b.mean - a.mean;
  if (va + vb == 0) return {difference, difference, difference};
  const double df =
      (va + vb) * (va + vb) /
      (va * va / static_cast<double>(a.n - 1) + vb * vb / static_cast<double>(b.n - 1));
  const double half = StudentT(0.975, df) * std::sqrt(va + vb);
  return {difference, difference - half, difference + half};
}

}  // namespace quantbench
