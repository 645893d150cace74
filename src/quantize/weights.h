// Weights: read, checked and quantized tensor by tensor, in parallel, leaving no pages behind.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "quantbench/model.h"
#include "quantbench/quantize.h"
#include "quantbench/tensor.h"

namespace quantbench {

// The smallest initializer that counts as weights: smaller ones are constants of a formula.
inline constexpr std::int64_t kMinWeightElements = 16;

[[nodiscard]] bool IsFloatWeights(const Initializer& initializer);
[[nodiscard]] std::int64_t Elements(const Initializer& initializer);  // 0 for an impossible shape

// Numbers of a float32 initializer, row-major, wherever they are stored. Gives mapped pages back
// when it goes, so that a model larger than memory can be walked through.
class FloatValues {
 public:
  // kMalformed when they do not fit the shape; kInternal for another element type.
  [[nodiscard]] static Result<FloatValues> Of(const Model& model, const Initializer& initializer);
  FloatValues(FloatValues&& other) noexcept = default;
  FloatValues& operator=(FloatValues&&) = delete;
  FloatValues(const FloatValues&) = delete;
  FloatValues& operator=(const FloatValues&) = delete;
  ~FloatValues();

  [[nodiscard]] std::span<const float> values() const { return values_; }

 private:
  FloatValues() = default;
  Bytes bytes_;
  std::vector<float> aligned_;  // a copy, where the file has them at an odd address
  std::span<const float> values_;
  std::vector<std::pair<std::shared_ptr<const MappedFile>, std::span<const std::byte>>> mapped_;
};

// How the scales of a matrix lie.
enum class Channels : std::uint8_t {
  kNone,     // one scale
  kRows,     // one per index of the first axis
  kColumns,  // one per index of the second axis of two
};

// NaN when there is one among the values.
[[nodiscard]] float LargestMagnitude(std::span<const float> values);

// The largest magnitude of every channel. kMalformed, naming the initializer, when there are NaN or
// infinities.
[[nodiscard]] Result<std::vector<float>> ChannelMaxima(const Model& model,
                                                       const Initializer& initializer,
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
[[nodiscard]] Result<Tensor> QuantizeWeights(const Model& model, const Initializer& initializer,
                                             std::span<const float> scales,
                                             const CodeLayout& layout, int threads);

// float16 of every number. They must be within float16's range.
[[nodiscard]] Result<Tensor> HalfWeights(const Model& model, const Initializer& initializer,
                                         int threads);

}  // namespace quantbench
