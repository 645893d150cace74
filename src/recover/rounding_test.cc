// Clipping and HQQ, against fine searches and plain loops in double; the same with any threads.
#include <algorithm>
#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "quantbench/recover.h"

#include "recover/correlated_layer.h"

namespace quantbench {
namespace rounding_test {

using testing::CorrelatedLayer;
using testing::GridOf;
using testing::Layer;
using testing::Nearest;
using testing::PlainCode;
using testing::PlainValue;

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

// Half-quadratic splitting of one group, array by array as [Badri 2023] has it, with whole zero
// points: e is what of the errors may stay, the zero point the mean that fits the rest; where that
// does not move, the scale fits it.
CodeScale ReferenceHqq(const std::vector<double>& w, const CodeGrid& grid,
                       const HqqOptions& options) {
  const auto norm_of = [&](const CodeScale& scale) {
    double sum = 0;
    for (const double x : w) {
      const double error = x - PlainValue(PlainCode(x, scale, grid), scale);
      sum += std::pow(std::abs(error), options.norm);
    }
    return sum;
  };
  CodeScale scale = grid.of_range(std::min(0.0, *std::min_element(w.begin(), w.end())),
                                  std::max(0.0, *std::max_element(w.begin(), w.end())));
  CodeScale best = scale;
  double beta = options.beta;
  for (int i = 0; i < options.iterations; ++i) {
    std::vector<double> q;
    std::vector<double> fit;
    for (const double x : w) {
      q.push_back(PlainCode(x, scale, grid));
      const double error = x / scale.scale - (q.back() - scale.zero_point);
      const double kept = std::abs(error) - std::pow(std::abs(error), options.norm - 1) / beta;
      fit.push_back(x / scale.scale - (kept > 0 ? std::copysign(kept, error) : 0));
    }
    double mean = 0;
    double along = 0;
    double square = 0;
    for (std::size_t k = 0; k < w.size(); ++k) {
      mean += (q[k] - fit[k]) / static_cast<double>(w.size());
      along += fit[k] * (q[k] - scale.zero_point);
      square += (q[k] - scale.zero_point) * (q[k] - scale.zero_point);
    }
    const double zero = std::clamp(std::nearbyint(mean), double(grid.low), double(grid.high));
    const CodeScale last = scale;
    if (zero != scale.zero_point) {
      scale.zero_point = static_cast<float>(zero);
    } else if (along > 0) {
      scale.scale = static_cast<float>(scale.scale * along / square);
    }
    if (scale == last || norm_of(scale) >= norm_of(best)) break;
    best = scale;
    beta *= options.growth;
  }
  return best;
}

TEST(Hqq, IsHalfQuadraticSplittingOfEveryGroup) {
  const Layer layer = CorrelatedLayer(8, 96, 11);
  const CodeGrid grid = GridOf(4, 32, false);
  const CodedRows found = RoundByHqq(layer.view(), grid, {}, 1);
  int moved = 0;
  for (std::size_t group = 0; group < 24; ++group) {
    const auto begin = layer.weights.begin() + static_cast<std::ptrdiff_t>(group * 32);
    const std::vector<double> w(begin, begin + 32);
    const CodeScale expected = ReferenceHqq(w, grid, {});
    EXPECT_EQ(found.scales[group].zero_point, expected.zero_point) << group;
    EXPECT_NEAR(found.scales[group].scale, expected.scale, 1e-5 * expected.scale) << group;
    moved += found.scales[group] == Nearest(layer, grid).scales[group] ? 0 : 1;
  }
  EXPECT_GT(moved, 8);
}

}  // namespace rounding_test
}  // namespace quantbench
