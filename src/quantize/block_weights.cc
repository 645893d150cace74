// Block-wise weights as the engine's own operators take them: output by output, packed along K.
#include "quantize/block_weights.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "quantbench/base/format.h"
#include "quantbench/base/parallel.h"

#include "quantize/block_clip.h"
#include "quantize/block_matrix.h"
#include "quantize/kernels.h"

namespace quantbench {
namespace {

constexpr std::int64_t kTurnedColumns = 256;  // columns of [K, N] that are turned together
constexpr std::int64_t kCacheLine = 64;       // bytes

// Writes the codes output by output. Threads write different outputs or different blocks.
class OutputWriter {
 public:
  // `bytes_per_output`: whole blocks, or just the codes of K inputs.
  OutputWriter(const BlockMatrix& matrix, const BlockSpec& spec, std::int64_t bytes_per_output)
      : spec_(spec),
        matrix_(matrix),
        bytes_per_output_(bytes_per_output),
        chooser_(spec),
        zero_points_(static_cast<std::size_t>(matrix.outputs * matrix.blocks)) {}

  [[nodiscard]] Status Allocate(const Shape& codes_shape) {
    QB_TRY(codes_, Tensor::Make(DataType::kUint8, codes_shape));
    QB_TRY(scales_, Tensor::Make(DataType::kFloat32, {matrix_.outputs, matrix_.blocks}));
    return Ok();
  }

  // A row of [N, K].
  struct RowScratch {
    std::vector<float> lows;
    std::vector<float> highs;
    std::vector<std::uint8_t> codes;
  };
  void WriteOutput(std::int64_t output, std::span<const float> values, RowScratch* scratch);

  // How many blocks of one output are at least a cache line.
  [[nodiscard]] std::int64_t BlocksTogether() const {
    return std::max<std::int64_t>(1, kCacheLine / BytesOf(spec_.block, spec_));
  }
  // The rows of [K, N] that make up some blocks, `first` the first of them.
  void WriteBlocks(std::int64_t first, std::span<const float> values);
  [[nodiscard]] Result<BlockWeights> Finish(const Initializer& initializer) &&;

 private:
  // Up to kTurnedColumns columns of the rows of one block, from `left` on, become codes [block,
  // width].
  void WriteTile(std::int64_t block, std::span<const float> values, std::int64_t left,
                 std::span<std::uint8_t> codes);
  // What one column of a tile holds becomes a stretch of its output.
  void Turn(std::int64_t first_block, std::int64_t left, std::int64_t width,
            std::span<std::uint8_t> codes);

  BlockSpec spec_;
  BlockMatrix matrix_;
  std::int64_t bytes_per_output_;
  GridChooser chooser_;
  Tensor codes_;
  Tensor scales_;
  std::vector<std::uint8_t> zero_points_;  // one a byte
};

void OutputWriter::WriteOutput(std::int64_t output, std::span<const float> values,
                               RowScratch* scratch) {
  const auto blocks = static_cast<std::size_t>(matrix_.blocks);
  const auto block = static_cast<std::size_t>(spec_.block);
  const std::int64_t place = output * matrix_.blocks;
  const std::span<float> scales = Part(scales_.As<float>(), place, matrix_.blocks);
  const auto zero_points = Part(std::span(zero_points_), place, matrix_.blocks);
  scratch->lows.resize(blocks);
  scratch->highs.resize(blocks);
  kernels::BlockRanges(values, block, scratch->lows, scratch->highs);
  if (spec_.clip) ClipRowRanges(values, spec_, scratch->lows, scratch->highs);
  chooser_.Choose(scratch->lows, scratch->highs, scales, zero_points);

  // What lies beyond K is 0, whose code is the zero point of the last block.
  scratch->codes.assign(blocks * block, zero_points.back());
  kernels::QuantizeBlocks(values, block, {scales, zero_points, HighestCode(spec_)},
                          std::span(scratch->codes).first(values.size()));
  const std::span<std::uint8_t> out =
      Part(codes_.As<std::uint8_t>(), output * bytes_per_output_, bytes_per_output_);
  if (spec_.bits == 4) {
    kernels::PackNibbles(std::span(scratch->codes).first(out.size() * 2), out);
  } else {
    std::copy_n(scratch->codes.begin(), out.size(), out.begin());
  }
}

void OutputWriter::WriteBlocks(std::int64_t first, std::span<const float> values) {
  const std::int64_t columns = matrix_.outputs;
  const std::int64_t rows = static_cast<std::int64_t>(values.size()) / columns;
  const std::int64_t blocks = (rows + spec_.block - 1) / spec_.block;
  std::vector<std::uint8_t> codes(
      static_cast<std::size_t>(blocks * spec_.block * std::min(kTurnedColumns, columns)));
  for (std::int64_t left = 0; left < columns; left += kTurnedColumns) {
    const std::int64_t width = std::min(kTurnedColumns, columns - left);
    for (std::int64_t block = 0; block < blocks; ++block) {
      const std::int64_t begin = block * spec_.block;
      const std::int64_t end = std::min(rows, begin + spec_.block);
      WriteTile(first + block, Part(values, begin * columns, (end - begin) * columns), left,
                Part(std::span(codes), begin * width, spec_.block * width));
    }
    Turn(first, left, width, Part(std::span(codes), 0, blocks * spec_.block * width));
  }
}

void OutputWriter::WriteTile(std::int64_t block, std::span<const float> values, std::int64_t left,
                             std::span<std::uint8_t> codes) {
  const std::int64_t columns = matrix_.outputs;
  const std::int64_t width = static_cast<std::int64_t>(codes.size()) / spec_.block;
  const std::int64_t rows = static_cast<std::int64_t>(values.size()) / columns;
  const ColumnGrids grids(values, columns, left, width, &chooser_);
  for (std::int64_t row = 0; row < spec_.block; ++row) {
    const std::span<std::uint8_t> out = Part(codes, row * width, width);
    if (row < rows) {
      kernels::QuantizeColumns(Part(values, row * columns + left, width),
                               grids.grids(HighestCode(spec_)), out);
    } else {
      std::ranges::copy(grids.zero_points(), out.begin());  // beyond K: 0
    }
  }
  for (std::int64_t i = 0; i < width; ++i) {
    const auto place = static_cast<std::size_t>((left + i) * matrix_.blocks + block);
    scales_.As<float>()[place] = grids.scales()[static_cast<std::size_t>(i)];
    zero_points_[place] = grids.zero_points()[static_cast<std::size_t>(i)];
  }
}

void OutputWriter::Turn(std::int64_t first_block, std::int64_t left, std::int64_t width,
                        std::span<std::uint8_t> codes) {
  const std::int64_t lines = BytesOf(static_cast<std::int64_t>(codes.size()) / width, spec_);
  if (spec_.bits == 4) {  // neighbours along K share a byte
    for (std::int64_t line = 0; line < lines; ++line) {
      const std::uint8_t* low = codes.data() + 2 * line * width;
      const std::uint8_t* high = low + width;
      std::uint8_t* out = codes.data() + line * width;  // never ahead of what is read
      for (std::int64_t i = 0; i < width; ++i) {
        out[i] = static_cast<std::uint8_t>(low[i] | (high[i] << 4U));
      }
    }
  }
  const std::int64_t begin = first_block * BytesOf(spec_.block, spec_);
  const std::span<std::uint8_t> all = codes_.As<std::uint8_t>();
  for (std::int64_t i = 0; i < width; ++i) {
    const auto to = Part(all, (left + i) * bytes_per_output_ + begin, lines);
    const std::uint8_t* from = codes.data() + i;
    for (std::size_t line = 0; line < to.size(); ++line) {
      to[line] = from[line * static_cast<std::size_t>(width)];
    }
  }
}

Result<BlockWeights> OutputWriter::Finish(const Initializer& initializer) && {
  if (Status status = chooser_.status(initializer); !status.ok()) return status.error();
  BlockWeights result{std::move(codes_), std::move(scales_), std::nullopt};
  if (spec_.symmetric) return result;
  const std::int64_t bytes = BytesOf(matrix_.blocks, spec_);
  QB_TRY(Tensor zero_points, Tensor::Make(DataType::kUint8, {matrix_.outputs, bytes}));
  for (std::int64_t output = 0; output < matrix_.outputs; ++output) {
    const std::span<const std::uint8_t> from =
        Part(std::span(std::as_const(zero_points_)), output * matrix_.blocks, matrix_.blocks);
    const std::span<std::uint8_t> to = Part(zero_points.As<std::uint8_t>(), output * bytes, bytes);
    if (spec_.bits == 4) {
      kernels::PackNibbles(from, to);
    } else {
      std::copy(from.begin(), from.end(), to.begin());
    }
  }
  result.zero_points = std::move(zero_points);
  return result;
}

void WriteRows(const FloatValues& weights, const BlockMatrix& matrix, int threads,
               OutputWriter* writer) {
  ParallelFor(
      matrix.outputs, matrix.RowsPerChunk(), threads, [&](std::int64_t begin, std::int64_t end) {
        OutputWriter::RowScratch scratch;
        weights.Read(
            begin * matrix.inputs, end * matrix.inputs, [&](std::span<const float> values) {
              for (std::int64_t row = begin; row < end; ++row) {
                const auto output = Part(values, (row - begin) * matrix.inputs, matrix.inputs);
                writer->WriteOutput(row, output, &scratch);
              }
            });
      });
}

}  // namespace

Result<BlockWeights> QuantizeForMatMulNBits(const Initializer& initializer, Channels outputs,
                                            const BlockSpec& spec, int threads) {
  QB_TRY(const BlockMatrix matrix, BlockMatrix::Of(initializer, outputs, spec));
  QB_TRY(const FloatValues weights, FloatValues::Of(initializer));
  const std::int64_t block_bytes = BytesOf(spec.block, spec);
  OutputWriter writer(matrix, spec, matrix.blocks * block_bytes);
  if (Status status = writer.Allocate({matrix.outputs, matrix.blocks, block_bytes}); !status.ok()) {
    return status.error();
  }
  if (outputs == Channels::kRows) {
    WriteRows(weights, matrix, threads, &writer);
  } else {
    ForBlocksOfRows(
        weights, matrix, {spec.block, writer.BlocksTogether()}, threads,
        [&](std::int64_t block, std::span<const float> rows) { writer.WriteBlocks(block, rows); });
  }
  return std::move(writer).Finish(initializer);
}

Result<BlockWeights> QuantizeForGather(const Initializer& initializer, const BlockSpec& spec,
                                       int threads) {
  QB_TRY(const BlockMatrix matrix, BlockMatrix::Of(initializer, Channels::kRows, spec));
  if (spec.bits == 4 && matrix.inputs % 2 != 0) {
    return Error(ErrorCode::kUnsupported,
                 Format("initializer \"{}\" has rows of {} numbers: 4-bit rows need an even number",
                        Printable(initializer.name), matrix.inputs));
  }
  QB_TRY(const FloatValues weights, FloatValues::Of(initializer));
  const std::int64_t row_bytes = BytesOf(matrix.inputs, spec);
  OutputWriter writer(matrix, spec, row_bytes);
  if (Status status = writer.Allocate({matrix.outputs, row_bytes}); !status.ok()) {
    return status.error();
  }
  WriteRows(weights, matrix, threads, &writer);
  return std::move(writer).Finish(initializer);
}

}  // namespace quantbench
