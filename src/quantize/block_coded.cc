// Codes that steps chose, in the three layouts of block-wise weights.
#include "quantize/block_coded.h"

#include <algorithm>

#include "quantize/block_matrix.h"
#include "quantize/kernels.h"
#include "quantize/turned.h"

namespace quantbench {
namespace {

std::vector<std::uint8_t> ZeroPointsOf(const CodedRows& coded) {
  std::vector<std::uint8_t> zero_points;
  zero_points.reserve(coded.scales.size());
  for (const CodeScale& scale : coded.scales) {
    zero_points.push_back(static_cast<std::uint8_t>(scale.zero_point));
  }
  return zero_points;
}

// Rows of codes or zero points, each padded to whole bytes of its own.
Tensor PackRows(std::span<const std::uint8_t> codes, std::int64_t rows, const BlockSpec& spec,
                const Shape& shape) {
  Tensor packed{DataType::kUint8, shape, {}};
  const std::int64_t columns = static_cast<std::int64_t>(codes.size()) / rows;
  const std::int64_t bytes = BytesOf(columns, spec);
  packed.bytes.resize(static_cast<std::size_t>(rows * bytes));
  const std::span<std::uint8_t> out(reinterpret_cast<std::uint8_t*>(packed.bytes.data()),
                                    packed.bytes.size());
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto from = Part(codes, row * columns, columns);
    const auto to = Part(out, row * bytes, bytes);
    if (spec.bits == 4) {
      kernels::PackNibbles(from, to);
    } else {
      std::copy(from.begin(), from.end(), to.begin());
    }
  }
  return packed;
}

BlockWeights WithGrids(const SolvedWeight& solved, const BlockShapes& shapes, Tensor codes,
                       const BlockSpec& spec) {
  std::vector<float> scales;
  for (const CodeScale& scale : solved.coded.scales) scales.push_back(scale.scale);
  BlockWeights blocks{std::move(codes), Tensor::OfFloats(shapes.scales, scales), std::nullopt};
  if (!spec.symmetric) {
    blocks.zero_points =
        PackRows(ZeroPointsOf(solved.coded), solved.rows, spec, shapes.zero_points);
  }
  return blocks;
}

// One long vector of codes as a tensor of ONNX's own types, signed ones around their middle.
Tensor TensorOfCodes(std::vector<std::uint8_t> codes, const BlockShapes& shapes, const Shape& shape,
                     const BlockSpec& spec) {
  if (spec.symmetric) {
    const auto sign = static_cast<std::uint8_t>(spec.bits == 4 ? 0x08 : 0x80);
    for (std::uint8_t& code : codes) code ^= sign;
  }
  Tensor tensor = PackRows(codes, 1, spec, shape);
  tensor.type = shapes.type;
  return tensor;
}

}  // namespace

BlockSpec BlockSpecOf(const LayerPlan& plan) {
  BlockSpec spec;
  spec.bits = BitsPerElement(plan.weight_type);
  spec.block = plan.block;
  spec.symmetric = plan.weight_type == DataType::kInt4 || plan.weight_type == DataType::kInt8;
  spec.positive_scales = plan.format == QuantFormat::kQdq;
  return spec;
}

CodeGrid GridOfBlocks(const BlockSpec& spec) {
  CodeGrid grid;
  grid.group = spec.block;
  grid.low = spec.symmetric && spec.bits == 8 ? 1 : 0;
  grid.high = HighestCode(spec);
  grid.of_range = [spec](double low, double high) {
    const BlockGrid chosen =
        ChooseBlockGrid(static_cast<float>(low), static_cast<float>(high), spec);
    return CodeScale{chosen.scale, static_cast<float>(chosen.zero_point)};
  };
  return grid;
}

BlockWeights CodedForMatMulNBits(const SolvedWeight& solved, const BlockSpec& spec) {
  const BlockShapes shapes = MatMulNBitsShapes(solved.rows, solved.columns, spec);
  const std::int64_t blocks = (solved.columns + spec.block - 1) / spec.block;
  const std::int64_t padded = blocks * spec.block;
  std::vector<std::uint8_t> codes(static_cast<std::size_t>(solved.rows * padded));
  const std::vector<std::uint8_t> zero_points = ZeroPointsOf(solved.coded);
  for (std::int64_t row = 0; row < solved.rows; ++row) {
    const auto to = Part(std::span(codes), row * padded, padded);
    // What lies beyond K is 0, whose code is the zero point of the last block.
    std::fill(to.begin(), to.end(), zero_points[static_cast<std::size_t>((row + 1) * blocks - 1)]);
    std::ranges::copy(Part(std::span(solved.coded.codes), row * solved.columns, solved.columns),
                      to.begin());
  }
  return WithGrids(solved, shapes, PackRows(codes, solved.rows, spec, shapes.codes), spec);
}

BlockWeights CodedForGather(const SolvedWeight& solved, const BlockSpec& spec) {
  const BlockShapes shapes = GatherShapes(solved.rows, solved.columns, spec);
  return WithGrids(solved, shapes, PackRows(solved.coded.codes, solved.rows, spec, shapes.codes),
                   spec);
}

BlockWeights CodedForDequantize(const SolvedWeight& solved, const Shape& dims, Channels outputs,
                                const BlockSpec& spec) {
  const BlockShapes shapes = DequantizeShapes(dims, outputs, spec);
  const std::int64_t blocks = (solved.columns + spec.block - 1) / spec.block;
  std::vector<std::uint8_t> codes = solved.coded.codes;
  std::vector<std::uint8_t> zero_points = ZeroPointsOf(solved.coded);
  std::vector<float> scales;
  for (const CodeScale& scale : solved.coded.scales) scales.push_back(scale.scale);
  if (outputs == Channels::kColumns) {
    codes = TurnedRows(std::span<const std::uint8_t>(codes), solved.rows, solved.columns);
    zero_points = TurnedRows(std::span<const std::uint8_t>(zero_points), solved.rows, blocks);
    scales = TurnedRows(std::span<const float>(scales), solved.rows, blocks);
  }
  BlockWeights result{TensorOfCodes(std::move(codes), shapes, shapes.codes, spec),
                      Tensor::OfFloats(shapes.scales, scales), std::nullopt};
  if (!spec.symmetric) {
    result.zero_points = TensorOfCodes(std::move(zero_points), shapes, shapes.zero_points, spec);
  }
  return result;
}

}  // namespace quantbench
