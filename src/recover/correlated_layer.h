// For tests of recover: layers whose inputs are correlated, grids of codes, what a row loses.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "quantbench/base/random.h"
#include "quantbench/recover.h"

namespace quantbench::testing {

// Symmetric codes around the middle, or codes over the whole range.
inline CodeGrid GridOf(int bits, std::int64_t group, bool symmetric) {
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
  std::vector<double> abs_mean;  // of their magnitudes
  std::int64_t rows = 0;
  std::int64_t columns = 0;

  [[nodiscard]] WeightRows view() const { return {weights, rows, columns}; }
};

inline Layer CorrelatedLayer(std::int64_t rows, std::int64_t columns, std::uint64_t seed) {
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

inline double SqnrOf(const Layer& layer, const CodedRows& coded, const CodeGrid& grid) {
  return OutputSqnrDb(layer.view(), DecodeRows(coded, layer.columns, grid), layer.gram, 1);
}

inline CodedRows Nearest(const Layer& layer, const CodeGrid& grid) {
  return RoundToNearest(layer.view(), grid, ScalesOfRanges(layer.view(), grid, 1), 1);
}

// The code of one number, and what it stands for; halves to even.
inline double PlainCode(double w, const CodeScale& scale, const CodeGrid& grid) {
  return std::clamp(std::nearbyint(w / scale.scale + scale.zero_point), double(grid.low),
                    double(grid.high));
}
inline double PlainValue(double code, const CodeScale& scale) {
  return scale.scale * (code - scale.zero_point);
}

// w - w' of one row.
inline std::vector<double> RowErrors(const Layer& layer, const CodedRows& coded,
                                     const CodeGrid& grid, std::int64_t row) {
  const std::int64_t group = grid.GroupSize(layer.columns);
  std::vector<double> errors;
  for (std::int64_t k = 0; k < layer.columns; ++k) {
    const auto place = static_cast<std::size_t>(row * layer.columns + k);
    const std::int64_t scale = row * grid.GroupsOf(layer.columns) + k / group;
    errors.push_back(layer.weights[place] -
                     PlainValue(coded.codes[place], coded.scales[static_cast<std::size_t>(scale)]));
  }
  return errors;
}

// d H d^T, term by term.
inline double PlainLoss(const std::vector<double>& errors, const std::vector<double>& gram) {
  double loss = 0;
  for (std::size_t i = 0; i < errors.size(); ++i) {
    for (std::size_t j = 0; j < errors.size(); ++j) {
      loss += errors[i] * gram[i * errors.size() + j] * errors[j];
    }
  }
  return loss;
}

inline double RowLoss(const Layer& layer, const CodedRows& coded, const CodeGrid& grid,
                      std::int64_t row) {
  return PlainLoss(RowErrors(layer, coded, grid, row), layer.gram);
}

}  // namespace quantbench::testing
