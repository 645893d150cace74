// Clipping of blocks: every candidate is tried for all columns at once.
#include "quantize/block_clip.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "quantbench/recover.h"

#include "quantize/block_matrix.h"
#include "quantize/kernels.h"

namespace quantbench {
namespace {

// Some columns of the rows of a block, and what is known of each.
class ColumnClipper {
 public:
  ColumnClipper(std::span<const float> values, std::int64_t stride, std::int64_t left,
                const BlockSpec& spec, std::span<const float> lows, std::span<const float> highs)
      : values_(values),
        stride_(stride),
        left_(left),
        spec_(spec),
        lows_(lows),
        highs_(highs),
        factors_(lows.size(), 1.0F),
        tried_(lows.size(), 1.0F),
        errors_(lows.size()),
        scales_(lows.size()),
        zero_points_(lows.size()) {
    Measure();
    best_errors_ = errors_;
  }

  // Tries `factor` for every column.
  void Try(float factor) {
    std::fill(tried_.begin(), tried_.end(), factor);
    TryThose();
  }

  // Tries the best factors so far moved by `step`; beyond 1 there is nothing.
  void TryAround(std::span<const float> best, float step) {
    for (std::size_t i = 0; i < tried_.size(); ++i) tried_[i] = std::min(1.0F, best[i] + step);
    TryThose();
  }

  [[nodiscard]] const std::vector<float>& factors() const { return factors_; }

 private:
  void TryThose() {
    Measure();
    for (std::size_t i = 0; i < tried_.size(); ++i) {
      if (!(errors_[i] < best_errors_[i])) continue;
      best_errors_[i] = errors_[i];
      factors_[i] = tried_[i];
    }
  }

  // The errors of what is tried.
  void Measure() {
    for (std::size_t i = 0; i < tried_.size(); ++i) {
      BlockGrid grid;
      if (std::isfinite(lows_[i]) && std::isfinite(highs_[i])) {
        grid = ChooseBlockGrid(lows_[i] * tried_[i], highs_[i] * tried_[i], spec_);
      }
      scales_[i] = grid.scale;
      zero_points_[i] = grid.zero_point;
    }
    std::fill(errors_.begin(), errors_.end(), 0.0F);
    const auto width = static_cast<std::int64_t>(tried_.size());
    const auto end = static_cast<std::int64_t>(values_.size());
    for (std::int64_t at = left_; at < end; at += stride_) {
      kernels::AddColumnErrors(Part(values_, at, width),
                               {scales_, zero_points_, HighestCode(spec_)}, errors_);
    }
  }

  std::span<const float> values_;
  std::int64_t stride_;
  std::int64_t left_;
  const BlockSpec& spec_;
  std::span<const float> lows_;
  std::span<const float> highs_;
  std::vector<float> factors_;  // the best so far
  std::vector<float> best_errors_;
  std::vector<float> tried_;
  std::vector<float> errors_;
  std::vector<float> scales_;
  std::vector<std::uint8_t> zero_points_;
};

}  // namespace

void ClipColumnRanges(std::span<const float> values, std::int64_t stride, std::int64_t left,
                      const BlockSpec& spec, std::span<float> lows, std::span<float> highs) {
  ColumnClipper clipper(values, stride, left, spec, lows, highs);
  for (int i = 1; i < kCoarseClips; ++i) clipper.Try(static_cast<float>(1 - kCoarseClip * i));
  const std::vector<float> best = clipper.factors();
  for (int i = -kFineClips; i <= kFineClips; ++i) {
    if (i != 0) clipper.TryAround(best, static_cast<float>(kFineClip * i));
  }
  for (std::size_t i = 0; i < lows.size(); ++i) {
    if (!std::isfinite(lows[i]) || !std::isfinite(highs[i])) continue;
    lows[i] *= clipper.factors()[i];
    highs[i] *= clipper.factors()[i];
  }
}

void ClipRowRanges(std::span<const float> row, const BlockSpec& spec, std::span<float> lows,
                   std::span<float> highs) {
  // Blocks become columns. What lies beyond the row is 0, which is exact at any scale.
  const std::size_t blocks = lows.size();
  const auto block = static_cast<std::size_t>(spec.block);
  std::vector<float> turned(blocks * block);
  for (std::size_t i = 0; i < row.size(); ++i) turned[i % block * blocks + i / block] = row[i];
  ClipColumnRanges(turned, static_cast<std::int64_t>(blocks), 0, spec, lows, highs);
}

}  // namespace quantbench
