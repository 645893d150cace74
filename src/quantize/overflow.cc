// Overflow: pairs of neighbours, one by one, and the smallest scale that makes each safe.
#include "quantize/overflow.h"

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <limits>
#include <mutex>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "quantbench/base/format.h"
#include "quantbench/base/parallel.h"
#include "quantbench/graph.h"
#include "quantbench/quantize.h"

#include "quantize/kernels.h"

namespace quantbench {
namespace {

constexpr std::int64_t kProverChunk = 1 << 18;

// kernels::reference::Quantize without its call of nearbyint: adding 1.5 * 2^23 leaves no digits
// behind the point, halves rounded to even.
int Code(float value, float scale) {
  constexpr float kRounder = 0x1.8p23F;
  const float steps = std::clamp(value / scale, -127.0F, 127.0F);
  return static_cast<int>((steps + kRounder) - kRounder);
}

bool Saturates(int first, int second, std::int32_t highest_code) {
  const int most = highest_code * (std::max(first, 0) + std::max(second, 0));
  const int least = highest_code * (std::min(first, 0) + std::min(second, 0));
  return most > std::numeric_limits<std::int16_t>::max() ||
         least < std::numeric_limits<std::int16_t>::min();
}

// Pairs of weights for one highest activation code.
class PairRule {
 public:
  explicit PairRule(std::int32_t highest_code) : highest_code_(highest_code) {
    // Codes that add up to no more than this are safe; rounding two of them adds at most 1.
    const std::int32_t safe_sum =
        std::numeric_limits<std::int16_t>::max() / std::max(1, highest_code);
    safe_steps_ = static_cast<float>(safe_sum) - 1.001F;
  }

  // Pairs whose sum is no larger are safe with that scale. (Neighbours of different signs never
  // saturate, so their sum may as well be looked at.)
  [[nodiscard]] float SafeSum(float scale) const { return scale * safe_steps_; }
  // The smallest scale from `scale` on with which the pair is safe. Larger scales give codes that
  // are no larger: what is safe stays safe.
  [[nodiscard]] float SafeScale(float first, float second, float scale) const {
    return IsUnsafe(first, second, scale) ? Search(first, second, scale) : scale;
  }

 private:
  [[nodiscard]] bool IsUnsafe(float first, float second, float scale) const {
    return Saturates(Code(first, scale), Code(second, scale), highest_code_);
  }
  // Bisection over the floats between an unsafe and a safe scale, which order like their bits.
  [[nodiscard]] float Search(float first, float second, float scale) const {
    const double enough = (std::abs(double{first}) + std::abs(double{second})) / safe_steps_;
    auto unsafe = std::bit_cast<std::uint32_t>(scale);
    auto safe = std::bit_cast<std::uint32_t>(static_cast<float>(enough)) + 1;
    while (safe - unsafe > 1) {
      const std::uint32_t middle = unsafe + (safe - unsafe) / 2;
      (IsUnsafe(first, second, std::bit_cast<float>(middle)) ? unsafe : safe) = middle;
    }
    return std::bit_cast<float>(safe);
  }

  std::int32_t highest_code_;
  float safe_steps_ = 0;
};

// The numbers of a layout. Outputs lie on the first axis, but for kColumns on the second.
struct PairMatrix {
  PairOrder order = PairOrder::kRows;
  std::int64_t outputs = 0;
  std::int64_t inputs = 0;    // weights of one output
  std::int64_t channels = 1;  // kConv: of one tap
  bool safe_kernel = false;   // depthwise

  [[nodiscard]] std::int64_t taps() const { return inputs / channels; }
  // Where the weight at a place of the kernel's order lies.
  [[nodiscard]] std::int64_t At(std::int64_t output, std::int64_t place) const {
    if (order == PairOrder::kColumns) return place * outputs + output;
    if (order == PairOrder::kRows) return output * inputs + place;
    return output * inputs + place % channels * taps() + place / channels;
  }
};

Result<PairMatrix> MatrixOf(std::span<const std::int64_t> dims, const PairLayout& layout) {
  const bool is_conv = layout.order == PairOrder::kConv;
  QB_TRY(const std::int64_t elements, ElementCount(dims));
  if ((is_conv ? dims.size() < 3 : dims.size() != 2) || elements == 0) {
    return Error(ErrorCode::kUnsupported,
                 Format("weights of shape {} are not those of a {}", ToString(dims),
                        is_conv ? "convolution" : "product"));
  }
  PairMatrix matrix;
  matrix.order = layout.order;
  matrix.outputs = dims[layout.order == PairOrder::kColumns ? 1 : 0];
  matrix.inputs = elements / matrix.outputs;
  if (is_conv) {
    matrix.channels = dims[1];
    matrix.safe_kernel = dims[1] == 1 && dims[0] == layout.group;
  }
  return matrix;
}

// The weights of one output of a convolution: all channels of a tap, then those of the next.
void TurnTaps(const PairMatrix& matrix, std::span<const float> weights,
              std::vector<float>* turned) {
  const auto taps = static_cast<std::size_t>(matrix.taps());
  turned->clear();
  for (std::size_t tap = 0; tap < taps; ++tap) {
    for (std::size_t i = tap; i < weights.size(); i += taps) turned->push_back(weights[i]);
  }
}

// Outputs that lie one behind the other.
void WidenRows(const PairMatrix& matrix, const PairRule& rule, std::span<const float> values,
               std::span<float> scales) {
  std::vector<float> turned;
  for (std::size_t row = 0; row < scales.size(); ++row) {
    const auto inputs = static_cast<std::size_t>(matrix.inputs);
    std::span<const float> weights = values.subspan(row * inputs, inputs);
    if (matrix.channels > 1 && matrix.taps() > 1) {
      TurnTaps(matrix, weights, &turned);
      weights = turned;
    }
    float scale = scales[row];
    for (std::size_t i = 0;; i += 2) {
      i = kernels::FindWidePair(weights, rule.SafeSum(scale), i);
      if (i >= inputs) break;
      scale = rule.SafeScale(weights[i], weights[i + 1], scale);
    }
    scales[row] = scale;
  }
}

// Some rows of [K, N], an even place the first of them.
void WidenColumns(const PairMatrix& matrix, const PairRule& rule, std::span<const float> values,
                  std::span<float> scales) {
  const auto columns = static_cast<std::size_t>(matrix.outputs);
  std::vector<float> limits;
  for (const float scale : scales) limits.push_back(rule.SafeSum(scale));
  for (std::size_t row = 0; row + 2 * columns <= values.size(); row += 2 * columns) {
    const auto first = values.subspan(row, columns);
    const auto second = values.subspan(row + columns, columns);
    for (std::size_t j = 0;; ++j) {
      j = kernels::FindWideSum(first, second, limits, j);
      if (j >= columns) break;
      scales[j] = rule.SafeScale(first[j], second[j], scales[j]);
      limits[j] = rule.SafeSum(scales[j]);
    }
  }
}

// Safe scales of every output, from those given on.
void Widen(const PairMatrix& matrix, const PairRule& rule, const FloatValues& weights, int threads,
           std::vector<float>* scales) {
  if (matrix.order != PairOrder::kColumns) {
    const std::int64_t grain = std::max<std::int64_t>(1, kProverChunk / matrix.inputs);
    ParallelFor(matrix.outputs, grain, threads, [&](std::int64_t begin, std::int64_t end) {
      weights.Read(begin * matrix.inputs, end * matrix.inputs, [&](std::span<const float> values) {
        WidenRows(matrix, rule, values,
                  std::span(*scales).subspan(static_cast<std::size_t>(begin),
                                             static_cast<std::size_t>(end - begin)));
      });
    });
    return;
  }
  std::mutex mutex;
  const std::int64_t grain = std::max<std::int64_t>(1, kProverChunk / matrix.outputs / 2) * 2;
  ParallelFor(matrix.inputs, grain, threads, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> widened;
    {
      // Whatever others have found by now: the largest of all is the same in the end.
      const std::lock_guard lock(mutex);
      widened = *scales;
    }
    weights.Read(begin * matrix.outputs, end * matrix.outputs, [&](std::span<const float> values) {
      WidenColumns(matrix, rule, values, widened);
    });
    const std::lock_guard lock(mutex);
    for (std::size_t j = 0; j < widened.size(); ++j) {
      (*scales)[j] = std::max((*scales)[j], widened[j]);
    }
  });
}

Error NotFloats(const Initializer& weights) {
  return {ErrorCode::kUnsupported,
          Format("\"{}\" is {}, not float32", Printable(weights.name), Name(weights.type))};
}

}  // namespace

Result<OverflowReport> SafeScales(const Initializer& weights, const PairLayout& layout,
                                  std::span<const float> scales, std::int32_t highest_code,
                                  int threads) {
  if (weights.type != DataType::kFloat32) return NotFloats(weights);
  QB_TRY(const FloatValues values, FloatValues::Of(weights));
  return SafeScales(weights, values, layout, scales, highest_code, threads);
}

Result<OverflowReport> SafeScales(const Initializer& weights, const FloatValues& values,
                                  const PairLayout& layout, std::span<const float> scales,
                                  std::int32_t highest_code, int threads) {
  QB_TRY(const PairMatrix matrix, MatrixOf(weights.dims, layout));
  const auto outputs = static_cast<std::size_t>(matrix.outputs);
  if (scales.size() != 1 && scales.size() != outputs) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("{} scales for {} outputs of \"{}\"", scales.size(), outputs,
                        Printable(weights.name)));
  }
  OverflowReport report;
  report.scales.assign(scales.begin(), scales.end());
  if (matrix.safe_kernel) return report;
  std::vector<float> safe = report.scales;
  safe.resize(outputs, scales[0]);  // one for all: each output on its own first
  Widen(matrix, PairRule(highest_code), values, threads, &safe);
  for (std::size_t i = 0; i < outputs; ++i) {
    const std::size_t place = scales.size() == 1 ? 0 : i;
    if (safe[i] > scales[place]) ++report.unsafe_outputs;
    report.scales[place] = std::max(report.scales[place], safe[i]);
    report.largest_factor = std::max(report.largest_factor, safe[i] / scales[place]);
  }
  return report;
}

Result<std::int64_t> CountUnsafeOutputs(const Tensor& codes, const PairLayout& layout,
                                        std::int32_t highest_code) {
  if (codes.type != DataType::kInt8) {
    return Error(ErrorCode::kUnsupported, Format("codes are {}, not int8", Name(codes.type)));
  }
  QB_TRY(const PairMatrix matrix, MatrixOf(codes.shape, layout));
  std::int64_t count = 0;
  if (matrix.safe_kernel) return count;
  const auto values = codes.As<std::int8_t>();
  for (std::int64_t output = 0; output < matrix.outputs; ++output) {
    bool unsafe = false;
    for (std::int64_t place = 0; place + 1 < matrix.inputs && !unsafe; place += 2) {
      unsafe =
          Saturates(values[static_cast<std::size_t>(matrix.At(output, place))],
                    values[static_cast<std::size_t>(matrix.At(output, place + 1))], highest_code);
    }
    if (unsafe) ++count;
  }
  return count;
}

Result<std::int64_t> ReplaceUnsafePairs(const Tensor& safe, const PairLayout& layout,
                                        std::int32_t highest_code, Tensor* codes) {
  QB_CHECK(
      safe.type == DataType::kInt8 && codes->type == DataType::kInt8 && safe.shape == codes->shape,
      "two tensors of int8 codes of one shape");
  QB_TRY(const PairMatrix matrix, MatrixOf(codes->shape, layout));
  std::int64_t count = 0;
  if (matrix.safe_kernel) return count;
  const auto values = codes->As<std::int8_t>();
  const auto others = safe.As<std::int8_t>();
  for (std::int64_t output = 0; output < matrix.outputs; ++output) {
    for (std::int64_t place = 0; place + 1 < matrix.inputs; place += 2) {
      const auto first = static_cast<std::size_t>(matrix.At(output, place));
      const auto second = static_cast<std::size_t>(matrix.At(output, place + 1));
      if (!Saturates(values[first], values[second], highest_code)) continue;
      values[first] = others[first];
      values[second] = others[second];
      ++count;
    }
  }
  return count;
}

bool HostSaturatesPairs() {
#if defined(__x86_64__)
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return true;
  const bool has_avx512_vnni = (ecx >> 11U & 1U) != 0;
  if (has_avx512_vnni || eax == 0) return !has_avx512_vnni;
  __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx);
  const bool has_avx_vnni = (eax >> 4U & 1U) != 0;
  return !has_avx_vnni;
#else
  return false;
#endif
}

}  // namespace quantbench
