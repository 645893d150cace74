// Observing: what one tensor's values add to its statistics.
#include <algorithm>
#include <cmath>
#include <limits>

#include "quantbench/base/parallel.h"

#include "calibrate/value_counter.h"

namespace quantbench {
namespace {

constexpr float kLargest = std::numeric_limits<float>::max();

// What is not finite does not count for the extremes.
struct SampleRange {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  std::int64_t count = 0;
  std::int64_t nonfinite = 0;
  std::int64_t zeros = 0;
  std::int64_t denormals = 0;

  void Add(const ValueRange& seen, std::size_t values) {
    count += static_cast<std::int64_t>(values);
    nonfinite += seen.nonfinite;
    zeros += seen.zeros;
    denormals += seen.denormals;
    if (seen.low > seen.high) return;
    low = std::min(low, static_cast<double>(seen.low));
    high = std::max(high, static_cast<double>(seen.high));
  }
  void Merge(const SampleRange& other) {
    count += other.count;
    nonfinite += other.nonfinite;
    zeros += other.zeros;
    denormals += other.denormals;
    low = std::min(low, other.low);
    high = std::max(high, other.high);
  }
};

// Below so many values a second thread does not pay.
constexpr std::int64_t kValuesPerThread = 1 << 16;

SampleRange AddStretch(std::span<const float> values, Histogram* histogram) {
  SampleRange range;
  ValueCounter counter(histogram, histogram != nullptr ? values.size() : 0);
  for (std::size_t begin = 0; begin < values.size(); begin += kCachedValues) {
    const auto part = values.subspan(begin, std::min(kCachedValues, values.size() - begin));
    const ValueRange seen = RangeOf(part);
    range.Add(seen, part.size());
    if (histogram != nullptr) counter.Add(seen.largest(), part);
  }
  if (histogram != nullptr) counter.Finish();
  return range;
}

// Stretches for one thread each; all that is merged is exact, so that any split gives the same.
SampleRange AddFloats(std::span<const float> values, Histogram* histogram, int threads) {
  const auto count = static_cast<std::int64_t>(values.size());
  if (threads == 1 || count < 2 * kValuesPerThread) return AddStretch(values, histogram);
  const std::int64_t most = threads > 0 ? threads : UsableCores();
  const std::int64_t grain = std::max(kValuesPerThread, (count + most - 1) / most);
  struct Stretch {
    SampleRange range;
    Histogram histogram;
  };
  std::vector<Stretch> stretches(static_cast<std::size_t>((count + grain - 1) / grain));
  for (Stretch& stretch : stretches) {
    if (histogram != nullptr) stretch.histogram.exponent = histogram->exponent;
  }
  ParallelFor(count, grain, threads, [&](std::int64_t begin, std::int64_t end) {
    Stretch& stretch = stretches[static_cast<std::size_t>(begin / grain)];
    const auto part =
        values.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
    stretch.range = AddStretch(part, histogram != nullptr ? &stretch.histogram : nullptr);
  });
  SampleRange range;
  for (const Stretch& stretch : stretches) {
    range.Merge(stretch.range);
    if (histogram != nullptr) histogram->Merge(stretch.histogram);
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

Status Observe(const TensorView& value, std::string_view sample, bool histogram,
               TensorStatistics* seen, int threads) {
  if (seen->type == DataType::kUndefined) {
    seen->type = value.type;
    seen->shape.assign(value.shape.begin(), value.shape.end());
  }
  Histogram* counts = histogram ? &seen->histogram : nullptr;
  if (value.type == DataType::kFloat32) {
    AddSample(AddFloats(value.As<float>(), counts, threads), sample, seen);
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
