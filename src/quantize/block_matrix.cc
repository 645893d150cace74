// Blocks: which specifications and matrices are taken, and the grid of each block.
#include "quantize/block_matrix.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>

#include "quantbench/base/format.h"

#include "quantize/block_clip.h"

namespace quantbench {
namespace {

constexpr std::int64_t kChunkElements = 1 << 18;

BlockGrid WithScale(double scale, std::uint8_t zero_point) {
  // Below the smallest normal float a scale would lose digits or vanish: the range counts as empty.
  if (std::abs(scale) < FLT_MIN) return {1, zero_point};
  return {static_cast<float>(scale), zero_point};
}

}  // namespace

Status CheckBlockSpec(const BlockSpec& spec) {
  if (spec.bits != 4 && spec.bits != 8) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("block-wise codes have 4 or 8 bits, not {}", spec.bits));
  }
  for (const std::int64_t block : {16, 32, 64, 128, 256}) {
    if (spec.block == block) return Ok();
  }
  return Error(ErrorCode::kInvalidArgument,
               Format("a block holds 16, 32, 64, 128 or 256 numbers, not {}", spec.block));
}

BlockGrid ChooseBlockGrid(float low, float high, const BlockSpec& spec) {
  const double below = -std::min(double{low}, 0.0);
  const double above = std::max(double{high}, 0.0);
  const std::int32_t codes = spec.bits == 4 ? 16 : 256;
  if (!spec.symmetric) {
    const QuantParams params = ChooseAsymmetric(-below, above, {0, codes - 1});
    return {params.scale, static_cast<std::uint8_t>(params.zero_point)};
  }
  const auto middle = static_cast<std::uint8_t>(codes / 2);
  if (spec.bits == 8) return WithScale(std::max(below, above) / 127, middle);
  if (below >= above) return WithScale(std::max(below / 8, above / 7.5), middle);
  if (!spec.positive_scales) return WithScale(-std::max(above / 8, below / 7.5), middle);
  return WithScale(above / 7, middle);
}

Result<BlockMatrix> BlockMatrix::Of(const Initializer& initializer, Channels outputs,
                                    const BlockSpec& spec) {
  QB_CHECK(outputs != Channels::kNone, "blocks belong to outputs");
  if (Status status = CheckBlockSpec(spec); !status.ok()) return status.error();
  if (initializer.type != DataType::kFloat32 || initializer.dims.size() != 2 ||
      Elements(initializer) == 0) {
    return Error(
        ErrorCode::kUnsupported,
        Format("initializer \"{}\" is {} {}: blocks are cut from a float32 matrix",
               Printable(initializer.name), Name(initializer.type), ToString(initializer.dims)));
  }
  BlockMatrix matrix;
  matrix.channels = outputs;
  matrix.outputs = initializer.dims[outputs == Channels::kRows ? 0 : 1];
  matrix.inputs = initializer.dims[outputs == Channels::kRows ? 1 : 0];
  matrix.blocks = (matrix.inputs + spec.block - 1) / spec.block;
  return matrix;
}

std::int64_t BlockMatrix::RowsPerChunk() const {
  return std::max<std::int64_t>(2, kChunkElements / inputs / 2 * 2);
}

void GridChooser::Choose(std::span<const float> lows, std::span<const float> highs,
                         std::span<float> scales, std::span<std::uint8_t> zero_points) {
  for (std::size_t i = 0; i < lows.size(); ++i) {
    if (std::isnan(lows[i]) || std::isnan(highs[i])) found_nan_ = true;
    if (std::isinf(lows[i]) || std::isinf(highs[i])) found_infinity_ = true;
    BlockGrid grid;
    if (std::isfinite(lows[i]) && std::isfinite(highs[i])) {
      grid = ChooseBlockGrid(lows[i], highs[i], spec_);
    }
    scales[i] = grid.scale;
    zero_points[i] = grid.zero_point;
  }
}

ColumnGrids::ColumnGrids(std::span<const float> values, std::int64_t columns, std::int64_t left,
                         std::int64_t width, GridChooser* chooser)
    : scales_(static_cast<std::size_t>(width)), zero_points_(static_cast<std::size_t>(width)) {
  const std::span<const float> first = Part(values, left, width);
  std::vector<float> lows(first.begin(), first.end());
  std::vector<float> highs = lows;
  const std::int64_t rows = static_cast<std::int64_t>(values.size()) / columns;
  for (std::int64_t row = 1; row < rows; ++row) {
    kernels::RangesInto(Part(values, row * columns + left, width), lows, highs);
  }
  if (chooser->spec().clip) ClipColumnRanges(values, columns, left, chooser->spec(), lows, highs);
  chooser->Choose(lows, highs, scales_, zero_points_);
}

Status GridChooser::status(const Initializer& initializer) const {
  if (found_nan_) return NotFinite(initializer, std::numeric_limits<float>::quiet_NaN());
  if (found_infinity_) return NotFinite(initializer, std::numeric_limits<float>::infinity());
  return Ok();
}

std::uint64_t BlockWeightBytes(std::int64_t outputs, std::int64_t inputs, const BlockSpec& spec) {
  const std::int64_t blocks = (inputs + spec.block - 1) / spec.block;
  const std::int64_t zero_points = spec.symmetric ? 0 : BytesOf(blocks, spec);
  const std::int64_t scales = blocks * static_cast<std::int64_t>(sizeof(float));
  return static_cast<std::uint64_t>(outputs) *
         static_cast<std::uint64_t>(blocks * BytesOf(spec.block, spec) + scales + zero_points);
}

}  // namespace quantbench
