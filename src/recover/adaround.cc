// AdaRound: soft decisions between down and up, by Adam, one row at a time over the Gram matrix.
#include <numbers>

#include "recover/rows.h"

namespace quantbench {
namespace {

// The rectified sigmoid stretches beyond [0, 1], so that decisions reach its ends. [Nagel 2020]
constexpr double kZeta = 1.1;
constexpr double kGamma = -0.1;
constexpr double kFirstBeta = 20;
constexpr double kLastBeta = 2;

double BetaAt(double progress) {  // of the part with regularization
  return kLastBeta + (kFirstBeta - kLastBeta) * 0.5 * (1 + std::cos(progress * std::numbers::pi));
}

using Rows = Eigen::Array<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// The decisions of some rows. All numbers are in units of the row's mean step.
class SoftRounding {
 public:
  SoftRounding(const WeightRows& weights, std::int64_t begin, std::int64_t end,
               const CodedRows& start, const CodeGrid& grid)
      : begin_(begin), columns_(weights.columns), index_(grid, weights.columns) {
    const RowMatrix rows = RowsAsDouble(weights, begin, end);
    floor_.resize(end - begin, columns_);
    weights_ = floor_;
    steps_ = floor_;
    Rows fraction(end - begin, columns_);
    for (std::int64_t r = 0; r < end - begin; ++r) {
      double unit = 0;
      for (std::int64_t k = 0; k < columns_; ++k) unit += std::abs(ScaleAt(start, r, k).scale);
      unit /= static_cast<double>(columns_);
      for (std::int64_t k = 0; k < columns_; ++k) {
        const CodeScale& scale = ScaleAt(start, r, k);
        const double code = rows(r, k) / scale.scale + scale.zero_point;
        // A code at the edge of the grid has nowhere to go: its two choices clamp to one.
        floor_(r, k) = std::clamp(std::floor(code), double(grid.low), double(grid.high - 1));
        fraction(r, k) = std::clamp(code - floor_(r, k), 0.01, 0.99);
        steps_(r, k) = scale.scale / unit;
        weights_(r, k) = (code - floor_(r, k)) * steps_(r, k);
      }
    }
    logits_ = ((fraction - kGamma) / (kZeta - fraction)).log();
    first_ = Rows::Zero(end - begin, columns_);
    second_ = first_;
  }

  // One step of Adam; beta 0: without regularization.
  void Step(const RowMatrix& h, double beta, int time, const AdaRoundOptions& options) {
    const Rows sigmoid = 1 / (1 + (-logits_).exp());
    const Rows stretched = sigmoid * (kZeta - kGamma) + kGamma;
    const Rows decision = stretched.max(0.0).min(1.0);
    const RowMatrix error = (decision * steps_ - weights_).matrix();
    Rows gradient = 2 * (error * h).array() * steps_;
    if (beta > 0) {
      const Rows centered = 2 * decision - 1;
      gradient -=
          options.regularization * 2 * beta * centered.abs().pow(beta - 1) * centered.sign();
    }
    const auto inside = (stretched > 0.0 && stretched < 1.0).cast<double>();
    gradient *= inside * sigmoid * (1 - sigmoid) * (kZeta - kGamma);
    constexpr double kDecay1 = 0.9;
    constexpr double kDecay2 = 0.999;
    first_ = kDecay1 * first_ + (1 - kDecay1) * gradient;
    second_ = kDecay2 * second_ + (1 - kDecay2) * gradient.square();
    const double correction1 = 1 - std::pow(kDecay1, time);
    const double correction2 = 1 - std::pow(kDecay2, time);
    logits_ -=
        options.learning_rate * (first_ / correction1) / ((second_ / correction2).sqrt() + 1e-8);
  }

  // Rows whose hard decisions lose less than the codes they started from.
  void Write(const RowMatrix& h, CodedRows* coded) const {
    const Rows hard = (logits_ >= 0.0).cast<double>();
    const RowMatrix error = (hard * steps_ - weights_).matrix();
    RowMatrix before = error;
    for (std::int64_t r = 0; r < before.rows(); ++r) {
      for (std::int64_t k = 0; k < columns_; ++k) {
        const double up = coded->codes[Place(r, k)] - floor_(r, k);
        before(r, k) = up * steps_(r, k) - weights_(r, k);
      }
    }
    for (std::int64_t r = 0; r < error.rows(); ++r) {
      const double loss = (error.row(r) * h).dot(error.row(r));
      if (!(loss < (before.row(r) * h).dot(before.row(r)))) continue;
      for (std::int64_t k = 0; k < columns_; ++k) {
        coded->codes[Place(r, k)] = static_cast<std::uint8_t>(floor_(r, k) + hard(r, k));
      }
    }
  }

 private:
  [[nodiscard]] const CodeScale& ScaleAt(const CodedRows& coded, std::int64_t row,
                                         std::int64_t column) const {
    return coded.scales[index_(begin_ + row, column)];
  }
  [[nodiscard]] std::size_t Place(std::int64_t row, std::int64_t column) const {
    return static_cast<std::size_t>((begin_ + row) * columns_ + column);
  }

  std::int64_t begin_;
  std::int64_t columns_;
  ScaleIndex index_;
  Rows floor_;    // the lower of the two codes
  Rows weights_;  // above the lower code's number
  Rows steps_;
  Rows logits_;  // V
  Rows first_;   // Adam's moments
  Rows second_;
};

}  // namespace

CodedRows RoundByAdaRound(const WeightRows& weights, Gram gram, const CodeGrid& grid,
                          std::vector<CodeScale> scales, const AdaRoundOptions& options,
                          int threads) {
  const GramMap map = MapOf(gram, weights.columns);
  const double mean = map.diagonal().mean();
  const RowMatrix h = map / (mean > 0 ? mean : 1);
  CodedRows coded = RoundToNearest(weights, grid, std::move(scales), threads);
  const int warm = static_cast<int>(options.warm_start * options.iterations);
  ParallelFor(weights.rows, kRowsPerChunk, threads, [&](std::int64_t begin, std::int64_t end) {
    SoftRounding rounding(weights, begin, end, coded, grid);
    for (int i = 0; i < options.iterations; ++i) {
      const double progress = double(i - warm) / std::max(1, options.iterations - warm);
      rounding.Step(h, i < warm ? 0 : BetaAt(progress), i + 1, options);
    }
    rounding.Write(h, &coded);
  });
  return coded;
}

}  // namespace quantbench
