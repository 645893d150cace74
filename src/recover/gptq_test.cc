// GPTQ, against the optimal brain surgeon in plain double.
#include <algorithm>
#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "quantbench/recover.h"

#include "recover/correlated_layer.h"

namespace quantbench {
namespace gptq_test {

using testing::CorrelatedLayer;
using testing::GridOf;
using testing::Layer;
using testing::Nearest;
using testing::PlainCode;
using testing::PlainValue;
using testing::SqnrOf;
using Matrix = std::vector<std::vector<double>>;

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

Matrix DampedMatrix(const Layer& layer, double damping) {
  const auto k = static_cast<std::size_t>(layer.columns);
  double mean = 0;
  for (std::size_t i = 0; i < k; ++i) mean += layer.gram[i * k + i] / static_cast<double>(k);
  Matrix h(k, std::vector<double>(k));
  for (std::size_t i = 0; i < k; ++i) {
    for (std::size_t j = 0; j < k; ++j) {
      h[i][j] = layer.gram[i * k + j] + (i == j ? damping * mean : 0);
    }
  }
  return h;
}

// The scale of the group of column i, from the numbers as they are.
CodeScale ScaleAround(const std::vector<double>& w, std::size_t i, const CodeGrid& grid) {
  const auto group = static_cast<std::size_t>(grid.GroupSize(static_cast<std::int64_t>(w.size())));
  const std::size_t begin = i / group * group;
  double low = 0;
  double high = 0;
  for (std::size_t j = begin; j < std::min(w.size(), begin + group); ++j) {
    low = std::min(low, w[j]);
    high = std::max(high, w[j]);
  }
  return grid.of_range(low, high);
}

// Optimal brain surgeon, one row: after each rounding the inverse of H loses that column.
// [Frantar 2022, eq. 2 and 3] With `act_order` columns of large inputs come first, and scales are
// those of the weights as they were.
std::vector<std::uint8_t> ReferenceGptq(const Layer& layer, std::int64_t row, const CodeGrid& grid,
                                        const GptqOptions& options) {
  const auto k = static_cast<std::size_t>(layer.columns);
  Matrix inverse = Inverse(DampedMatrix(layer, options.damping));
  const auto begin = layer.weights.begin() + row * layer.columns;
  const std::vector<double> before(begin, begin + layer.columns);
  std::vector<double> w = before;
  std::vector<std::size_t> order(k);
  std::iota(order.begin(), order.end(), 0U);
  if (options.act_order) {
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return layer.gram[a * k + a] > layer.gram[b * k + b];
    });
  }
  std::vector<std::uint8_t> codes(k);
  const auto group = static_cast<std::size_t>(grid.GroupSize(layer.columns));
  CodeScale scale;
  for (const std::size_t i : order) {
    if (options.act_order) {
      scale = ScaleAround(before, i, grid);
    } else if (i % group == 0) {
      scale = ScaleAround(w, i, grid);
    }
    codes[i] = static_cast<std::uint8_t>(PlainCode(w[i], scale, grid));
    const double error = (w[i] - PlainValue(codes[i], scale)) / inverse[i][i];
    for (std::size_t j = 0; j < k; ++j) w[j] -= error * inverse[i][j];
    const std::vector<double> gone = inverse[i];
    for (std::size_t a = 0; a < k; ++a) {
      for (std::size_t b = 0; b < k; ++b) inverse[a][b] -= gone[a] * gone[b] / gone[i];
    }
    for (std::size_t a = 0; a < k; ++a) inverse[a][i] = inverse[i][a] = 0;  // not 1e-20
  }
  return codes;
}

TEST(Gptq, RoundsAsTheOptimalBrainSurgeonDoes) {
  const Layer layer = CorrelatedLayer(3, 160, 1);  // more than a block of columns
  struct Case {
    int bits;
    std::int64_t group;
    bool symmetric;
    bool act_order;
  };
  for (const Case& c :
       {Case{4, 32, false, false}, Case{3, 0, true, false}, Case{8, 64, true, false},
        Case{4, 256, true, false}, Case{4, 32, false, true}, Case{3, 0, true, true}}) {
    const CodeGrid grid = GridOf(c.bits, c.group, c.symmetric);
    GptqOptions options;
    options.act_order = c.act_order;
    const auto solved = RoundByGptq(layer.view(), layer.gram, grid, {}, options, 1);
    ASSERT_TRUE(solved.ok()) << solved.error().message();
    for (std::int64_t row = 0; row < layer.rows; ++row) {
      const std::vector<std::uint8_t> expected = ReferenceGptq(layer, row, grid, options);
      const auto begin = solved.value().codes.begin() + row * layer.columns;
      EXPECT_EQ(std::vector<std::uint8_t>(begin, begin + layer.columns), expected)
          << c.bits << " bits, group " << c.group << ", order " << c.act_order << ", row " << row;
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

}  // namespace gptq_test
}  // namespace quantbench
