// Statistics against reference values.
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "quantbench/analyse.h"

namespace quantbench {
namespace statistics_test {

TEST(Summarise, GivesTheUsualFigures) {
  const Summary summary = Summarise(std::vector<double>{4, 1, 3, 2});
  EXPECT_EQ(summary.n, 4);
  EXPECT_DOUBLE_EQ(summary.mean, 2.5);
  EXPECT_DOUBLE_EQ(summary.median, 2.5);
  EXPECT_DOUBLE_EQ(summary.stddev, std::sqrt(5.0 / 3));
  EXPECT_EQ(summary.min, 1);
  EXPECT_EQ(summary.max, 4);
  EXPECT_TRUE(std::isnan(Summarise(std::vector<double>{7}).stddev));
  EXPECT_EQ(Summarise(std::vector<double>{7, 1, 9}).median, 7);
}

// scipy.stats.t.ppf(p, df), scipy 1.10.
TEST(StudentT, AgreesWithScipy) {
  EXPECT_NEAR(StudentT(0.975, 1), 12.706204736432095, 1e-6);
  EXPECT_NEAR(StudentT(0.975, 2), 4.302652729911275, 1e-8);
  EXPECT_NEAR(StudentT(0.975, 5), 2.5705818366147395, 1e-9);
  EXPECT_NEAR(StudentT(0.975, 30), 2.0422724563012373, 1e-9);
  EXPECT_NEAR(StudentT(0.975, 1000), 1.9623390808264078, 1e-9);
  EXPECT_NEAR(StudentT(0.05, 7), -1.894578605061305, 1e-9);
  EXPECT_NEAR(StudentT(0.5, 3), 0, 1e-7);  // the tail loses digits to 1 - x near 0
}

// statsmodels proportion_confint(..., method="wilson"), values recomputed by hand from the formula.
TEST(WilsonInterval, AgreesWithTheFormula) {
  const Interval interval = WilsonInterval(81, 263);
  EXPECT_NEAR(interval.estimate, 0.3079848, 1e-7);
  EXPECT_NEAR(interval.low, 0.2553, 1e-4);  // Newcombe 1998, table I, method 3
  EXPECT_NEAR(interval.high, 0.3662, 1e-4);
  EXPECT_NEAR(WilsonInterval(0, 20).low, 0, 1e-12);
  EXPECT_NEAR(WilsonInterval(0, 20).high, 0.1611, 1e-4);  // Newcombe 1998
  EXPECT_FALSE(WilsonInterval(0, 0).valid());
}

TEST(PairedDifference, HasWidthEvenWhenNothingDiffers) {
  const Interval none = PairedDifference(0, 0, 1000);
  EXPECT_EQ(none.estimate, 0);
  EXPECT_LT(none.low, 0);
  EXPECT_GT(none.high, 0);
  const Interval loss = PairedDifference(5, 45, 1000);
  EXPECT_DOUBLE_EQ(loss.estimate, -0.04);
  EXPECT_LT(loss.high, 0);
  // Symmetric: the other way round is the mirror image.
  const Interval gain = PairedDifference(45, 5, 1000);
  EXPECT_DOUBLE_EQ(gain.low, -loss.high);
}

// numpy 1.24 mean, median, std(ddof=1); scipy 1.10.1 stats.median_abs_deviation, and Welch's
// interval from stats.t.ppf with the Welch-Satterthwaite degrees of freedom, 10.0305.
TEST(Summarise, AgreesWithScipy) {
  const std::vector<double> x = {10.1, 9.8, 10.4, 10.0, 9.9, 10.2, 10.05, 9.95, 10.3, 12.9};
  const std::vector<double> y = {10.6, 10.2, 10.8, 10.9, 10.4, 10.7, 10.5, 10.55, 10.3, 10.45};
  const Summary summary = Summarise(x);
  EXPECT_NEAR(summary.mean, 10.36, 1e-12);
  EXPECT_NEAR(summary.median, 10.075, 1e-12);
  EXPECT_NEAR(summary.mad, 0.15, 1e-12);
  EXPECT_NEAR(summary.stddev, 0.9109823757290199, 1e-12);
  const Interval welch = WelchDifference(x, y);
  EXPECT_NEAR(welch.estimate, 0.18, 1e-12);
  EXPECT_NEAR(welch.low, -0.47978242576938623, 1e-9);
  EXPECT_NEAR(welch.high, 0.8397824257693857, 1e-9);
}

// scipy 1.10.1: the least n with stats.binom.cdf(1, n, 1 - percent / 100) <= 1 - confidence.
TEST(Percentiles, StandOnlyWhereRunsSuffice) {
  EXPECT_EQ(LeastForPercentile(50), 8);
  EXPECT_EQ(LeastForPercentile(90), 46);
  EXPECT_EQ(LeastForPercentile(95), 93);
  EXPECT_EQ(LeastForPercentile(99), 473);
  EXPECT_EQ(LeastForPercentile(99.9), 4742);
  EXPECT_EQ(LeastForPercentile(99, 0.99), 662);
  std::vector<double> values(45);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i + 1);
  EXPECT_TRUE(ValidPercentiles(values).empty());
  values.push_back(46);
  ASSERT_EQ(ValidPercentiles(values).size(), 1U);
  EXPECT_EQ(ValidPercentiles(values)[0].percent, 90);
  EXPECT_EQ(ValidPercentiles(values)[0].value, 46);
  for (int i = 47; i <= 1000; ++i) values.push_back(i);
  const auto many = ValidPercentiles(values);
  ASSERT_EQ(many.size(), 3U);
  // 1000 - t + 1 with the largest t of binom.cdf(t, 1000, 0.1) <= 0.05, 84; for 0.01, 4.
  EXPECT_EQ(many[0].value, 917);
  EXPECT_EQ(many[2].value, 997);
}

// The interval covers the truth about 95 times in 100: 2000 simulated sessions of four processes.
TEST(RatioFromLogs, CoversTheTruthAsOftenAsItSays) {
  std::uint64_t state = 42;
  const auto uniform = [&] {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (static_cast<double>(state >> 11U) + 0.5) * 0x1p-53;
  };
  int covered = 0;
  for (int session = 0; session < 2000; ++session) {
    std::vector<double> logs;
    for (int process = 0; process < 4; ++process) {
      const double normal =
          std::sqrt(-2 * std::log(uniform())) * std::cos(6.283185307179586 * uniform());
      logs.push_back(std::log(0.7) + 0.03 * normal);
    }
    const Interval interval = RatioFromLogs(logs);
    covered += interval.low <= 0.7 && interval.high >= 0.7 ? 1 : 0;
  }
  EXPECT_GE(covered, 1870);  // 95 % of 2000 is 1900; three standard deviations are 29
  EXPECT_LE(covered, 1930);
}

}  // namespace statistics_test
}  // namespace quantbench
