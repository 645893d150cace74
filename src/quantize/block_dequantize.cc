// Block-wise weights in their own layout, for ONNX's DequantizeLinear.
#include <algorithm>
#include <utility>
#include <vector>

#include "quantbench/base/parallel.h"

#include "quantize/block_clip.h"
#include "quantize/block_matrix.h"
#include "quantize/kernels.h"

namespace quantbench {
namespace {

constexpr std::int64_t kTile = 1024;  // columns whose ranges are found together: they stay cached

// Writes rows of codes; the type's sign lies in the codes' highest bit.
class RowWriter {
 public:
  RowWriter(const BlockMatrix& matrix, const BlockSpec& spec)
      : spec_(spec), matrix_(matrix), chooser_(spec) {}

  [[nodiscard]] Status Allocate(const Shape& dims) {
    const DataType narrow = spec_.symmetric ? DataType::kInt4 : DataType::kUint4;
    const DataType wide = spec_.symmetric ? DataType::kInt8 : DataType::kUint8;
    QB_TRY(codes_, Tensor::Make(spec_.bits == 4 ? narrow : wide, dims));
    Shape grid = dims;
    grid[matrix_.channels == Channels::kRows ? 1 : 0] = matrix_.blocks;
    QB_TRY(scales_, Tensor::Make(DataType::kFloat32, grid));
    zero_points_.resize(static_cast<std::size_t>(matrix_.outputs * matrix_.blocks));
    return Ok();
  }

  // Rows of [N, K] from `first`, an even one: each has blocks of its own.
  void WriteOutputs(std::int64_t first, std::span<const float> values);
  // Rows of [K, N] that make up a block: each column has its own.
  void WriteBlock(std::int64_t block, std::span<const float> values);
  [[nodiscard]] Result<BlockWeights> Finish(const Initializer& initializer) &&;

 private:
  // Codes of whole rows from `first` on, an even one: their first code begins a byte.
  void Store(std::int64_t first, std::span<const std::uint8_t> codes);

  BlockSpec spec_;
  BlockMatrix matrix_;
  GridChooser chooser_;
  Tensor codes_;
  Tensor scales_;
  std::vector<std::uint8_t> zero_points_;  // one a byte
};

void RowWriter::Store(std::int64_t first, std::span<const std::uint8_t> codes) {
  const std::int64_t begin = first * matrix_.columns();
  const std::span<std::byte> bytes = codes_.bytes;
  const auto count = static_cast<std::int64_t>(codes.size());
  if (spec_.bits == 4) {
    const std::span<std::byte> out = Part(bytes, begin / 2, BytesOf(count, spec_));
    kernels::PackNibbles(codes, {reinterpret_cast<std::uint8_t*>(out.data()), out.size()});
    if (!spec_.symmetric) return;
    for (std::byte& pair : out) pair ^= std::byte{0x88};
    if (count % 2 != 0) out.back() &= std::byte{0x0F};  // what fills up the last byte is 0
    return;
  }
  const auto sign = static_cast<std::uint8_t>(spec_.symmetric ? 0x80 : 0);
  std::transform(
      codes.begin(), codes.end(), Part(bytes, begin, count).begin(),
      [=](std::uint8_t code) { return std::byte{static_cast<std::uint8_t>(code ^ sign)}; });
}

void RowWriter::WriteOutputs(std::int64_t first, std::span<const float> values) {
  const std::int64_t columns = matrix_.columns();
  const auto block = static_cast<std::size_t>(spec_.block);
  const std::int64_t rows = static_cast<std::int64_t>(values.size()) / columns;
  std::vector<float> lows(static_cast<std::size_t>(matrix_.blocks));
  std::vector<float> highs(lows.size());
  std::vector<std::uint8_t> codes(2 * static_cast<std::size_t>(columns));
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::span<const float> inputs = Part(values, row * columns, columns);
    const std::int64_t place = (first + row) * matrix_.blocks;
    const std::span<float> scales = Part(scales_.As<float>(), place, matrix_.blocks);
    const auto zero_points = Part(std::span(zero_points_), place, matrix_.blocks);
    kernels::BlockRanges(inputs, block, lows, highs);
    if (spec_.clip) ClipRowRanges(inputs, spec_, lows, highs);
    chooser_.Choose(lows, highs, scales, zero_points);
    kernels::QuantizeBlocks(inputs, block, {scales, zero_points, HighestCode(spec_)},
                            Part(std::span(codes), row % 2 * columns, columns));
    const std::int64_t begun = row / 2 * 2;
    if (row % 2 == 1 || row + 1 == rows) {
      Store(first + begun, Part(std::span(codes), 0, (row + 1 - begun) * columns));
    }
  }
}

void RowWriter::WriteBlock(std::int64_t block, std::span<const float> values) {
  const std::int64_t columns = matrix_.columns();
  const std::int64_t rows = static_cast<std::int64_t>(values.size()) / columns;
  const std::span<float> scales = Part(scales_.As<float>(), block * columns, columns);
  const auto zero_points = Part(std::span(zero_points_), block * columns, columns);
  for (std::int64_t left = 0; left < columns; left += kTile) {
    const std::int64_t width = std::min(kTile, columns - left);
    const ColumnGrids grids(values, columns, left, width, &chooser_);
    std::ranges::copy(grids.scales(), Part(scales, left, width).begin());
    std::ranges::copy(grids.zero_points(), Part(zero_points, left, width).begin());
  }
  std::vector<std::uint8_t> codes(2 * static_cast<std::size_t>(columns));
  for (std::int64_t row = 0; row < rows; row += 2) {
    const std::int64_t count = std::min<std::int64_t>(2, rows - row);
    for (std::int64_t i = 0; i < count; ++i) {
      kernels::QuantizeColumns(Part(values, (row + i) * columns, columns),
                               {scales, zero_points, HighestCode(spec_)},
                               Part(std::span(codes), i * columns, columns));
    }
    Store(block * spec_.block + row, Part(std::span(codes), 0, count * columns));
  }
}

Result<BlockWeights> RowWriter::Finish(const Initializer& initializer) && {
  if (Status status = chooser_.status(initializer); !status.ok()) return status.error();
  BlockWeights result{std::move(codes_), std::move(scales_), std::nullopt};
  if (spec_.symmetric) return result;
  QB_TRY(Tensor zero_points, Tensor::Make(result.codes.type, result.scales.shape));
  if (spec_.bits == 4) {
    kernels::PackNibbles(zero_points_, {reinterpret_cast<std::uint8_t*>(zero_points.bytes.data()),
                                        zero_points.bytes.size()});
  } else {
    std::ranges::copy(zero_points_, zero_points.As<std::uint8_t>().begin());
  }
  result.zero_points = std::move(zero_points);
  return result;
}

}  // namespace

Result<BlockWeights> QuantizeForBlockDequantize(const Initializer& initializer, Channels outputs,
                                                const BlockSpec& spec, int threads) {
  QB_TRY(const BlockMatrix matrix, BlockMatrix::Of(initializer, outputs, spec));
  QB_TRY(const FloatValues weights, FloatValues::Of(initializer));
  RowWriter writer(matrix, spec);
  if (Status status = writer.Allocate(initializer.dims); !status.ok()) return status.error();
  if (outputs == Channels::kRows) {
    ParallelFor(
        matrix.outputs, matrix.RowsPerChunk(), threads, [&](std::int64_t begin, std::int64_t end) {
          weights.Read(begin * matrix.inputs, end * matrix.inputs,
                       [&](std::span<const float> rows) { writer.WriteOutputs(begin, rows); });
        });
  } else {
    ForBlocksOfRows(
        weights, matrix, {spec.block}, threads,
        [&](std::int64_t block, std::span<const float> rows) { writer.WriteBlock(block, rows); });
  }
  return std::move(writer).Finish(initializer);
}

}  // namespace quantbench
