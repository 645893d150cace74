// Statistics: summaries, intervals, percentiles that so many values can tell.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace quantbench {

// Of a sample; stddev with n - 1, NaN for n < 2.
struct Summary {
  std::int64_t n = 0;
  double mean = 0;
  double stddev = 0;
  double median = 0;
  double mad = 0;  // median absolute deviation from the median, not scaled
  double min = 0;
  double max = 0;
};
[[nodiscard]] Summary Summarise(std::span<const double> values);

// An estimate with a 95 % interval; low and high are NaN where none can be given.
struct Interval {
  double estimate = 0;
  double low = 0;
  double high = 0;

  [[nodiscard]] bool valid() const { return low <= high; }
};

// Score interval of a proportion at 95 % [Wilson 1927].
[[nodiscard]] Interval WilsonInterval(std::int64_t successes, std::int64_t n);
// Difference of two paired proportions, from the discordant counts: `gained` where only the first
// is right, `lost` where only the second is; score interval at 95 % [Tango 1998].
[[nodiscard]] Interval PairedDifference(std::int64_t gained, std::int64_t lost, std::int64_t n);
// Quantile of Student's t, p in (0, 1), df >= 1.
[[nodiscard]] double StudentT(double p, double df);
// Probability that |T| is at least t, of Student's t; t >= 0, df >= 1.
[[nodiscard]] double StudentTail(double t, double df);
// Difference of means y - x of independent samples, Welch's interval [Welch 1947].
[[nodiscard]] Interval WelchDifference(std::span<const double> x, std::span<const double> y);

// A percentile that so many values can tell. `value` is the order statistic below which at least
// `percent` % of all runs lie with 95 % confidence [MLPerf, early stopping].
struct Percentile {
  double percent = 0;
  double value = 0;
};
// Least n at which that percentile may be given: 46 for 90, 93 for 95, 473 for 99, 4742 for 99.9.
[[nodiscard]] std::int64_t LeastForPercentile(double percent, double confidence = 0.95);
// Of 90, 95, 99 and 99.9 those that values.size() suffices for.
[[nodiscard]] std::vector<Percentile> ValidPercentiles(std::span<const double> values);

// Of n queries, the most that may take longer than a target which `percent` % of all queries keep
// with 95 % confidence, were they independent: 3 of 1000 for 99. -1 where n does not suffice.
[[nodiscard]] std::int64_t MostLate(std::int64_t n, double percent);

// Exact two-sided p-value of McNemar's test: whether `gained` and `lost` are a fair coin's
// [McNemar 1947; binomial form]. 1 when none differ.
[[nodiscard]] double McNemarP(std::int64_t gained, std::int64_t lost);

}  // namespace quantbench
