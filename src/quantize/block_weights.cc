// Block-wise weights as the engine's own operators take them: output by output, packed along K.
#include "quantize/block_weights.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "quantbench/base/format.h"
#include "quantbench/base/parallel.h"

#include "quantize/block_matrix.h"
#include "quantize/kernels.h"

namespace quantbench {
namespace {

// Writes the codes of stretches of outputs; each stretch begins with a block. Threads write
// different stretches.
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

  // Reusable memory of one thread.
  struct Scratch {
    std::vector<float> lows;
    std::vector<float> highs;
    std::vector<std::uint8_t> codes;
  };
  void Write(std::int64_t output, std::int64_t first_block, std::span<const float> values,
             Scratch* scratch);
  [[nodiscard]] Result<BlockWeights> Finish(const Initializer& initializer) &&;

 private:
  BlockSpec spec_;
  BlockMatrix matrix_;
  std::int64_t bytes_per_output_;
  GridChooser chooser_;
  Tensor codes_;
  Tensor scales_;
  std::vector<std::uint8_t> zero_points_;  // one a byte
};

void OutputWriter::Write(std::int64_t output, std::int64_t first_block,
                         std::span<const float> values, Scratch* scratch) {
  const auto count = static_cast<std::int64_t>(values.size());
  const std::int64_t blocks = (count + spec_.block - 1) / spec_.block;
  const auto block = static_cast<std::size_t>(spec_.block);
  const std::int64_t place = output * matrix_.blocks + first_block;
  const std::span<float> scales = Part(scales_.As<float>(), place, blocks);
  const std::span<std::uint8_t> zero_points = Part(std::span(zero_points_), place, blocks);
  scratch->lows.resize(static_cast<std::size_t>(blocks));
  scratch->highs.resize(static_cast<std::size_t>(blocks));
  kernels::BlockRanges(values, block, scratch->lows, scratch->highs);
  chooser_.Choose(scratch->lows, scratch->highs, scales, zero_points);

  // What lies beyond K is 0, whose code is the zero point of the last block.
  scratch->codes.assign(static_cast<std::size_t>(blocks) * block, zero_points.back());
  kernels::QuantizeBlocks(values, block, {scales, zero_points, HighestCode(spec_)},
                          std::span(scratch->codes).first(values.size()));
  const std::int64_t begin = first_block * BytesOf(spec_.block, spec_);
  const std::int64_t bytes =
      std::min(blocks * BytesOf(spec_.block, spec_), bytes_per_output_ - begin);
  const std::span<std::uint8_t> out =
      Part(codes_.As<std::uint8_t>(), output * bytes_per_output_ + begin, bytes);
  if (spec_.bits == 4) {
    kernels::PackNibbles(std::span(scratch->codes).first(out.size() * 2), out);
  } else {
    std::copy_n(scratch->codes.begin(), out.size(), out.begin());
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

// Rows of [N, K] are outputs as they lie.
void WriteRows(const FloatValues& weights, const BlockMatrix& matrix, int threads,
               OutputWriter* writer) {
  ParallelFor(
      matrix.outputs, matrix.RowsPerChunk(), threads, [&](std::int64_t begin, std::int64_t end) {
        OutputWriter::Scratch scratch;
        weights.Read(
            begin * matrix.inputs, end * matrix.inputs, [&](std::span<const float> values) {
              for (std::int64_t row = begin; row < end; ++row) {
                const auto output = Part(values, (row - begin) * matrix.inputs, matrix.inputs);
                writer->Write(row, 0, output, &scratch);
              }
            });
      });
}

// Some columns of a stretch of rows, turned.
class Turner {
 public:
  static constexpr std::int64_t kColumns = 16;  // one cache line of a row

  Turner(std::span<const float> values, std::int64_t columns)
      : values_(values),
        columns_(columns),
        rows_(static_cast<std::int64_t>(values.size()) / columns),
        turned_(static_cast<std::size_t>(rows_ * kColumns)) {}

  // Column `begin` + i becomes turned(i), for up to kColumns columns.
  void Turn(std::int64_t begin, std::int64_t end) {
    const float* from = values_.data() + begin;
    for (std::int64_t row = 0; row < rows_; ++row, from += columns_) {
      float* to = turned_.data() + row;
      for (std::int64_t i = 0; i < end - begin; ++i) to[i * rows_] = from[i];
    }
  }
  [[nodiscard]] std::span<const float> turned(std::int64_t i) const {
    return Part(std::span(turned_), i * rows_, rows_);
  }

 private:
  std::span<const float> values_;
  std::int64_t columns_;
  std::int64_t rows_;
  std::vector<float> turned_;
};

// Columns of [K, N] are outputs: a few blocks of rows at a time, a few columns of them at a time.
void WriteColumns(const FloatValues& weights, const BlockMatrix& matrix, std::int64_t block,
                  int threads, OutputWriter* writer) {
  ParallelFor(
      matrix.blocks, matrix.BlocksPerChunk(block), threads,
      [&](std::int64_t first_block, std::int64_t last_block) {
        const std::int64_t columns = matrix.outputs;
        const std::int64_t last_row = std::min(matrix.inputs, last_block * block);
        weights.Read(
            first_block * block * columns, last_row * columns, [&](std::span<const float> values) {
              OutputWriter::Scratch scratch;
              Turner turner(values, columns);
              for (std::int64_t left = 0; left < columns; left += Turner::kColumns) {
                const std::int64_t right = std::min(columns, left + Turner::kColumns);
                turner.Turn(left, right);
                for (std::int64_t column = left; column < right; ++column) {
                  writer->Write(column, first_block, turner.turned(column - left), &scratch);
                }
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
    WriteColumns(weights, matrix, spec.block, threads, &writer);
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
