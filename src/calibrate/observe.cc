// Observing: minima and maxima in lanes, so that the compiler can use vectors.
#include "calibrate/observe.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace quantbench {
namespace {

constexpr std::size_t kLanes = 16;
constexpr float kLargest = std::numeric_limits<float>::max();

void Widen(double low, double high, std::int64_t finite, std::int64_t nonfinite,
           TensorRange* range) {
  const bool is_first = range->count == range->nonfinite;
  range->count += finite + nonfinite;
  range->nonfinite += nonfinite;
  if (finite == 0) return;
  range->min = is_first ? low : std::min(range->min, low);
  range->max = is_first ? high : std::max(range->max, high);
}

void ObserveDoubles(std::span<const double> values, TensorRange* range) {
  for (const double value : values) {
    const bool is_finite = std::isfinite(value);
    Widen(value, value, is_finite ? 1 : 0, is_finite ? 0 : 1, range);
  }
}

}  // namespace

ValueRange RangeOf(std::span<const float> values) {
  std::array<float, kLanes> low;
  std::array<float, kLanes> high;
  std::array<std::int32_t, kLanes> odd;
  low.fill(kLargest);
  high.fill(-kLargest);
  odd.fill(0);
  const auto step = [&](std::size_t lane, float value) {
    const bool is_finite = std::abs(value) <= kLargest;  // false for NaN and infinities
    const float for_low = is_finite ? value : kLargest;
    const float for_high = is_finite ? value : -kLargest;
    low[lane] = for_low < low[lane] ? for_low : low[lane];
    high[lane] = for_high > high[lane] ? for_high : high[lane];
    odd[lane] += is_finite ? 0 : 1;
  };
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) step(lane, values[i + lane]);
  }
  for (; i < values.size(); ++i) step(0, values[i]);
  ValueRange range{kLargest, -kLargest, 0};
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    range.low = std::min(range.low, low[lane]);
    range.high = std::max(range.high, high[lane]);
    range.nonfinite += odd[lane];
  }
  return range;
}

Status Observe(const Tensor& tensor, TensorRange* range) {
  if (range->type == DataType::kUndefined) {
    range->type = tensor.type;
    range->shape = tensor.shape;
  }
  if (tensor.type != DataType::kFloat32) {
    QB_TRY(const std::vector<double> values, ToDoubles(tensor));
    ObserveDoubles(values, range);
    return Ok();
  }
  // Stretches short enough for the 32-bit counters of RangeOf.
  constexpr std::size_t kStretch = 1U << 24U;
  std::span<const float> values = tensor.As<float>();
  while (!values.empty()) {
    const std::span<const float> part = values.first(std::min(kStretch, values.size()));
    const ValueRange seen = RangeOf(part);
    const auto count = static_cast<std::int64_t>(part.size());
    Widen(seen.low, seen.high, count - seen.nonfinite, seen.nonfinite, range);
    values = values.subspan(part.size());
  }
  return Ok();
}

}  // namespace quantbench
