// AdaRound and reconstruction, against plain loops in double and the best of all choices.
#include <algorithm>
#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

#include "quantbench/recover.h"

#include "recover/correlated_layer.h"

namespace quantbench {
namespace descent_test {

using testing::CorrelatedLayer;
using testing::GridOf;
using testing::Layer;
using testing::Nearest;
using testing::RowLoss;
using testing::SqnrOf;

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

// Adam on the soft decisions of one row, number by number. [Nagel 2020, eq. 21 to 25]
std::vector<std::uint8_t> ReferenceAdaRound(const Layer& layer, std::int64_t row,
                                            const CodeGrid& grid, const CodeScale& scale,
                                            const AdaRoundOptions& options) {
  const auto k = static_cast<std::size_t>(layer.columns);
  double unit = 0;  // of H: its mean diagonal
  for (std::size_t i = 0; i < k; ++i) unit += layer.gram[i * k + i] / static_cast<double>(k);
  std::vector<double> down(k);
  std::vector<double> share(k);  // of a step above the code below
  std::vector<double> v(k);
  std::vector<double> first(k);
  std::vector<double> second(k);
  for (std::size_t i = 0; i < k; ++i) {
    const double code =
        layer.weights[static_cast<std::size_t>(row) * k + i] / scale.scale + scale.zero_point;
    down[i] = std::clamp(std::floor(code), double(grid.low), double(grid.high - 1));
    share[i] = code - down[i];
    const double h = std::clamp(share[i], 0.01, 0.99);
    v[i] = -std::log(1.2 / (h + 0.1) - 1);  // h = 1.2 sigmoid(v) - 0.1
  }
  const int warm = static_cast<int>(options.warm_start * options.iterations);
  for (int t = 1; t <= options.iterations; ++t) {
    std::vector<double> soft(k);
    std::vector<double> sigmoid(k);
    for (std::size_t i = 0; i < k; ++i) {
      sigmoid[i] = 1 / (1 + std::exp(-v[i]));
      soft[i] = 1.2 * sigmoid[i] - 0.1;
    }
    const double progress = double(t - 1 - warm) / (options.iterations - warm);
    const double beta = 2 + 18 * 0.5 * (1 + std::cos(progress * std::numbers::pi));
    for (std::size_t i = 0; i < k; ++i) {
      double slope = 0;
      for (std::size_t j = 0; j < k; ++j) {
        slope += 2 * layer.gram[i * k + j] / unit * (std::clamp(soft[j], 0.0, 1.0) - share[j]);
      }
      if (t > warm) {  // of lambda (1 - |2 h - 1|^beta)
        const double centred = 2 * std::clamp(soft[i], 0.0, 1.0) - 1;
        slope -= options.regularization * 2 * beta *
                 std::copysign(std::pow(std::abs(centred), beta - 1), centred);
      }
      const bool is_inside = soft[i] > 0 && soft[i] < 1;
      const double gradient = is_inside ? slope * 1.2 * sigmoid[i] * (1 - sigmoid[i]) : 0;
      first[i] = 0.9 * first[i] + 0.1 * gradient;
      second[i] = 0.999 * second[i] + 0.001 * gradient * gradient;
      v[i] -= options.learning_rate * (first[i] / (1 - std::pow(0.9, t))) /
              (std::sqrt(second[i] / (1 - std::pow(0.999, t))) + 1e-8);
    }
  }
  std::vector<std::uint8_t> codes;
  for (std::size_t i = 0; i < k; ++i) {
    codes.push_back(static_cast<std::uint8_t>(down[i] + (v[i] >= 0 ? 1 : 0)));
  }
  return codes;
}

TEST(AdaRound, DecidesAsAdamOnSoftDecisionsDoes) {
  const Layer layer = CorrelatedLayer(12, 16, 12);
  const CodeGrid grid = GridOf(4, 0, true);
  const CodedRows nearest = Nearest(layer, grid);
  AdaRoundOptions options;
  options.iterations = 300;
  const CodedRows rounded =
      RoundByAdaRound(layer.view(), layer.gram, grid, nearest.scales, options, 1);
  int different = 0;
  for (std::int64_t row = 0; row < layer.rows; ++row) {
    CodedRows expected = nearest;
    const std::vector<std::uint8_t> decided =
        ReferenceAdaRound(layer, row, grid, nearest.scales[static_cast<std::size_t>(row)], options);
    std::copy(decided.begin(), decided.end(), expected.codes.begin() + row * layer.columns);
    // Decisions that lose more than rounding to nearest are not taken.
    if (RowLoss(layer, expected, grid, row) >= RowLoss(layer, nearest, grid, row)) {
      expected = nearest;
    }
    for (std::int64_t k = 0; k < layer.columns; ++k) {
      const auto place = static_cast<std::size_t>(row * layer.columns + k);
      different += rounded.codes[place] == expected.codes[place] ? 0 : 1;
    }
  }
  EXPECT_LE(different, 1);  // of 192: sums in another order may tip one
  EXPECT_NE(rounded.codes, nearest.codes);
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

// One sweep takes, of all codes, the one with the least loss, column after column.
TEST(Reconstruct, MovesEachCodeToTheBestOfAll) {
  const Layer layer = CorrelatedLayer(4, 20, 13);
  const CodeGrid grid = GridOf(4, 5, false);
  ReconstructOptions options;
  options.damping = 0;
  options.sweeps = 1;
  const CodedRows start = Nearest(layer, grid);
  CodedRows expected = start;
  for (std::int64_t row = 0; row < layer.rows; ++row) {
    for (std::int64_t k = 0; k < layer.columns; ++k) {
      std::uint8_t& code = expected.codes[static_cast<std::size_t>(row * layer.columns + k)];
      std::uint8_t best = code;
      double least = RowLoss(layer, expected, grid, row) * (1 - 1e-12);
      for (int tried = grid.low; tried <= grid.high; ++tried) {
        code = static_cast<std::uint8_t>(tried);
        const double loss = RowLoss(layer, expected, grid, row);
        if (loss >= least) continue;
        least = loss;
        best = code;
      }
      code = best;
    }
  }
  EXPECT_EQ(Reconstruct(layer.view(), layer.gram, grid, start, options, 1).codes, expected.codes);
  EXPECT_NE(expected.codes, start.codes);
}

// Where scales are fitted, the loss of a row does not fall along any of them.
TEST(Reconstruct, FitsScalesByLeastSquares) {
  const Layer layer = CorrelatedLayer(6, 24, 14);
  const CodeGrid grid = GridOf(4, 8, true);
  ReconstructOptions options;
  options.damping = 0;
  options.sweeps = 100;
  options.refit_scales = true;
  const CodedRows end =
      Reconstruct(layer.view(), layer.gram, grid, Nearest(layer, grid), options, 1);
  EXPECT_NE(end.scales, Nearest(layer, grid).scales);
  for (std::int64_t row = 0; row < layer.rows; ++row) {
    const double loss = RowLoss(layer, end, grid, row);
    for (std::size_t group = 0; group < 3; ++group) {
      for (const float factor : {0.999F, 1.001F}) {
        CodedRows other = end;
        other.scales[static_cast<std::size_t>(row) * 3 + group].scale *= factor;
        EXPECT_GT(RowLoss(layer, other, grid, row), loss) << row << " " << group;
      }
    }
  }
}

}  // namespace descent_test
}  // namespace quantbench
