// Block-wise weights: codes of 4 or 8 bits with a scale for every stretch of `block` numbers along
// the inputs of a product, in the three layouts that ONNX and ONNX Runtime read.
#pragma once

#include <cstdint>
#include <optional>

#include "quantbench/model.h"
#include "quantbench/tensor.h"

#include "quantize/weights.h"

namespace quantbench {

struct BlockSpec {
  int bits = 4;             // 4 or 8
  std::int64_t block = 32;  // 16, 32, 64, 128 or 256: what the engine's kernels take
  bool symmetric = true;    // no zero points
  // ONNX Runtime takes negative scales, which spend the 16th code of symmetric 4-bit blocks on
  // whichever end is larger; other engines may want positive ones.
  bool positive_scales = false;
  // Ranges that leave the least squared error (block_clip.h) instead of all that there is.
  bool clip = false;

  friend bool operator==(const BlockSpec&, const BlockSpec&) = default;
};
// kInvalidArgument, naming what is wrong.
[[nodiscard]] Status CheckBlockSpec(const BlockSpec& spec);

// The scale and the zero point of a block whose values lie in [low, high]; both finite.
// real = scale * (code - zero_point), codes [0, 2^bits). No value in the range is off by more than
// half a step and 0 is exact.
struct BlockGrid {
  float scale = 1;              // finite, normal; negative only for symmetric 4 bits
  std::uint8_t zero_point = 0;  // symmetric: 2^(bits - 1)
};
// Asymmetric: the range, extended to hold 0, over all codes. Symmetric with 8 bits: codes 1 to 255.
// Symmetric with 4 bits: the larger end is exact. It becomes code 0 (-8 steps; of a negative scale
// where it is positive), and the step is 1/8 of it or as much more as it takes to keep the other
// end within half a step of code 15 (+7 steps). Where scales are to be positive, a larger positive
// end becomes code 15. An empty or denormal range gives scale 1.
[[nodiscard]] BlockGrid ChooseBlockGrid(float low, float high, const BlockSpec& spec);

struct BlockWeights {
  Tensor codes;
  Tensor scales;                      // float32
  std::optional<Tensor> zero_points;  // none when symmetric
};

// All three: the initializer is a float32 matrix with N outputs and K inputs: [N, K] for
// Channels::kRows, [K, N] for kColumns; k_blocks = ceil(K / block). Errors: kMalformed, naming the
// initializer, for NaN, infinities and numbers that do not fit the shape; kUnsupported for other
// shapes and types; those of CheckBlockSpec. Memory: the result and about 1 MB a thread (more only
// where 16 to 256 rows of [K, N] are more). Same bytes at any number of threads.

// com.microsoft MatMulNBits-1: codes uint8 [N, k_blocks, block * bits / 8], scales [N, k_blocks],
// zero points uint8 [N, ceil(k_blocks * bits / 8)], 4-bit ones two a byte, low half first. Inputs
// beyond K are 0. Without zero points the operator takes 2^(bits - 1).
[[nodiscard]] Result<BlockWeights> QuantizeForMatMulNBits(const Initializer& initializer,
                                                          Channels outputs, const BlockSpec& spec,
                                                          int threads);

// com.microsoft GatherBlockQuantized-1 (gather_axis 0, quantize_axis 1) of a table [V, K]: codes
// uint8 [V, K * bits / 8], scales and zero points as above with N = V. The operator packs rows
// without padding: where block divides K, all bytes equal those of QuantizeForMatMulNBits of the
// same table with Channels::kRows, so that tied weights can share them (by a Reshape of the codes).
// kUnsupported for odd K with 4 bits.
[[nodiscard]] Result<BlockWeights> QuantizeForGather(const Initializer& initializer,
                                                     const BlockSpec& spec, int threads);

// ONNX DequantizeLinear-21 with block_size, axis 1 for kRows and 0 for kColumns: codes in the
// initializer's own shape, int4 or int8 when symmetric, else uint4 or uint8, 4-bit ones packed over
// the whole tensor; scales, and zero points of the codes' type, with the axis shortened to
// k_blocks.
[[nodiscard]] Result<BlockWeights> QuantizeForBlockDequantize(const Initializer& initializer,
                                                              Channels outputs,
                                                              const BlockSpec& spec, int threads);

// The shapes that the three give, known beforehand. zero_points is empty when symmetric.
struct BlockShapes {
  DataType type = DataType::kUint8;  // of codes and zero points
  Shape codes;
  Shape scales;
  Shape zero_points;
};
[[nodiscard]] BlockShapes MatMulNBitsShapes(std::int64_t outputs, std::int64_t inputs,
                                            const BlockSpec& spec);
[[nodiscard]] BlockShapes GatherShapes(std::int64_t rows, std::int64_t columns,
                                       const BlockSpec& spec);
[[nodiscard]] BlockShapes DequantizeShapes(const Shape& dims, Channels outputs,
                                           const BlockSpec& spec);

// Bytes of what QuantizeForMatMulNBits makes; outputs and inputs at least 0.
[[nodiscard]] std::uint64_t BlockWeightBytes(std::int64_t outputs, std::int64_t inputs,
                                             const BlockSpec& spec);

}  // namespace quantbench
