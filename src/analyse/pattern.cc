// Whether an arm's times stayed at one level, and if not, how they moved.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "quantbench/analyse.h"

namespace quantbench {
namespace {

constexpr std::array<std::string_view, 5> kPatterns = {"flat", "warm-up", "slowdown", "two speeds",
                                                       "no steady state"};
constexpr double kMove = 0.02;  // a level that differs by less is the same level
constexpr std::size_t kLeastForTrend = 3;
constexpr double kPenalty = 3;           // times ln(n)
constexpr double kToDeviation = 1.4826;  // MAD of a normal distribution to its standard deviation

// Variance of the noise around the levels, from the differences of neighbours.
double NoiseVariance(std::span<const double> series) {
  std::vector<double> differences;
  for (std::size_t i = 1; i < series.size(); ++i) {
    differences.push_back(std::fabs(series[i] - series[i - 1]));
  }
  const double deviation = kToDeviation * Summarise(differences).median / std::sqrt(2.0);
  return deviation * deviation;
}

// ln(median run) of every lap, in time order over all processes.
std::vector<double> LapLogs(std::span<const LatencySamples> processes) {
  std::vector<double> logs;
  for (const LatencySamples& process : processes) {
    for (const Lap& lap : process.laps) {
      const std::vector<double> runs(lap.run_ns.begin(), lap.run_ns.end());
      logs.push_back(std::log(Summarise(runs).median));
    }
  }
  return logs;
}

// ln(time in the first third of a process / in its last third), one a process.
std::vector<double> TrendsWithin(std::span<const LatencySamples> processes) {
  std::vector<double> trends;
  for (const LatencySamples& process : processes) {
    const std::vector<double> logs = LapLogs(std::span(&process, 1));
    const std::size_t third = logs.size() / 3;
    if (third == 0) continue;
    const std::span<const double> all = logs;
    trends.push_back(Summarise(all.first(third)).mean - Summarise(all.last(third)).mean);
  }
  return trends;
}

std::vector<double> LevelsOf(std::span<const double> series) {
  std::vector<std::size_t> borders = ChangePoints(series);
  borders.push_back(series.size());
  std::vector<double> levels;
  std::size_t begin = 0;
  for (const std::size_t end : borders) {
    const double level = Summarise(series.subspan(begin, end - begin)).median;
    if (levels.empty() || std::fabs(level - levels.back()) > kMove) levels.push_back(level);
    begin = end;
  }
  return levels;
}

// Levels that fall into two groups, far apart compared with what each spans.
bool AreTwo(std::vector<double> levels) {
  std::sort(levels.begin(), levels.end());
  std::size_t split = 1;
  for (std::size_t i = 1; i < levels.size(); ++i) {
    if (levels[i] - levels[i - 1] > levels[split] - levels[split - 1]) split = i;
  }
  const double gap = levels[split] - levels[split - 1];
  const double spans = std::max(levels[split - 1] - levels.front(), levels.back() - levels[split]);
  return spans < gap / 3;
}

}  // namespace

std::string_view Name(Pattern pattern) {
  return kPatterns[static_cast<std::size_t>(pattern)];
}

std::vector<std::size_t> ChangePoints(std::span<const double> series) {
  const std::size_t n = series.size();
  const double variance = NoiseVariance(series);
  if (n < 4 || !(variance > 0)) return {};
  std::vector<double> sums(n + 1, 0);
  std::vector<double> squares(n + 1, 0);
  for (std::size_t i = 0; i < n; ++i) {
    const double x = series[i] - series[0];  // keeps the squares small
    sums[i + 1] = sums[i] + x;
    squares[i + 1] = squares[i] + x * x;
  }
  const auto error = [&](std::size_t begin, std::size_t end) {
    const double sum = sums[end] - sums[begin];
    return squares[end] - squares[begin] - sum * sum / static_cast<double>(end - begin);
  };
  const double penalty = kPenalty * std::log(static_cast<double>(n)) * variance;
  std::vector<double> best(n + 1, std::numeric_limits<double>::infinity());
  std::vector<std::size_t> last(n + 1, 0);
  best[0] = -penalty;
  std::vector<std::size_t> candidates = {0};
  for (std::size_t end = 1; end <= n; ++end) {
    for (const std::size_t begin : candidates) {
      const double cost = best[begin] + error(begin, end) + penalty;
      if (cost >= best[end]) continue;
      best[end] = cost;
      last[end] = begin;
    }
    std::erase_if(candidates,
                  [&](std::size_t begin) { return best[begin] + error(begin, end) > best[end]; });
    candidates.push_back(end);
  }
  std::vector<std::size_t> changes;
  for (std::size_t end = last[n]; end > 0; end = last[end]) changes.push_back(end);
  std::reverse(changes.begin(), changes.end());
  return changes;
}

Pattern PatternOf(std::span<const LatencySamples> processes) {
  const std::vector<double> trends = TrendsWithin(processes);
  if (trends.size() >= kLeastForTrend) {
    const Interval trend = RatioFromLogs(trends);
    if (trend.low > 1 && trend.estimate > 1 + kMove) return Pattern::kWarmUp;
    if (trend.high < 1 && trend.estimate < 1 - kMove) return Pattern::kSlowdown;
  }
  const std::vector<double> levels = LevelsOf(LapLogs(processes));
  if (levels.size() < 2) return Pattern::kFlat;
  if (std::is_sorted(levels.begin(), levels.end())) return Pattern::kSlowdown;
  return levels.size() > 2 && AreTwo(levels) ? Pattern::kTwoSpeeds : Pattern::kUnsteady;
}

}  // namespace quantbench
