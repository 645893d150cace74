// Observing: minima and maxima in lanes, so that the compiler can use vectors.
#include "calibrate/observe.h"

#include <algorithm>
#include <array>
#include <cfloat>
#include <cmath>
#include <limits>

namespace quantbench {
namespace {

constexpr std::size_t kLanes = 16;
constexpr float kLargest = std::numeric_limits<float>::max();

// What is not finite does not count for the extremes.
struct SampleRange {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  std::int64_t count = 0;
  std::int64_t nonfinite = 0;
  std::int64_t zeros = 0;
  std::int64_t denormals = 0;
};

// Parts that stay in the first cache between being ranged and being counted.
constexpr std::size_t kPart = 4096;

SampleRange AddFloats(std::span<const float> values, Histogram* histogram) {
  SampleRange range;
  range.count = static_cast<std::int64_t>(values.size());
  for (std::size_t begin = 0; begin < values.size(); begin += kPart) {
    const auto part = values.subspan(begin, std::min(kPart, values.size() - begin));
    const ValueRange seen = RangeOf(part);
    range.nonfinite += seen.nonfinite;
    range.zeros += seen.zeros;
    range.denormals += seen.denormals;
    if (seen.low > seen.high) continue;
    range.low = std::min(range.low, static_cast<double>(seen.low));
    range.high = std::max(range.high, static_cast<double>(seen.high));
  }
  if (histogram != nullptr && range.low <= range.high) {
    histogram->AddUpTo(static_cast<float>(std::max(-range.low, range.high)), values);
  }
  return range;
}

// Of a type other than float32: extremes exact, counts of the nearest float32, no denormals.
SampleRange AddDoubles(std::span<const double> values, Histogram* histogram) {
  std::vector<float> rounded;
  rounded.reserve(values.size());
  SampleRange range;
  range.count = static_cast<std::int64_t>(values.size());
  for (const double value : values) {
    rounded.push_back(static_cast<float>(std::clamp<double>(value, -kLargest, kLargest)));
    if (!std::isfinite(value)) {
      ++range.nonfinite;
      rounded.pop_back();
      continue;
    }
    if (value == 0) ++range.zeros;
    range.low = std::min(range.low, value);
    range.high = std::max(range.high, value);
  }
  if (histogram != nullptr) histogram->Add(rounded);
  return range;
}

void AddSample(const SampleRange& range, std::string_view sample, TensorStatistics* seen) {
  ++seen->samples;
  seen->count += range.count;
  seen->nonfinite += range.nonfinite;
  seen->zeros += range.zeros;
  seen->denormals += range.denormals;
  if (range.nonfinite > 0 && seen->nonfinite_in.empty()) seen->nonfinite_in = sample;
  if (range.low > range.high) return;
  const bool is_first = seen->finite_samples++ == 0;
  seen->min = is_first ? range.low : std::min(seen->min, range.low);
  seen->max = is_first ? range.high : std::max(seen->max, range.high);
  seen->low.Add(static_cast<float>(std::clamp<double>(range.low, -kLargest, kLargest)));
  seen->high.Add(static_cast<float>(std::clamp<double>(range.high, -kLargest, kLargest)));
}

}  // namespace

ValueRange RangeOf(std::span<const float> values) {
  std::array<float, kLanes> low;
  std::array<float, kLanes> high;
  std::array<std::int32_t, kLanes> odd;
  std::array<std::int32_t, kLanes> zeros;
  std::array<std::int32_t, kLanes> tiny;  // zeros and denormals
  low.fill(kLargest);
  high.fill(-kLargest);
  odd.fill(0);
  zeros.fill(0);
  tiny.fill(0);
  const auto step = [&](std::size_t lane, float value) {
    const float magnitude = std::abs(value);
    const bool is_finite = magnitude <= kLargest;  // false for NaN and infinities
    const float for_low = is_finite ? value : kLargest;
    const float for_high = is_finite ? value : -kLargest;
    low[lane] = for_low < low[lane] ? for_low : low[lane];
    high[lane] = for_high > high[lane] ? for_high : high[lane];
    odd[lane] += is_finite ? 0 : 1;
    zeros[lane] += value == 0 ? 1 : 0;
    tiny[lane] += magnitude < FLT_MIN ? 1 : 0;
  };
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) step(lane, values[i + lane]);
  }
  for (; i < values.size(); ++i) step(0, values[i]);
  ValueRange range{kLargest, -kLargest, 0, 0, 0};
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    range.low = std::min(range.low, low[lane]);
    range.high = std::max(range.high, high[lane]);
    range.nonfinite += odd[lane];
    range.zeros += zeros[lane];
    range.denormals += tiny[lane] - zeros[lane];
  }
  return range;
}

Status Observe(const TensorView& value, std::string_view sample, bool histogram,
               TensorStatistics* seen) {
  if (seen->type == DataType::kUndefined) {
    seen->type = value.type;
    seen->shape.assign(value.shape.begin(), value.shape.end());
  }
  Histogram* counts = histogram ? &seen->histogram : nullptr;
  if (value.type == DataType::kFloat32) {
    AddSample(AddFloats(value.As<float>(), counts), sample, seen);
    return Ok();
  }
  QB_TRY(Tensor tensor, Tensor::Make(value.type, {value.shape.begin(), value.shape.end()}));
  std::copy_n(value.bytes.begin(), std::min(value.bytes.size(), tensor.bytes.size()),
              tensor.bytes.begin());
  QB_TRY(const std::vector<double> values, ToDoubles(tensor));
  AddSample(AddDoubles(values, counts), sample, seen);
  return Ok();
}

}  // namespace quantbench
