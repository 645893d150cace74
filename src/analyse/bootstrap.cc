// The bootstrap over samples or streams.
#include <algorithm>
#include <cmath>
#include <map>

#include "quantbench/analyse.h"
#include "quantbench/base/random.h"

#include "analyse/unknown.h"

namespace quantbench {
namespace {

constexpr std::size_t kFewGroups = 50;

// The group of every sample, numbered from 0, and how many there are.
std::pair<std::vector<std::size_t>, std::size_t> GroupsOf(const Predictions& predictions) {
  std::vector<std::size_t> group(static_cast<std::size_t>(predictions.samples));
  if (predictions.streams.empty()) {
    for (std::size_t i = 0; i < group.size(); ++i) group[i] = i;
    return {group, group.size()};
  }
  std::map<std::int64_t, std::size_t> numbers;
  for (std::size_t i = 0; i < group.size(); ++i) {
    group[i] = numbers.emplace(predictions.streams[i], numbers.size()).first->second;
  }
  return {group, numbers.size()};
}

double Compare(const Scorer& scorer, const Scorer* reference, std::span<const double> weights,
               bool relative) {
  const double value = scorer.Value(weights);
  if (reference == nullptr) return value;
  const double base = reference->Value(weights);
  return relative ? value / base - 1 : value - base;
}

}  // namespace

Interval Bootstrap(const Scorer& scorer, const Scorer* reference, const Predictions& predictions,
                   const ResampleOptions& options) {
  Interval interval{Compare(scorer, reference, {}, options.relative), kNaN, kNaN};
  const auto [group, groups] = GroupsOf(predictions);
  if (groups < 2 || std::isnan(interval.estimate)) return interval;
  Random random(options.seed);
  std::vector<double> values;
  std::vector<double> counts(groups);
  std::vector<double> weights(group.size());
  for (int r = 0; r < options.resamples; ++r) {
    std::fill(counts.begin(), counts.end(), 0);
    for (std::size_t i = 0; i < groups; ++i) counts[random.Below(groups)] += 1;
    for (std::size_t i = 0; i < group.size(); ++i) weights[i] = counts[group[i]];
    const double value = Compare(scorer, reference, weights, options.relative);
    if (!std::isnan(value)) values.push_back(value);
  }
  if (values.size() < 20) return interval;
  if (groups < kFewGroups) {
    const double df = static_cast<double>(groups) - 1;
    const double small = std::sqrt(static_cast<double>(groups) / df);
    const double half = StudentT(0.975, df) * Summarise(values).stddev * small;
    return {interval.estimate, interval.estimate - half, interval.estimate + half};
  }
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    const double place = share * static_cast<double>(values.size() - 1);
    return values[static_cast<std::size_t>(std::lround(place))];
  };
  return {interval.estimate, at(0.025), at(0.975)};
}

}  // namespace quantbench
