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

// Numbers of a float32 initializer, row-major, wherever and at whatever address they are stored.
// Read in stretches, whose mapped pages are given back: a model larger than memory can be walked
// through.
class FloatValues {
 public:
  // kMalformed when they do not fit the shape; kInternal for another element type.
  [[nodiscard]] static Result<FloatValues> Of(const Model& model, const Initializer& initializer);
  FloatValues(FloatValues&& other) noexcept = default;
  FloatValues& operator=(FloatValues&&) = delete;
  FloatValues(const FloatValues&) = delete;
  FloatValues& operator=(const FloatValues&) = delete;
  ~FloatValues();

  [[nodiscard]] std::int64_t size() const;
  // The values [begin, end), as they are handed to `use`; then their pages go.
  template <typename Use>
  void Read(std::int64_t begin, std::int64_t end, const Use& use) const {
    std::vector<float> copy;
    use(View(begin, end, &copy));
    Release(begin, end);
  }
  // A copy of all.
  [[nodiscard]] std::vector<float> All() const;

 private:
  FloatValues() = default;
  // A view, or a copy where the file has them at an odd address.
  [[nodiscard]] std::span<const float> View(std::int64_t begin, std::int64_t end,
                                            std::vector<float>* copy) const;
  void Release(std::int64_t begin, std::int64_t end) const;
  Bytes bytes_;
  std::shared_ptr<const MappedFile> file_;  // where bytes_ or their origin lie; may be null
  std::span<const std::byte> origin_;
};

// How the scales of a matrix lie.
enum class Channels : std::uint8_t {
  kNone,     // one scale
  kRows,     // one per index of the first axis
  kColumns,  // one per index of the second axis of two
};

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

// What float16 would make of weights.
struct HalfSurvey {
  float largest = 0;       // magnitude; NaN when there is one
  std::int64_t small = 0;  // numbers below float16's normal range that are not 0
};
[[nodiscard]] Result<HalfSurvey> SurveyForHalf(const Model& model, const Initializer& initializer);

// float16 of every number. They must be within float16's range.
[[nodiscard]] Result<Tensor> HalfWeights(const Model& model, const Initializer& initializer,
                                         int threads);

}  // namespace quantbench
