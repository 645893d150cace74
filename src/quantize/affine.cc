// Scale and zero point of a range.
#include <algorithm>
#include <cfloat>
#include <cmath>

#include "quantbench/quantize.h"

namespace quantbench {
namespace {

// A scale below the smallest normal float would lose digits or vanish: such a range counts as
// empty.
bool IsUsable(double scale) {
  return std::isfinite(scale) && scale >= FLT_MIN && scale <= FLT_MAX;
}

// The float nearest to a positive double that does not exceed the largest float.
float ToScale(double scale) {
  return static_cast<float>(std::min(scale, double{FLT_MAX}));
}

}  // namespace

std::optional<CodeRange> CodesOf(DataType type) {
  switch (type) {
    case DataType::kUint8: return CodeRange{0, 255};
    case DataType::kInt8: return CodeRange{-128, 127};
    case DataType::kUint16: return CodeRange{0, 65535};
    case DataType::kInt16: return CodeRange{-32768, 32767};
    default: return std::nullopt;
  }
}

QuantParams ChooseAsymmetric(double low, double high, CodeRange codes) {
  low = std::min(low, 0.0);
  high = std::max(high, 0.0);
  const double steps = codes.high - codes.low;
  // Each end is divided first: high - low may be beyond the largest double.
  const double scale = high / steps - low / steps;
  QuantParams params;
  if (!IsUsable(scale)) {
    params.zero_point = std::clamp(0, codes.low, codes.high);
    if (scale > FLT_MAX) params.scale = FLT_MAX;
    return params;
  }
  params.scale = ToScale(scale);
  const double zero_point = std::nearbyint(codes.low - low / scale);
  params.zero_point = static_cast<std::int32_t>(
      std::clamp(zero_point, static_cast<double>(codes.low), static_cast<double>(codes.high)));
  return params;
}

QuantParams ChooseSymmetric(double low, double high, CodeRange codes) {
  const double magnitude = std::max(std::abs(std::min(low, 0.0)), std::max(high, 0.0));
  const double scale = magnitude / (0.5 * (codes.high - codes.low));
  QuantParams params;
  params.zero_point = codes.low < 0 ? 0 : (codes.low + codes.high + 1) / 2;
  if (IsUsable(scale)) {
    params.scale = ToScale(scale);
  } else if (scale > FLT_MAX) {
    params.scale = FLT_MAX;
  }
  return params;
}

}  // namespace quantbench
