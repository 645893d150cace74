// Block-wise weights from codes that steps chose: the same layouts as block_weights.h, nothing
// rounded again.
#pragma once

#include "quantbench/quantize.h"

#include "quantize/block_weights.h"

namespace quantbench {

// What the plan of a layer in blocks says.
[[nodiscard]] BlockSpec BlockSpecOf(const LayerPlan& plan);
// The codes and scales that it allows.
[[nodiscard]] CodeGrid GridOfBlocks(const BlockSpec& spec);

// `solved` as GridOfBlocks(spec) allows, zero points whole.
[[nodiscard]] BlockWeights CodedForMatMulNBits(const SolvedWeight& solved, const BlockSpec& spec);
// 4 bits: an even number of columns.
[[nodiscard]] BlockWeights CodedForGather(const SolvedWeight& solved, const BlockSpec& spec);
// `dims`: of the initializer, `outputs`: where its outputs lie.
[[nodiscard]] BlockWeights CodedForDequantize(const SolvedWeight& solved, const Shape& dims,
                                              Channels outputs, const BlockSpec& spec);

}  // namespace quantbench
