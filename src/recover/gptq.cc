// GPTQ: rounding column after column, errors moved to the columns that are still free.
#include <numeric>

#include <Eigen/Cholesky>

#include "quantbench/base/format.h"

#include "recover/rows.h"

namespace quantbench {
namespace {

constexpr std::int64_t kBlock = 128;  // columns whose updates to the rest are made in one product

// Columns in the order of their rounding.
std::vector<std::int64_t> OrderOf(const GramMap& h, bool by_inputs) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(h.rows()));
  std::iota(order.begin(), order.end(), 0);
  if (by_inputs) {
    std::stable_sort(order.begin(), order.end(),
                     [&](std::int64_t a, std::int64_t b) { return h(a, a) > h(b, b); });
  }
  return order;
}

RowMatrix Permuted(const RowMatrix& matrix, std::span<const std::int64_t> order) {
  const auto size = static_cast<std::int64_t>(order.size());
  RowMatrix permuted(size, size);
  for (std::int64_t i = 0; i < size; ++i) {
    for (std::int64_t j = 0; j < size; ++j) {
      permuted(i, j) =
          matrix(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(j)]);
    }
  }
  return permuted;
}

// U, upper, with H^-1 = U^T U; H damped, ten times more until it factors.
Result<RowMatrix> InverseFactor(const GramMap& h, std::span<const std::int64_t> order,
                                double damping) {
  constexpr int kAttempts = 6;
  if (!h.allFinite()) {
    return Error(ErrorCode::kMalformed, "the inputs' second moments hold NaN or infinities");
  }
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const RowMatrix damped = Permuted(DampedGram(h, damping), order);
    const Eigen::LLT<RowMatrix> factor(damped);
    if (factor.info() == Eigen::Success) {
      const RowMatrix inverse = factor.solve(RowMatrix::Identity(h.rows(), h.cols()));
      const Eigen::LLT<RowMatrix> inverse_factor(inverse);
      if (inverse_factor.info() == Eigen::Success) return RowMatrix(inverse_factor.matrixU());
    }
    damping = std::max(damping, 1e-6) * 10;
  }
  return Error(ErrorCode::kMalformed, "the inputs' second moments stay singular");
}

// Some rows, turned: a column of weights lies together.
class GptqChunk {
 public:
  GptqChunk(const WeightRows& weights, std::int64_t begin, std::int64_t end,
            std::span<const std::int64_t> order)
      : begin_(begin), order_(order), columns_(weights.columns) {
    const RowMatrix rows = RowsAsDouble(weights, begin, end);
    working_.resize(columns_, end - begin);
    for (std::int64_t i = 0; i < columns_; ++i) working_.row(i) = rows.col(Column(i)).transpose();
  }

  // Chooses the scales of the group that begins at place i, from the weights as they are now.
  void ChooseScales(std::int64_t i, const GramMap& h, bool clip, const CodeGrid& grid,
                    CodedRows* coded) const {
    const ScaleIndex index(grid, columns_);
    const std::int64_t count = std::min(index.group(), columns_ - i);
    std::vector<double> importance;
    if (clip) {
      for (std::int64_t k = 0; k < count; ++k) importance.push_back(h(i + k, i + k));
    }
    for (std::int64_t row = 0; row < working_.cols(); ++row) {
      const Eigen::VectorXd column = working_.col(row).segment(i, count);
      const std::span<const double> values(column.data(), static_cast<std::size_t>(count));
      coded->scales[index(begin_ + row, i)] =
          clip ? ClippedScale(values, importance, grid) : ScaleOfGroup(values, grid);
    }
  }

  // Rounds place i; spreads its errors over the places of its block.
  void RoundColumn(std::int64_t i, std::int64_t block_end, const RowMatrix& u, const CodeGrid& grid,
                   CodedRows* coded) {
    const ScaleIndex index(grid, columns_);
    const std::int64_t column = Column(i);
    Eigen::RowVectorXd errors(working_.cols());
    for (std::int64_t row = 0; row < working_.cols(); ++row) {
      const CodeScale& scale = coded->scales[index(begin_ + row, column)];
      const std::uint8_t code = CodeOf(working_(i, row), scale, grid);
      coded->codes[static_cast<std::size_t>((begin_ + row) * columns_ + column)] = code;
      errors(row) = (working_(i, row) - RealOf(code, scale)) / u(i, i);
    }
    for (std::int64_t j = i + 1; j < block_end; ++j) working_.row(j) -= u(i, j) * errors;
    errors_.row(i % errors_.rows()) = errors;
  }

  void Round(const RowMatrix& u, const GramMap& h, const CodeGrid& grid, const GptqOptions& options,
             bool choose, CodedRows* coded) {
    const std::int64_t group = grid.GroupSize(columns_);
    // A whole number of groups, so that a group's scales see all updates made before it.
    const std::int64_t block = choose && group < columns_ ? std::lcm(kBlock, group) : kBlock;
    errors_.resize(block, working_.cols());
    for (std::int64_t left = 0; left < columns_; left += block) {
      const std::int64_t right = std::min(columns_, left + block);
      for (std::int64_t i = left; i < right; ++i) {
        if (choose && i % group == 0) ChooseScales(i, h, options.clip, grid, coded);
        RoundColumn(i, right, u, grid, coded);
      }
      const std::int64_t rest = columns_ - right;
      if (rest == 0) continue;
      working_.bottomRows(rest).noalias() -=
          u.block(left, right, right - left, rest).transpose() * errors_.topRows(right - left);
    }
  }

 private:
  [[nodiscard]] std::int64_t Column(std::int64_t place) const {
    return order_[static_cast<std::size_t>(place)];
  }

  std::int64_t begin_;
  std::span<const std::int64_t> order_;
  std::int64_t columns_;
  RowMatrix working_;  // [columns in order, rows of the chunk]
  RowMatrix errors_;   // of the current block
};

}  // namespace

Result<CodedRows> RoundByGptq(const WeightRows& weights, Gram gram, const CodeGrid& grid,
                              std::vector<CodeScale> scales, const GptqOptions& options,
                              int threads) {
  const GramMap h = MapOf(gram, weights.columns);
  const std::vector<std::int64_t> order = OrderOf(h, options.act_order);
  QB_TRY(const RowMatrix u, InverseFactor(h, order, options.damping));
  CodedRows coded{std::vector<std::uint8_t>(weights.values.size()), std::move(scales)};
  bool choose = false;
  if (coded.scales.empty() && options.act_order) {
    const Eigen::VectorXd diagonal = h.diagonal();
    const std::span<const double> importance(diagonal.data(), order.size());
    coded.scales = options.clip ? ClipByMse(weights, grid, importance, threads)
                                : ScalesOfRanges(weights, grid, threads);
  } else if (coded.scales.empty()) {
    choose = true;
    coded.scales.resize(static_cast<std::size_t>(weights.rows * grid.GroupsOf(weights.columns)));
  }
  ParallelFor(weights.rows, kRowsPerChunk, threads, [&](std::int64_t begin, std::int64_t end) {
    GptqChunk(weights, begin, end, order).Round(u, h, grid, options, choose, &coded);
  });
  return coded;
}

}  // namespace quantbench
