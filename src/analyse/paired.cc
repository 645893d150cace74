// Paired statistics: what two arms did with the same samples.
#include <algorithm>
#include <cmath>

#include "quantbench/analyse.h"

#include "analyse/unknown.h"

namespace quantbench {
namespace {

constexpr double kZ975 = 1.959963984540054;  // quantiles of the standard normal
constexpr double kZ80 = 0.8416212335729143;
constexpr double kAlpha = 0.025;  // error of each side of a sequential test

// Tango's score statistic for a difference of `delta`: standard normal when that is the truth. The
// nuisance probability is its maximum likelihood estimate under the restriction.
double TangoStatistic(double gained, double lost, double n, double delta) {
  const double a = 2 * n;
  const double b = -gained - lost + (2 * n - gained + lost) * delta;
  const double c = -lost * delta * (1 - delta);
  const double q = (std::sqrt(std::max(0.0, b * b - 4 * a * c)) - b) / (2 * a);
  const double variance = n * (2 * q + delta * (1 - delta));
  const double distance = gained - lost - n * delta;
  if (variance <= 0) return distance == 0 ? 0 : std::copysign(1e9, distance);
  return distance / std::sqrt(variance);
}

// The delta in [low, high] at which the falling statistic reaches `target`.
double SolveTango(double gained, double lost, double n, double target, double low, double high) {
  for (int i = 0; i < 100; ++i) {
    const double middle = 0.5 * (low + high);
    (TangoStatistic(gained, lost, n, middle) > target ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

// Whether the mean of exp(logs) reaches exp(target).
bool MeanReaches(std::span<const double> logs, double target) {
  const double most = *std::max_element(logs.begin(), logs.end());
  if (most < target) return false;  // a mean is at most the largest
  double sum = 0;
  for (const double value : logs) sum += std::exp(value - most);
  return most + std::log(sum / static_cast<double>(logs.size())) >= target;
}

}  // namespace

Interval PairedDifference(std::int64_t gained, std::int64_t lost, std::int64_t n) {
  if (n < 1) return kUnknown;
  const auto count = static_cast<double>(n);
  const auto b = static_cast<double>(gained);
  const auto c = static_cast<double>(lost);
  const double difference = (b - c) / count;
  return {difference, SolveTango(b, c, count, kZ975, -1, difference),
          SolveTango(b, c, count, -kZ975, difference, 1)};
}

double McNemarP(std::int64_t gained, std::int64_t lost) {
  const std::int64_t n = gained + lost;
  const std::int64_t fewer = std::min(gained, lost);
  if (n == 0) return 1;
  const auto trials = static_cast<double>(n);
  double tail = 0;
  for (std::int64_t k = 0; k <= fewer; ++k) {
    const auto x = static_cast<double>(k);
    tail += std::exp(std::lgamma(trials + 1) - std::lgamma(x + 1) - std::lgamma(trials - x + 1) -
                     trials * std::log(2.0));
  }
  return std::min(1.0, 2 * tail);
}

SequentialTest::SequentialTest(double margin) : margin_(margin) {}

void SequentialTest::Add(double difference) {
  if (decision_ != Decision::kOpen) return;
  const double step = std::clamp(difference, -1.0, 1.0) + margin_;
  for (std::size_t i = 0; i < kBets; ++i) {
    // Bets up to where a single sample could take all: a step is at least margin - 1 and at most
    // margin + 1. Spread evenly on a logarithmic scale: small bets win against rare changes.
    const double share = 0.95 * std::pow(0.8, static_cast<double>(i));
    log_above_[i] += std::log1p(share / (1 - margin_) * step);
    log_below_[i] += std::log1p(-share / (1 + margin_) * step);
  }
  const double target = std::log(1 / kAlpha);
  if (MeanReaches(log_above_, target)) decision_ = Decision::kNotWorse;
  if (MeanReaches(log_below_, target)) decision_ = Decision::kWorse;
}

std::int64_t SamplesForDrop(double drop, double discordant) {
  const double size = std::fabs(drop);
  if (!(size > 0) || discordant < size) return 0;
  const double root = kZ975 * std::sqrt(discordant) + kZ80 * std::sqrt(discordant - size * size);
  return static_cast<std::int64_t>(std::ceil(root * root / (size * size)));
}

}  // namespace quantbench
