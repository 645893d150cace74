// recover, against slow references in double and against what must hold.
#include "quantbench/recover.h"

#include <cmath>
#include <functional>
#include <numeric>

#include <gtest/gtest.h>

#include "quantbench/base/random.h"

namespace quantbench {
namespace recover_test {

using Matrix = std::vector<std::vector<double>>;

// Symmetric codes around the middle, or codes over the whole range.
CodeGrid GridOf(int bits, std::int64_t group, bool symmetric) {
  CodeGrid grid;
  grid.group = group;
  grid.low = symmetric ? 1 : 0;
  grid.high = (1 << bits) - 1;
  const double middle = 1 << (bits - 1);
  const double high = grid.high;
  grid.of_range = [=](double low, double top) {
    if (symmetric) {
      const double largest = std::max(-low, top);
      return CodeScale{largest > 0 ? static_cast<float>(largest / (middle - 1)) : 1.0F,
                       static_cast<float>(middle)};
    }
    if (top - low <= 0) return CodeScale{};
    const auto scale = static_cast<float>((top - low) / high);
    return CodeScale{scale, static_cast<float>(std::nearbyint(-low / scale))};
  };
  return grid;
}

// A layer whose inputs are correlated: a few hidden causes and some noise, channels of different
// size.
struct Layer {
  std::vector<float> weights;
  std::vector<double> gram;
  std::vector<double> mean;      // of inputs
  std::vector<double> abs_mean;  //
  std::int64_t rows = 0;
  std::int64_t columns = 0;

  [[nodiscard]] WeightRows view() const { return {weights, rows, columns}; }
};

Layer CorrelatedLayer(std::int64_t rows, std::int64_t columns, std::uint64_t seed) {
  Layer layer;
  layer.rows = rows;
  layer.columns = columns;
  Random random(seed);
  for (std::int64_t i = 0; i < rows * columns; ++i) {
    const double outlier = random.Uniform() < 0.01 ? 4 : 1;
    layer.weights.push_back(static_cast<float>(random.Normal() * outlier));
  }
  const auto k = static_cast<std::size_t>(columns);
  const std::size_t causes = std::max<std::size_t>(2, k / 8);
  std::vector<double> mixing(causes * k);
  for (double& value : mixing) value = random.Normal();
  std::vector<double> size(k);
  for (double& value : size) value = std::exp(random.Normal() * 0.5);
  layer.gram.assign(k * k, 0);
  layer.mean.assign(k, 0);
  layer.abs_mean.assign(k, 0);
  constexpr int kSamples = 300;
  for (int n = 0; n < kSamples; ++n) {
    std::vector<double> x(k);
    for (std::size_t c = 0; c < causes; ++c) {
      const double cause = random.Normal();
      for (std::size_t j = 0; j < k; ++j) x[j] += cause * mixing[c * k + j];
    }
    for (std::size_t j = 0; j < k; ++j) {
      x[j] = size[j] * (x[j] / std::sqrt(static_cast<double>(causes)) + 0.5 * random.Normal() + 1);
      layer.mean[j] += x[j] / kSamples;
      layer.abs_mean[j] += std::abs(x[j]) / kSamples;
    }
    for (std::size_t i = 0; i < k; ++i) {
      for (std::size_t j = 0; j < k; ++j) layer.gram[i * k + j] += x[i] * x[j];
    }
  }
  return layer;
}

double SqnrOf(const Layer& layer, const CodedRows& coded, const CodeGrid& grid) {
  return OutputSqnrDb(layer.view(), DecodeRows(coded, layer.columns, grid), layer.gram, 1);
}

CodedRows Nearest(const Layer& layer, const CodeGrid& grid) {
  return RoundToNearest(layer.view(), grid, ScalesOfRanges(layer.view(), grid, 1), 1);
}

// (w - w') H (w - w')^T of one row, term by term.
double RowLoss(const Layer& layer, const CodedRows& coded, const CodeGrid& grid, std::int64_t row) {
  const std::vector<float> decoded = DecodeRows(coded, layer.columns, grid);
  const auto k = static_cast<std::size_t>(layer.columns);
  const std::size_t first = static_cast<std::size_t>(row) * k;
  double loss = 0;
  for (std::size_t i = 0; i < k; ++i) {
    for (std::size_t j = 0; j < k; ++j) {
      loss += (double{layer.weights[first + i]} - decoded[first + i]) * layer.gram[i * k + j] *
              (double{layer.weights[first + j]} - decoded[first + j]);
    }
  }
  return loss;
}

Matrix Inverse(Matrix a) {  // Gauss-Jordan
  const std::size_t n = a.size();
  Matrix inverse(n, std::vector<double>(n));
  for (std::size_t i = 0; i < n; ++i) inverse[i][i] = 1;
  for (std::size_t i = 0; i < n; ++i) {
    const double pivot = a[i][i];
    for (std::size_t j = 0; j < n; ++j) {
      a[i][j] /= pivot;
      inverse[i][j] /= pivot;
    }
    for (std::size_t r = 0; r < n; ++r) {
      if (r == i) continue;
      const double factor = a[r][i];
      for (std::size_t j = 0; j < n; ++j) {
        a[r][j] -= factor * a[i][j];
        inverse[r][j] -= factor * inverse[i][j];
      }
    }
  }
  return inverse;
}

// Optimal brain surgeon, one row: after each rounding the inverse of H loses that column.
// [Frantar 2022, eq. 2 and 3]
std::vector<std::uint8_t> ReferenceGptq(const Layer& layer, std::int64_t row, const CodeGrid& grid,
                                        double damping) {
  const auto k = static_cast<std::size_t>(layer.columns);
  Matrix h(k, std::vector<double>(k));
  double mean = 0;
  for (std::size_t i = 0; i < k; ++i) mean += layer.gram[i * k + i] / static_cast<double>(k);
  for (std::size_t i = 0; i < k; ++i) {
    for (std::size_t j = 0; j < k; ++j) {
      h[i][j] = layer.gram[i * k + j] + (i == j ? damping * mean : 0);
    }
  }
  Matrix inverse = Inverse(h);
  const auto begin = layer.weights.begin() + row * layer.columns;
  std::vector<double> w(begin, begin + layer.columns);
  std::vector<std::uint8_t> codes(k);
  CodeScale scale;
  const auto group = static_cast<std::size_t>(grid.GroupSize(layer.columns));
  for (std::size_t i = 0; i < k; ++i) {
    if (i % group == 0) {
      double low = 0;
      double high = 0;
      for (std::size_t j = i; j < std::min(k, i + group); ++j) {
        low = std::min(low, w[j]);
        high = std::max(high, w[j]);
      }
      scale = grid.of_range(low, high);
    }
    const double code = std::clamp(std::nearbyint(w[i] / scale.scale + scale.zero_point),
                                   static_cast<double>(grid.low), static_cast<double>(grid.high));
    codes[i] = static_cast<std::uint8_t>(code);
    const double error = (w[i] - scale.scale * (code - scale.zero_point)) / inverse[i][i];
    for (std::size_t j = i; j < k; ++j) w[j] -= error * inverse[i][j];
    const std::vector<double> gone = inverse[i];
    for (std::size_t a = i; a < k; ++a) {
      for (std::size_t b = i; b < k; ++b) inverse[a][b] -= gone[a] * gone[b] / gone[i];
    }
  }
  return codes;
}

TEST(Gptq, RoundsAsTheOptimalBrainSurgeonDoes) {
  const Layer layer = CorrelatedLayer(3, 200, 1);  // more than a block of columns
  struct Case {
    int bits;
    std::int64_t group;
    bool symmetric;
  };
  for (const Case& c :
       {Case{4, 32, false}, Case{3, 0, true}, Case{8, 64, true}, Case{4, 256, true}}) {
    const CodeGrid grid = GridOf(c.bits, c.group, c.symmetric);
    const auto solved = RoundByGptq(layer.view(), layer.gram, grid, {}, {}, 1);
    ASSERT_TRUE(solved.ok()) << solved.error().message();
    for (std::int64_t row = 0; row < layer.rows; ++row) {
      const std::vector<std::uint8_t> expected = ReferenceGptq(layer, row, grid, 0.01);
      const auto begin = solved.value().codes.begin() + row * layer.columns;
      EXPECT_EQ(std::vector<std::uint8_t>(begin, begin + layer.columns), expected)
          << c.bits << " bits, group " << c.group << ", row " << row;
    }
  }
}

TEST(Gptq, GainsTwoDecibelsOnCorrelatedInputsAndKeepsItsCodes) {
  const Layer layer = CorrelatedLayer(32, 128, 2);
  CodeGrid grid = GridOf(4, 32, true);
  grid.low = 0;
  grid.of_range = [](double low, double high) {  // as the peers' symmetric codes
    return CodeScale{static_cast<float>(2 * std::max(-low, high) / 15), 8};
  };
  const double plain = SqnrOf(layer, Nearest(layer, grid), grid);
  for (const bool act_order : {false, true}) {
    GptqOptions options;
    options.act_order = act_order;
    const auto solved = RoundByGptq(layer.view(), layer.gram, grid, {}, options, 2);
    ASSERT_TRUE(solved.ok());
    const double gained = SqnrOf(layer, solved.value(), grid);
    EXPECT_GE(gained, plain + 2) << act_order;
    // What the peers do: the result rounded once more, with scales of its own.
    const std::vector<float> decoded = DecodeRows(solved.value(), layer.columns, grid);
    Layer again = layer;
    again.weights = decoded;
    EXPECT_LT(SqnrOf(layer, Nearest(again, grid), grid), gained - 1) << act_order;
  }
}

// The example of docs/quantization.md: two inputs that are always equal.
TEST(Gptq, MovesAnErrorToTheInputThatCanMakeUpForIt) {
  Layer layer;
  layer.rows = 1;
  layer.columns = 2;
  layer.weights = {0.4F, 0.4F};
  layer.gram = {1, 1, 1, 1};
  CodeGrid grid = GridOf(4, 0, true);
  grid.of_range = [](double, double) { return CodeScale{1, 8}; };
  EXPECT_EQ(Nearest(layer, grid).codes, (std::vector<std::uint8_t>{8, 8}));
  const auto solved = RoundByGptq(layer.view(), layer.gram, grid, {}, {}, 1);
  ASSERT_TRUE(solved.ok());
  EXPECT_EQ(solved.value().codes, (std::vector<std::uint8_t>{8, 9}));
}

TEST(Gptq, IsRoundingToNearestWhereInputsAreNotCorrelated) {
  Layer layer = CorrelatedLayer(8, 64, 3);
  for (std::size_t i = 0; i < layer.gram.size(); ++i) layer.gram[i] = i % 65 == 0 ? 2.0 : 0.0;
  layer.gram[65] = 0;  // an input that is always 0
  const CodeGrid grid = GridOf(4, 16, false);
  const auto solved = RoundByGptq(layer.view(), layer.gram, grid, {}, {}, 1);
  ASSERT_TRUE(solved.ok());
  EXPECT_EQ(solved.value().codes, Nearest(layer, grid).codes);
  layer.gram[3] = std::nan("");
  EXPECT_FALSE(RoundByGptq(layer.view(), layer.gram, grid, {}, {}, 1).ok());
}

TEST(Recover, DoesNotDependOnThreads) {
  const Layer layer = CorrelatedLayer(70, 96, 4);
  const CodeGrid grid = GridOf(4, 32, false);
  const auto all = [&](int threads) {
    std::vector<CodedRows> made;
    GptqOptions options;
    options.clip = true;
    made.push_back(RoundByGptq(layer.view(), layer.gram, grid, {}, options, threads).value());
    made.push_back(RoundByHqq(layer.view(), grid, {}, threads));
    const auto scales = ClipByMse(layer.view(), grid, {}, threads);
    AdaRoundOptions few;
    few.iterations = 30;
    made.push_back(RoundByAdaRound(layer.view(), layer.gram, grid, scales, few, threads));
    ReconstructOptions refit;
    refit.refit_scales = true;
    made.push_back(
        Reconstruct(layer.view(), layer.gram, grid, Nearest(layer, grid), refit, threads));
    return made;
  };
  const std::vector<CodedRows> one = all(1);
  const std::vector<CodedRows> three = all(3);
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].codes, three[i].codes) << i;
    EXPECT_EQ(one[i].scales, three[i].scales) << i;
  }
}

TEST(Clip, FindsTheFactorThatAFineSearchFinds) {
  const Layer layer = CorrelatedLayer(6, 64, 5);
  const CodeGrid grid = GridOf(4, 0, true);
  std::vector<double> importance;
  for (std::size_t k = 0; k < 64; ++k) importance.push_back(layer.gram[k * 65]);
  const std::vector<CodeScale> clipped = ClipByMse(layer.view(), grid, importance, 1);
  for (std::size_t row = 0; row < 6; ++row) {
    const auto error_of = [&](const CodeScale& scale) {
      double sum = 0;
      for (std::size_t k = 0; k < 64; ++k) {
        const double w = layer.weights[row * 64 + k];
        const double code =
            std::clamp(std::nearbyint(w / scale.scale + scale.zero_point), 1.0, 15.0);
        const double error = w - scale.scale * (code - scale.zero_point);
        sum += importance[k] * error * error;
      }
      return sum;
    };
    double largest = 0;
    for (std::size_t k = 0; k < 64; ++k) {
      largest = std::max(largest, std::abs(double{layer.weights[row * 64 + k]}));
    }
    double best = error_of(grid.of_range(-largest, largest));
    const double plain = best;
    for (int i = 20; i < 100; ++i) {
      best = std::min(best, error_of(grid.of_range(-largest * i / 100, largest * i / 100)));
    }
    EXPECT_LE(error_of(clipped[row]), 1.1 * best) << row;
    EXPECT_LE(error_of(clipped[row]), plain) << row;
  }
}

TEST(Clip, KeepsARangeThatIsAllUsed) {
  std::vector<float> codes(15);
  std::iota(codes.begin(), codes.end(), -7.0F);  // exactly the codes: any shrinking hurts
  const CodeGrid grid = GridOf(4, 0, true);
  EXPECT_EQ(ClipByMse({codes, 1, 15}, grid, {}, 1), ScalesOfRanges({codes, 1, 15}, grid, 1));
}

double NormOfError(const Layer& layer, const CodedRows& coded, const CodeGrid& grid, double p) {
  const std::vector<float> decoded = DecodeRows(coded, layer.columns, grid);
  double sum = 0;
  for (std::size_t i = 0; i < decoded.size(); ++i) {
    sum += std::pow(std::abs(double{layer.weights[i]} - decoded[i]), p);
  }
  return sum;
}

TEST(Hqq, LowersTheNormAndMoreSoWithFreeZeroPoints) {
  const Layer layer = CorrelatedLayer(32, 128, 6);
  const CodeGrid grid = GridOf(4, 64, false);
  HqqOptions options;
  const CodedRows whole = RoundByHqq(layer.view(), grid, options, 1);
  options.whole_zeros = false;
  const CodedRows broken = RoundByHqq(layer.view(), grid, options, 1);
  const double plain = NormOfError(layer, Nearest(layer, grid), grid, options.norm);
  EXPECT_LE(NormOfError(layer, whole, grid, options.norm), plain);
  EXPECT_LT(NormOfError(layer, broken, grid, options.norm), 0.99 * plain);
  for (const CodeScale& scale : whole.scales) {
    EXPECT_EQ(scale.zero_point, std::nearbyint(scale.zero_point));
  }
}

TEST(AdaRound, WinsMuchOfWhatTheBestOfAllDecisionsWould) {
  const Layer layer = CorrelatedLayer(16, 8, 7);
  const CodeGrid grid = GridOf(4, 0, true);
  const std::vector<CodeScale> scales = ScalesOfRanges(layer.view(), grid, 1);
  const CodedRows nearest = Nearest(layer, grid);
  const CodedRows rounded = RoundByAdaRound(layer.view(), layer.gram, grid, scales, {}, 1);
  double sum = 0;
  double best_sum = 0;
  double nearest_sum = 0;
  for (std::int64_t row = 0; row < layer.rows; ++row) {
    double best = RowLoss(layer, nearest, grid, row);
    for (unsigned mask = 0; mask < 256; ++mask) {
      CodedRows tried = nearest;
      for (std::size_t k = 0; k < 8; ++k) {
        const std::size_t place = static_cast<std::size_t>(row) * 8 + k;
        const CodeScale& scale = scales[static_cast<std::size_t>(row)];
        const double code = layer.weights[place] / scale.scale + scale.zero_point;
        const double down = std::clamp(std::floor(code), 1.0, 14.0);
        tried.codes[place] = static_cast<std::uint8_t>(down + ((mask >> k) & 1U));
      }
      best = std::min(best, RowLoss(layer, tried, grid, row));
    }
    EXPECT_LE(RowLoss(layer, rounded, grid, row), RowLoss(layer, nearest, grid, row)) << row;
    sum += RowLoss(layer, rounded, grid, row);
    best_sum += best;
    nearest_sum += RowLoss(layer, nearest, grid, row);
  }
  EXPECT_LE(best_sum, sum);
  EXPECT_GT(nearest_sum - sum, 0.4 * (nearest_sum - best_sum));
}

TEST(Reconstruct, EndsWhereNoSingleCodeCanMove) {
  Layer layer = CorrelatedLayer(3, 24, 8);
  const CodeGrid grid = GridOf(3, 8, false);
  ReconstructOptions options;
  options.damping = 0;
  options.sweeps = 100;
  const CodedRows start = Nearest(layer, grid);
  const CodedRows end = Reconstruct(layer.view(), layer.gram, grid, start, options, 1);
  for (std::int64_t row = 0; row < layer.rows; ++row) {
    const double loss = RowLoss(layer, end, grid, row);
    EXPECT_LT(loss, RowLoss(layer, start, grid, row));
    for (std::int64_t k = 0; k < layer.columns; ++k) {
      for (int code = grid.low; code <= grid.high; ++code) {
        CodedRows moved = end;
        moved.codes[static_cast<std::size_t>(row * layer.columns + k)] =
            static_cast<std::uint8_t>(code);
        EXPECT_GE(RowLoss(layer, moved, grid, row), loss * (1 - 1e-9)) << row << " " << k;
      }
    }
  }
  options.refit_scales = true;
  const CodedRows refit = Reconstruct(layer.view(), layer.gram, grid, start, options, 1);
  EXPECT_GT(SqnrOf(layer, refit, grid), SqnrOf(layer, end, grid));
}

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

}  // namespace recover_test
}  // namespace quantbench
