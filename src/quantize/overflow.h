// Overflow: whether u8 x s8 products can saturate on x64 processors without VNNI, and scales with
// which they cannot.
//
// There the engine multiplies four codes of K at a time with VPMADDUBSW, which adds the products of
// two neighbours in 16 bits and saturates: 255 * 127 + 255 * 127 = 64770 becomes 32767. Everything
// after that is exact. So an output is safe when no two neighbours (2i, 2i + 1) of its weights, in
// the order in which the kernel walks along K, can leave [-32768, 32767].
// [ONNX Runtime mlas: QgemmU8X8KernelAvx2, QgemvU8S8KernelAvx2, ConvSymKernelAvx2]
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "quantbench/graph.h"
#include "quantbench/model.h"
#include "quantbench/tensor.h"

namespace quantbench {

// Where the weights of one output lie, in the order of the engine's kernels. An odd last one is
// paired with 0.
enum class PairOrder : std::uint8_t {
  kRows,     // [N, K], Gemm with transB: along a row
  kColumns,  // [K, N], MatMul and Gemm: along a column
  kConv,  // [M, C / group, k1, k2, ...]: all channels of a tap, then those of the next. QLinearConv
          // has no other order: it turns NCHW activations to NHWC itself, in any number of
          // dimensions.
};

struct PairLayout {
  PairOrder order = PairOrder::kRows;
  // Of a convolution. Depthwise ones (group outputs of one channel each) have a kernel of their own
  // that adds in 32 bits: they are safe.
  std::int64_t group = 1;
};

struct OverflowReport {
  std::vector<float> scales;        // as many as were given, none smaller
  std::int64_t unsafe_outputs = 0;  // with the scales that were given
  float largest_factor = 1;         // by which a scale grew; at most about 2
};

// The smallest scales, none below the given ones, with which int8 codes made of the weights
// (QuantizeWeights, [-127, 127]) are safe for activation codes [0, highest_code]. A scale for each
// output, or one for all. (That activations may have a lowest code above 0 changes nothing: only
// neighbours of the same sign can saturate, and those at the highest codes.) Scales that grow
// further stay safe. `weights` are finite (ChannelMaxima), scales positive and finite, highest_code
// is 0 to 255. kUnsupported when the shape does not fit the layout; kInvalidArgument when the
// number of scales does not. Same result at any number of threads.
[[nodiscard]] Result<OverflowReport> SafeScales(const Initializer& weights,
                                                const PairLayout& layout,
                                                std::span<const float> scales,
                                                std::int32_t highest_code, int threads);

// The same of numbers that are open already, those of `weights`.
[[nodiscard]] Result<OverflowReport> SafeScales(const Initializer& weights,
                                                const FloatValues& values, const PairLayout& layout,
                                                std::span<const float> scales,
                                                std::int32_t highest_code, int threads);

// How many outputs of int8 codes can saturate for activation codes [0, highest_code]: exact.
// kUnsupported for other types and shapes.
[[nodiscard]] Result<std::int64_t> CountUnsafeOutputs(const Tensor& codes, const PairLayout& layout,
                                                      std::int32_t highest_code);

// Pairs of int8 codes that can saturate for activation codes [0, highest_code] become those of
// `safe`, which has the same shape and none that can. How many pairs there were. Errors as above.
[[nodiscard]] Result<std::int64_t> ReplaceUnsafePairs(const Tensor& safe, const PairLayout& layout,
                                                      std::int32_t highest_code, Tensor* codes);

}  // namespace quantbench
