// Layer-wise reconstruction: coordinate descent over codes, least squares over scales.
#include <cfloat>

#include <Eigen/Cholesky>

#include "recover/rows.h"

namespace quantbench {
namespace {

// One row and its codes.
class RowDescent {
 public:
  RowDescent(Eigen::VectorXd weights, std::span<std::uint8_t> codes, std::span<CodeScale> scales,
             const RowMatrix& h, const CodeGrid& grid)
      : weights_(std::move(weights)),
        codes_(codes),
        scales_(scales),
        h_(h),
        grid_(grid),
        index_(grid, weights_.size()) {
    Restart();
  }

  // One pass over all codes; how many moved.
  std::int64_t Sweep() {
    std::int64_t moved = 0;
    for (std::int64_t k = 0; k < weights_.size(); ++k) {
      const CodeScale& scale = scales_[index_(0, k)];
      std::uint8_t& code = codes_[static_cast<std::size_t>(k)];
      const double now = RealOf(code, scale);
      const std::uint8_t best = CodeOf(now + pull_(k) / h_(k, k), scale, grid_);
      if (best == code) continue;
      const double delta = RealOf(best, scale) - now;
      // Halves that round to even can look like a move without being one.
      if (!(delta * delta * h_(k, k) - 2 * delta * pull_(k) < 0)) continue;
      code = best;
      pull_ -= delta * h_.row(k).transpose();
      ++moved;
    }
    return moved;
  }

  // The scales with which these codes lose least; kept only where every one is sound and of its
  // old sign.
  void RefitScales() {
    const std::int64_t groups = index_.groups();
    RowMatrix basis = RowMatrix::Zero(groups, weights_.size());
    for (std::int64_t k = 0; k < weights_.size(); ++k) {
      const auto group = static_cast<std::int64_t>(index_(0, k));
      basis(group, k) =
          codes_[static_cast<std::size_t>(k)] - double{scales_[index_(0, k)].zero_point};
    }
    const RowMatrix seen = basis * h_;
    RowMatrix normal = seen * basis.transpose();
    for (std::int64_t g = 0; g < groups; ++g) {
      if (normal(g, g) > 0) continue;
      normal(g, g) = 1;  // a group of zeros: any scale
    }
    const Eigen::LDLT<RowMatrix> factor(normal);
    const Eigen::VectorXd fitted = factor.solve(seen * weights_);
    if (factor.info() != Eigen::Success || !fitted.allFinite()) return;
    for (std::int64_t g = 0; g < groups; ++g) {
      const double old = scales_[static_cast<std::size_t>(g)].scale;
      const bool is_empty = basis.row(g).isZero(0);
      if (!is_empty && !(fitted(g) / old > 0.25 && fitted(g) / old < 4)) return;
    }
    for (std::int64_t g = 0; g < groups; ++g) {
      if (basis.row(g).isZero(0)) continue;
      const auto scale = static_cast<float>(fitted(g));
      if (std::abs(scale) >= FLT_MIN) scales_[static_cast<std::size_t>(g)].scale = scale;
    }
    Restart();
  }

 private:
  void Restart() {
    Eigen::VectorXd error = weights_;
    for (std::int64_t k = 0; k < weights_.size(); ++k) {
      error(k) -= RealOf(codes_[static_cast<std::size_t>(k)], scales_[index_(0, k)]);
    }
    pull_ = h_ * error;
  }

  Eigen::VectorXd weights_;
  std::span<std::uint8_t> codes_;
  std::span<CodeScale> scales_;
  const RowMatrix& h_;
  const CodeGrid& grid_;
  ScaleIndex index_;
  Eigen::VectorXd pull_;  // H (w - w')
};

}  // namespace

CodedRows Reconstruct(const WeightRows& weights, Gram gram, const CodeGrid& grid, CodedRows start,
                      const ReconstructOptions& options, int threads) {
  const RowMatrix h = DampedGram(MapOf(gram, weights.columns), options.damping);
  const std::int64_t groups = grid.GroupsOf(weights.columns);
  ParallelFor(weights.rows, kRowsPerChunk, threads, [&](std::int64_t begin, std::int64_t end) {
    const RowMatrix rows = RowsAsDouble(weights, begin, end);
    for (std::int64_t row = begin; row < end; ++row) {
      RowDescent descent(
          rows.row(row - begin).transpose(),
          std::span(start.codes)
              .subspan(static_cast<std::size_t>(row * weights.columns),
                       static_cast<std::size_t>(weights.columns)),
          std::span(start.scales)
              .subspan(static_cast<std::size_t>(row * groups), static_cast<std::size_t>(groups)),
          h, grid);
      for (int sweep = 0; sweep < options.sweeps; ++sweep) {
        const std::int64_t moved = descent.Sweep();
        if (options.refit_scales) descent.RefitScales();
        if (moved == 0) break;
      }
    }
  });
  return start;
}

}  // namespace quantbench
