// Factors between layers and inputs, and the correction of biases.
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "quantbench/recover.h"

#include "recover/correlated_layer.h"

namespace quantbench {
namespace factors_test {

using testing::CorrelatedLayer;
using testing::GridOf;
using testing::Layer;
using testing::Nearest;
using testing::PlainCode;
using testing::PlainLoss;
using testing::PlainValue;

TEST(BiasShift, KeepsTheMeanOutput) {
  const Layer layer = CorrelatedLayer(4, 32, 9);
  const CodeGrid grid = GridOf(3, 0, false);
  const std::vector<float> decoded = DecodeRows(Nearest(layer, grid), 32, grid);
  const std::vector<double> shift = BiasShift(layer.view(), decoded, layer.mean);
  for (std::size_t row = 0; row < 4; ++row) {
    double before = 0;
    double after = shift[row];
    for (std::size_t k = 0; k < 32; ++k) {
      before += layer.weights[row * 32 + k] * layer.mean[k];
      after += decoded[row * 32 + k] * layer.mean[k];
    }
    EXPECT_NEAR(before, after, 1e-9);
    EXPECT_GT(std::abs(shift[row]), 1e-6);
  }
}

TEST(Equalize, MakesAllRangesTheirGeometricMean) {
  const std::vector<std::vector<double>> pair = {{4, 1, 0}, {1, 9, 5}};
  const auto of_pair = EqualizingFactors(pair);
  ASSERT_EQ(of_pair.size(), 1U);
  EXPECT_NEAR(of_pair[0][0], 2, 1e-12);        // 4 / 2 = 1 * 2
  EXPECT_NEAR(of_pair[0][1], 1.0 / 3, 1e-12);  // 1 * 3 = 9 / 3
  EXPECT_EQ(of_pair[0][2], 1);                 // dead
  const std::vector<std::vector<double>> triple = {{8}, {2}, {4}};
  const auto of_triple = EqualizingFactors(triple);
  ASSERT_EQ(of_triple.size(), 2U);
  EXPECT_NEAR(8 / of_triple[0][0], 4, 1e-12);
  EXPECT_NEAR(2 * of_triple[0][0] / of_triple[1][0], 4, 1e-12);
  EXPECT_NEAR(4 * of_triple[1][0], 4, 1e-12);
}

TEST(Smooth, FollowsTheEquationAndLeavesDeadChannels) {
  const std::vector<double> inputs = {16, 1, 0, 4};
  const std::vector<double> weights = {1, 1, 3, 1};
  const auto factors = SmoothingFactors(inputs, weights, 0.5);
  // 4, 1 and 2 over the root of their extremes' product, 2.
  EXPECT_NEAR(factors[0], 2, 1e-12);
  EXPECT_NEAR(factors[1], 0.5, 1e-12);
  EXPECT_EQ(factors[2], 1);
  EXPECT_NEAR(factors[3], 1, 1e-12);
}

TEST(Awq, GivesLargeInputsFinerCodes) {
  Layer layer = CorrelatedLayer(32, 64, 10);
  for (std::size_t i = 0; i < 64; ++i) {  // inputs 5 and 40 are far larger than the others
    for (const std::size_t large : {5U, 40U}) {
      layer.gram[large * 64 + i] *= 20;
      layer.gram[i * 64 + large] *= 20;
    }
  }
  layer.abs_mean[5] *= 20;
  layer.abs_mean[40] *= 20;
  const CodeGrid grid = GridOf(4, 32, false);
  const SharedInput consumer{layer.view(), &grid};
  const AwqResult found = SearchAwqFactors({&consumer, 1}, layer.gram, layer.abs_mean, 1);
  EXPECT_GT(found.exponent, 0);
  EXPECT_LT(found.error, 0.8 * found.plain_error);
  EXPECT_GT(found.factors[5], found.factors[6]);
  const double plain =
      OutputError(layer.view(), DecodeRows(Nearest(layer, grid), 64, grid), layer.gram, 1);
  EXPECT_NEAR(found.plain_error, plain, 1e-9 * plain);
}

// What the outputs of a layer lose with s_j = mean|X_j|^r: its weights times s rounded to nearest,
// group by group, and divided by s again. [Lin 2023, eq. 4 and 5]
double ReferenceAwqError(const Layer& layer, const CodeGrid& grid, double exponent) {
  const auto k = static_cast<std::size_t>(layer.columns);
  std::vector<double> s(k);
  for (std::size_t j = 0; j < k; ++j) s[j] = std::pow(layer.abs_mean[j], exponent);
  const double middle =
      std::sqrt(*std::max_element(s.begin(), s.end()) * *std::min_element(s.begin(), s.end()));
  for (double& factor : s) factor /= middle;
  const auto group = static_cast<std::size_t>(grid.group);
  double error = 0;
  for (std::size_t row = 0; row < static_cast<std::size_t>(layer.rows); ++row) {
    std::vector<double> lost(k);
    for (std::size_t begin = 0; begin < k; begin += group) {
      double low = 0;
      double high = 0;
      for (std::size_t j = begin; j < begin + group; ++j) {
        low = std::min(low, layer.weights[row * k + j] * s[j]);
        high = std::max(high, layer.weights[row * k + j] * s[j]);
      }
      const CodeScale scale = grid.of_range(low, high);
      for (std::size_t j = begin; j < begin + group; ++j) {
        const double w = layer.weights[row * k + j];
        lost[j] = w - PlainValue(PlainCode(w * s[j], scale, grid), scale) / s[j];
      }
    }
    error += PlainLoss(lost, layer.gram);
  }
  return error;
}

TEST(Awq, TakesTheExponentThatLosesLeast) {
  Layer layer = CorrelatedLayer(16, 64, 15);
  for (std::size_t i = 0; i < 64; ++i) {
    layer.gram[7 * 64 + i] *= 10;
    layer.gram[i * 64 + 7] *= 10;
  }
  layer.abs_mean[7] *= 10;
  const CodeGrid grid = GridOf(4, 32, false);
  double least = ReferenceAwqError(layer, grid, 0);
  double best = 0;
  for (int i = 1; i < 20; ++i) {
    const double error = ReferenceAwqError(layer, grid, 0.05 * i);
    if (error >= least) continue;
    least = error;
    best = 0.05 * i;
  }
  ASSERT_GT(best, 0);
  const SharedInput consumer{layer.view(), &grid};
  const AwqResult found = SearchAwqFactors({&consumer, 1}, layer.gram, layer.abs_mean, 1);
  EXPECT_EQ(found.exponent, best);
  EXPECT_NEAR(found.error, least, 1e-2 * least);  // its products are floats
  for (std::size_t j = 1; j < 64; ++j) {
    EXPECT_NEAR(found.factors[j] / found.factors[0],
                std::pow(layer.abs_mean[j] / layer.abs_mean[0], best), 1e-6);
  }
}

}  // namespace factors_test
}  // namespace quantbench
