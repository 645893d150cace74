// Shapes of weights in blocks.
#include "quantize/block_weights.h"

namespace quantbench {
namespace {

std::int64_t BlocksOf(std::int64_t inputs, const BlockSpec& spec) {
  return (inputs + spec.block - 1) / spec.block;
}

Shape PackedZeroPoints(std::int64_t outputs, std::int64_t blocks, const BlockSpec& spec) {
  if (spec.symmetric) return {};
  return {outputs, (blocks * spec.bits + 7) / 8};
}

}  // namespace

BlockShapes MatMulNBitsShapes(std::int64_t outputs, std::int64_t inputs, const BlockSpec& spec) {
  const std::int64_t blocks = BlocksOf(inputs, spec);
  return {DataType::kUint8,
          {outputs, blocks, spec.block * spec.bits / 8},
          {outputs, blocks},
          PackedZeroPoints(outputs, blocks, spec)};
}

BlockShapes GatherShapes(std::int64_t rows, std::int64_t columns, const BlockSpec& spec) {
  const std::int64_t blocks = BlocksOf(columns, spec);
  return {DataType::kUint8,
          {rows, columns * spec.bits / 8},
          {rows, blocks},
          PackedZeroPoints(rows, blocks, spec)};
}

BlockShapes DequantizeShapes(const Shape& dims, Channels outputs, const BlockSpec& spec) {
  const bool is_nibble = spec.bits == 4;
  BlockShapes shapes;
  if (spec.symmetric) {
    shapes.type = is_nibble ? DataType::kInt4 : DataType::kInt8;
  } else {
    shapes.type = is_nibble ? DataType::kUint4 : DataType::kUint8;
  }
  shapes.codes = dims;
  shapes.scales = dims;
  const std::size_t axis = outputs == Channels::kRows ? 1 : 0;
  shapes.scales[axis] = BlocksOf(dims[axis], spec);
  if (!spec.symmetric) shapes.zero_points = shapes.scales;
  return shapes;
}

}  // namespace quantbench
