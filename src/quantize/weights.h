// Weights: read, checked and quantized tensor by tensor, in parallel, leaving no pages behind.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "quantbench/graph.h"
#include "quantbench/model.h"
#include "quantbench/quantize.h"
#include "quantbench/tensor.h"

namespace quantbench {

// The smallest initializer that counts as weights: smaller ones are constants of a formula.
inline constexpr std::int64_t kMinWeightElements = 16;

[[nodiscard]] bool IsFloatWeights(const Initializer& initializer);

// kMalformed, naming the initializer: it holds `value`, a NaN or an infinity.
[[nodiscard]] Error NotFinite(const Initializer& initializer, float value);

// How the scales of a matrix lie.
enum class Channels : std::uint8_t {
  kNone,     // one scale
  kRows,     // one per index of the first axis
  kColumns,  // one per index of the second axis of two
};

// The largest magnitude of every channel. kMalformed, naming the initializer, when there are NaN or
// infinities.
[[nodiscard]] Result<std::vector<float>> ChannelMaxima(const Initializer& initializer,
                                                       Channels channels, int threads);
// The same of numbers that are open already, those of `initializer`.
[[nodiscard]] Result<std::vector<float>> ChannelMaxima(const Initializer& initializer,
                                                       const FloatValues& weights,
                                                       Channels channels, int threads);
// The symmetric scale of each, codes in [-127, 127].
[[nodiscard]] std::vector<float> SymmetricScales(std::span<const float> maxima);

struct CodeLayout {
  Channels channels = Channels::kNone;
  bool transpose = false;  // write [N, K] as [K, N]
  bool negate = false;     // the weights times -1
  bool offset = false;     // uint8 codes around 128
};
// Codes of shape `initializer.dims` (swapped when transposed), int8 or, with an offset, uint8.
// There is one scale per channel; they were chosen for these weights.
[[nodiscard]] Result<Tensor> QuantizeWeights(const Initializer& initializer,
                                             std::span<const float> scales,
                                             const CodeLayout& layout, int threads);

// The same when they are asked for. Captures the initializer and the scales whole.
[[nodiscard]] TensorMaker LaterQuantized(const Initializer& initializer, std::vector<float> scales,
                                         const CodeLayout& layout, int threads);
// The shape of such codes.
[[nodiscard]] Shape CodeShape(const Initializer& initializer, const CodeLayout& layout);

// What float16 would make of weights.
struct HalfSurvey {
  float largest = 0;       // magnitude; NaN when there is one
  std::int64_t small = 0;  // numbers below float16's normal range that are not 0
};
[[nodiscard]] Result<HalfSurvey> SurveyForHalf(const Initializer& initializer);

// float16 of every number. They must be within float16's range.
[[nodiscard]] Result<Tensor> HalfWeights(const Initializer& initializer, int threads);
// bfloat16 of every number. Magnitudes above 0x1.FEp127 may become infinity: look at
// SurveyForHalf's `largest` first.
[[nodiscard]] Result<Tensor> BfloatWeights(const Initializer& initializer, int threads);
// Every number divided by `scale` (> 0) as kFloat8E4M3FN or kFloat8E5M2, saturating; NaN stays.
// [ONNX QuantizeLinear-19]
[[nodiscard]] Result<Tensor> Float8Weights(const Initializer& initializer, DataType type,
                                           float scale, int threads);

}  // namespace quantbench
