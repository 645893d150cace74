// Histograms and observers: exact under any split, and right on distributions with known answers.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/base/random.h"
#include "quantbench/calibrate.h"

#include "calibrate/distribution.h"
#include "calibrate/value_loops.h"

namespace quantbench {
namespace observers_test {

using ::testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> Draw(std::size_t count, std::uint64_t seed,
                        const std::function<double(Random&)>& draw) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(draw(random));
  return values;
}

std::vector<float> Normal(std::size_t count, std::uint64_t seed = 1) {
  return Draw(count, seed, [](Random& random) { return random.Normal(); });
}

// Normal values over many magnitudes, zeros, NaN and infinities among them.
std::vector<float> Wild(std::size_t count) {
  std::vector<float> values = Draw(count, 2, [](Random& random) {
    return random.Normal() * std::exp2(static_cast<double>(random.Below(60)) - 30);
  });
  for (std::size_t i = 0; i < count; i += 97) values[i] = i % 2 == 0 ? 0.0F : -0.0F;
  for (std::size_t i = 5; i < count; i += 1009) values[i] = i % 2 == 0 ? kNan : -kInfinity;
  return values;
}

TensorStatistics Seen(std::span<const float> values) {
  TensorStatistics seen;
  const Shape shape = {static_cast<std::int64_t>(values.size())};
  EXPECT_TRUE(Observe({DataType::kFloat32, shape, std::as_bytes(values)}, "s", true, &seen).ok());
  return seen;
}

// Bins as their definition has them, one value at a time.
Histogram Plain(std::span<const float> values) {
  Histogram plain;
  double largest = 0;
  for (const float value : values) {
    if (std::isfinite(value)) largest = std::max(largest, std::abs(double{value}));
  }
  if (largest == 0) return plain;
  plain.exponent = -126;
  while (largest / std::ldexp(1.0, plain.exponent) >= Histogram::kBins) ++plain.exponent;
  for (const float value : values) {
    if (!std::isfinite(value) || value == 0) continue;
    auto& bins = value < 0 ? plain.negative : plain.positive;
    bins.resize(Histogram::kBins, 0);
    ++bins[static_cast<std::size_t>(std::abs(double{value}) / plain.width())];
  }
  return plain;
}

TEST(Histogram, IsThatOfTheDefinitionForManyAndForFewValues) {
  for (const std::size_t count : {1U, 100U, 40000U}) {
    const std::vector<float> values = Wild(count);
    Histogram histogram;
    histogram.Add(values);
    EXPECT_EQ(histogram, Plain(values)) << count;
  }
}

TEST(Histogram, IsThatOfTheDefinitionAtEveryLengthOfItsVectors) {
  const std::vector<float> values = Wild(2048 + 67);
  for (std::size_t length = 1; length <= values.size(); length += length < 67 ? 1 : 511) {
    const std::span<const float> some = std::span(values).last(length);
    Histogram histogram;
    histogram.Add(some);
    EXPECT_EQ(histogram, Plain(some)) << length;
  }
}

TEST(Histogram, GrowsWhileItIsFilled) {
  std::vector<float> values = Normal(100000);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = std::ldexp(values[i], static_cast<int>(i / 5000));
  }
  Histogram histogram;
  histogram.Add(values);
  EXPECT_EQ(histogram, Plain(values));
}

TEST(Observe, SeesTheSameWithAnyNumberOfThreads) {
  const std::vector<float> values = Wild(300001);
  const TensorStatistics expected = Seen(values);
  EXPECT_EQ(expected.histogram, Plain(values));
  const Shape shape = {300001};
  for (const int threads : {0, 2, 3, 7}) {
    TensorStatistics seen;
    EXPECT_TRUE(Observe({DataType::kFloat32, shape, std::as_bytes(std::span(values))}, "s", true,
                        &seen, threads)
                    .ok());
    EXPECT_EQ(seen, expected) << threads;
  }
}

TEST(Histogram, CountsTheSmallestAndTheLargestFloats) {
  const float tiny = std::numeric_limits<float>::denorm_min();
  const float huge = std::numeric_limits<float>::max();
  for (const std::vector<float>& values :
       {std::vector<float>{tiny, -tiny}, {huge, -huge, 1, tiny}, {kNan, kInfinity}, {}}) {
    Histogram histogram;
    histogram.Add(values);
    EXPECT_EQ(histogram, Plain(values));
  }
}

TEST(TensorStatistics, HaveTheSameBitsForEverySplitOrderAndMerge) {
  const std::vector<float> values = Wild(50000);
  // Samples of uneven length; the largest value is in the middle, so that bins grow on the way.
  std::vector<std::vector<float>> samples;
  Random random(3);
  for (std::size_t begin = 0; begin < values.size();) {
    const std::size_t length = std::min(values.size() - begin, 1 + random.Below(4000));
    samples.emplace_back(values.begin() + static_cast<std::ptrdiff_t>(begin),
                         values.begin() + static_cast<std::ptrdiff_t>(begin + length));
    begin += length;
  }
  const auto merged = [&](std::size_t shards) {
    std::vector<TensorStatistics> parts(shards);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const Shape shape = {1};
      EXPECT_TRUE(Observe({DataType::kFloat32, shape, std::as_bytes(std::span(samples[i]))}, "s",
                          true, &parts[(i * 7) % shards])
                      .ok());
    }
    TensorStatistics all = parts.back();
    for (std::size_t i = 0; i + 1 < shards; ++i) all.Merge(parts[i]);
    return all;
  };
  const TensorStatistics expected = merged(1);
  EXPECT_EQ(expected.histogram, Plain(values));
  EXPECT_EQ(expected.count, 50000);
  for (const std::size_t shards : {2U, 3U, 11U}) EXPECT_EQ(merged(shards), expected) << shards;
  const auto read = TensorStatistics::FromJson(Json::Parse(expected.ToJson().Dump()).value(), "t");
  ASSERT_TRUE(read.ok()) << read.error().message();
  EXPECT_EQ(read.value(), expected);
}

TEST(TensorStatistics, RefuseWhatIsNoHistogram) {
  Json json = Seen(Normal(100)).ToJson();
  Json bins = Json::Array{};
  bins.Append(2040);
  for (int i = 0; i < 9; ++i) bins.Append(1);
  Json histogram = Json::MakeObject().Set("exponent", 0).Set("positive", bins);
  EXPECT_THAT(
      TensorStatistics::FromJson(Json(json).Set("histogram", histogram), "t").error().message(),
      HasSubstr("not one"));
  histogram.Set("exponent", 5000);
  EXPECT_FALSE(TensorStatistics::FromJson(Json(json).Set("histogram", histogram), "t").ok());
  EXPECT_FALSE(TensorStatistics::FromJson(Json(json).Set("min", 9), "t").ok());
  EXPECT_FALSE(TensorStatistics::FromJson(Json(json).Set("low", Json::Array{}), "t").ok());
}

TEST(ExactSum, LosesNothing) {
  // In double, the ones would vanish beside 2^100.
  ExactSum sum;
  sum.Add(0x1p100F);
  for (int i = 0; i < 1000; ++i) sum.Add(1);
  sum.Add(std::numeric_limits<float>::denorm_min());
  sum.Add(-0x1p100F);
  EXPECT_EQ(sum.Value(), 1000.0);
  sum.Add(-1000);
  EXPECT_EQ(sum.Value(), 0x1p-149);
  ExactSum largest;
  for (int i = 0; i < 3; ++i) largest.Add(-std::numeric_limits<float>::max());
  EXPECT_EQ(largest.Value(), -3.0 * std::numeric_limits<float>::max());
}

Range Choose(const TensorStatistics& seen, Observer observer, double percentile = 99.999,
             std::int64_t levels = 256) {
  return ChooseRange(seen, {observer, percentile, levels});
}

TEST(Observers, MinMaxCoversEverything) {
  const Range range = Choose(Seen(std::vector<float>{-1.25F, 7, 0.5F}), Observer::kMinMax);
  EXPECT_EQ(range.low, -1.25);
  EXPECT_EQ(range.high, 7);
}

TEST(Observers, AverageIsTheMeanOfTheSamplesExtremes) {
  TensorStatistics seen;
  const Shape shape = {2};
  for (const float size : {1.0F, 2.0F, 6.0F}) {
    const std::vector<float> values = {-size, size / 2};
    ASSERT_TRUE(
        Observe({DataType::kFloat32, shape, std::as_bytes(std::span(values))}, "s", false, &seen)
            .ok());
  }
  const Range range = Choose(seen, Observer::kAverage);
  EXPECT_EQ(range.low, -3);
  EXPECT_EQ(range.high, 1.5);
}

TEST(Observers, PercentileCutsWhatAUniformDistributionHasAboveIt) {
  const auto uniform = Draw(200000, 4, [](Random& random) { return random.Uniform(); });
  EXPECT_NEAR(Choose(Seen(uniform), Observer::kPercentile, 99).high, 0.99, 2e-3);
  EXPECT_NEAR(Choose(Seen(uniform), Observer::kPercentile, 90).high, 0.90, 3e-3);
  // Two tails share what is cut; quantiles of the normal distribution at 0.5 % and 99.5 %.
  const Range normal = Choose(Seen(Normal(400000)), Observer::kPercentile, 99);
  EXPECT_NEAR(normal.low, -2.5758, 0.02);
  EXPECT_NEAR(normal.high, 2.5758, 0.02);
  // All is kept at 100, and zeros count as values.
  const std::vector<float> sparse = {0, 0, 0, 0, 0, 0, 0, 0, 0, 5};
  EXPECT_EQ(Choose(Seen(sparse), Observer::kPercentile, 100).high, 5);
  EXPECT_EQ(Choose(Seen(sparse), Observer::kPercentile, 80).high, 0);
}

TEST(Observers, EntropyCutsLonelyOutliersAndKeepsAFullUniform) {
  const auto uniform = Draw(400000, 5, [](Random& random) { return random.Uniform(); });
  EXPECT_GT(Choose(Seen(uniform), Observer::kEntropy).high, 0.97);
  std::vector<float> values = Draw(400000, 6, [](Random& random) {
    return std::max(0.0, random.Normal());  // half of them zeros, as behind a Relu
  });
  values[17] = 40;
  const double threshold = Choose(Seen(values), Observer::kEntropy).high;
  EXPECT_GT(threshold, 2.5);
  EXPECT_LT(threshold, 12);
}

TEST(Observers, EntropyDoesNotChangeWhenZerosAreAdded) {
  std::vector<float> values = Draw(100000, 7, [](Random& random) { return random.Uniform(); });
  const double without = Choose(Seen(values), Observer::kEntropy).high;
  values.resize(1000000, 0.0F);
  EXPECT_EQ(Choose(Seen(values), Observer::kEntropy).high, without);
}

// The mean squared error of 8-bit codes, by their definition.
double PlainError(const std::vector<float>& values, const Range& range) {
  const double scale = (range.high - range.low) / 255;
  const double zero = std::round(-range.low / scale);
  double sum = 0;
  for (const float x : values) {
    const double code = std::clamp(std::nearbyint(x / scale) + zero, 0.0, 255.0);
    const double error = x - scale * (code - zero);
    sum += error * error;
  }
  return sum;
}

TEST(SquaredErrors, AreThoseOfTheCodes) {
  const std::vector<float> values = Normal(100000);
  const TensorStatistics seen = Seen(values);
  const SquaredErrors errors(seen.histogram);
  const Range full{seen.min, seen.max};
  const Range narrow{-2, 3};
  const double width = seen.histogram.width();
  for (const Range& range : {full, narrow}) {
    EXPECT_NEAR(errors.Of(range, 256) * width * width / PlainError(values, range), 1, 0.03);
  }
}

TEST(Observers, MseFindsWhatASearchOverAllValuesFinds) {
  // Outliers widen the range; the best clips them.
  std::vector<float> values = Normal(60000, 8);
  for (std::size_t i = 0; i < 6; ++i) values[i * 1000] = 12 + static_cast<float>(i);
  const Range chosen = Choose(Seen(values), Observer::kMse);
  double least = std::numeric_limits<double>::infinity();
  for (int high = 20; high <= 100; high += 2) {
    const double limit = 17.0 * high / 100;
    least = std::min(least, PlainError(values, {-4.2, limit}));
  }
  EXPECT_LT(PlainError(values, chosen), 1.02 * least);
  EXPECT_LT(PlainError(values, chosen), 0.9 * PlainError(values, {-4.2, 17}));
}

TEST(Observers, MseKeepsAUniformWhole) {
  const auto uniform = Draw(100000, 9, [](Random& random) { return 2 * random.Uniform() - 1; });
  const Range range = Choose(Seen(uniform), Observer::kMse);
  EXPECT_NEAR(range.low, -1, 0.02);
  EXPECT_NEAR(range.high, 1, 0.02);
}

TEST(Observers, TakeConstantsAndNothingAsTheyAre) {
  for (const Observer observer : {Observer::kMinMax, Observer::kAverage, Observer::kPercentile,
                                  Observer::kEntropy, Observer::kMse}) {
    for (const float constant : {0.0F, 3.5F, -1e-30F}) {
      const Range range = Choose(Seen(std::vector<float>(500, constant)), observer);
      EXPECT_NEAR(range.low, std::min(0.0F, constant), std::abs(constant));
      EXPECT_NEAR(range.high, std::max(0.0F, constant), std::abs(constant));
    }
    EXPECT_EQ(Choose(Seen(std::vector<float>{kNan}), observer).high, 0);
    EXPECT_EQ(Choose(TensorStatistics(), observer).high, 0);
  }
}

TEST(Observers, StayWithinWhatWasSeenAtManyLevels) {
  const TensorStatistics seen = Seen(Normal(50000));
  for (const Observer observer : {Observer::kPercentile, Observer::kEntropy, Observer::kMse}) {
    const Range range = Choose(seen, observer, 99.999, 65536);
    EXPECT_GE(range.low, seen.min);
    EXPECT_LE(range.high, seen.max);
    EXPECT_GT(range.high, 3.5) << Name(observer);
  }
}

TEST(Observers, HaveNames) {
  for (const Observer observer : {Observer::kMinMax, Observer::kMse}) {
    EXPECT_EQ(ParseObserver(Name(observer)).value(), observer);
  }
  EXPECT_THAT(ParseObserver("entropie").error().message(), HasSubstr("did you mean \"entropy\""));
}

}  // namespace observers_test
}  // namespace quantbench
