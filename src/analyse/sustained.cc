// The first minute of a long measurement against its last.
#include <algorithm>
#include <cmath>

#include "quantbench/analyse.h"

#include "analyse/unknown.h"

namespace quantbench {
namespace {

constexpr std::int64_t kWindowNs = 60'000'000'000;
constexpr std::size_t kBlocks = 10;
constexpr double kMostAlike = 0.8;

// The laps that began between two times, in blocks of equal time: the mean of ln(ns a pass) of
// each, NaN for a block without laps.
std::vector<double> Blocks(std::span<const SustainedLap> laps, std::int64_t from, std::int64_t to) {
  std::vector<double> sums(kBlocks, 0);
  std::vector<double> counts(kBlocks, 0);
  for (const SustainedLap& lap : laps) {
    if (lap.start_ns < from || lap.start_ns >= to) continue;
    const double share = static_cast<double>(lap.start_ns - from) / static_cast<double>(to - from);
    const auto block = std::min(kBlocks - 1, static_cast<std::size_t>(share * kBlocks));
    sums[block] += std::log(static_cast<double>(lap.wall_ns) / static_cast<double>(lap.runs));
    counts[block] += 1;
  }
  for (std::size_t i = 0; i < kBlocks; ++i) sums[i] = counts[i] > 0 ? sums[i] / counts[i] : kNaN;
  return sums;
}

std::vector<double> Known(std::span<const double> values) {
  std::vector<double> known;
  std::copy_if(values.begin(), values.end(), std::back_inserter(known),
               [](double value) { return !std::isnan(value); });
  return known;
}

std::vector<double> Differences(std::span<const double> a, std::span<const double> b) {
  std::vector<double> differences;
  for (std::size_t i = 0; i < a.size(); ++i) differences.push_back(a[i] - b[i]);
  return Known(differences);
}

// Sum over neighbours of products of deviations from the mean, and of squares.
void AddLag(std::span<const double> values, double* products, double* squares) {
  const double mean = Summarise(values).mean;
  for (std::size_t i = 0; i < values.size(); ++i) {
    *squares += (values[i] - mean) * (values[i] - mean);
    if (i > 0) *products += (values[i] - mean) * (values[i - 1] - mean);
  }
}

// How much wider an interval over blocks is for neighbours that resemble each other:
// sqrt((1 + r) / (1 - r)) of a first-order autoregression, its lag-1 correlation r estimated over
// both windows and corrected for the bias of a short series [Kendall 1954].
double Inflation(std::span<const double> first, std::span<const double> last) {
  double products = 0;
  double squares = 0;
  AddLag(first, &products, &squares);
  AddLag(last, &products, &squares);
  if (!(squares > 0)) return 1;
  const double seen = products / squares;
  const double n = static_cast<double>(first.size() + last.size()) / 2;
  const double r = std::clamp(seen + (1 + 3 * seen) / n, 0.0, kMostAlike);
  return std::sqrt((1 + r) / (1 - r));
}

double MeanMs(std::span<const SustainedLap> laps, std::int64_t from, std::int64_t to) {
  double ns = 0;
  double runs = 0;
  for (const SustainedLap& lap : laps) {
    if (lap.start_ns < from || lap.start_ns >= to) continue;
    ns += static_cast<double>(lap.wall_ns);
    runs += static_cast<double>(lap.runs);
  }
  return runs > 0 ? ns / runs * 1e-6 : kNaN;
}

}  // namespace

SustainedChange ChangeOf(std::span<const SustainedLap> arm,
                         std::span<const SustainedLap> original) {
  SustainedChange change;
  change.slowdown = change.ratio_first = change.ratio_last = kUnknown;
  change.first_ms = change.last_ms = kNaN;
  if (arm.empty() || original.empty()) return change;
  const std::int64_t end = std::max(arm.back().start_ns, original.back().start_ns) + 1;
  const std::int64_t window = std::min(kWindowNs, std::max<std::int64_t>(1, end / 3));
  change.window_s = static_cast<double>(window) * 1e-9;
  change.first_ms = MeanMs(arm, 0, window);
  change.last_ms = MeanMs(arm, end - window, end);
  const auto first = Blocks(arm, 0, window);
  const auto last = Blocks(arm, end - window, end);
  const Interval logs = WelchDifference(Known(first), Known(last));
  const double half = (logs.high - logs.low) / 2 * Inflation(Known(first), Known(last));
  change.slowdown = {std::exp(logs.estimate), std::exp(logs.estimate - half),
                     std::exp(logs.estimate + half)};
  change.ratio_first = RatioFromLogs(Differences(first, Blocks(original, 0, window)));
  change.ratio_last = RatioFromLogs(Differences(last, Blocks(original, end - window, end)));
  return change;
}

}  // namespace quantbench
