// Loops over values: without branches, so that they do not mind what the values are. Magnitudes of
// floats are ordered as the integers of their bits.
#include "calibrate/value_loops.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace quantbench {
namespace {

constexpr float kLargestFloat = std::numeric_limits<float>::max();
constexpr std::int32_t kSignBit = 31;
constexpr std::int32_t kMagnitude = 0x7FFFFFFF;
constexpr std::int32_t kInfinity = 0x7F800000;
constexpr std::int32_t kLeastNormal = 0x00800000;

using FourReals = float __attribute__((vector_size(16)));
using FourWords = std::int32_t __attribute__((vector_size(16)));
using EightReals = float __attribute__((vector_size(32)));
using EightWords = std::int32_t __attribute__((vector_size(32)));

// Adds values one by one. What is not finite does not count for the extremes.
void AddToRange(std::span<const float> values, ValueRange* range) {
  for (const float value : values) {
    if (!std::isfinite(value)) {
      ++range->nonfinite;
      continue;
    }
    range->low = std::min(range->low, value);
    range->high = std::max(range->high, value);
    if (value == 0) {
      ++range->zeros;
    } else if (std::abs(value) < std::numeric_limits<float>::min()) {
      ++range->denormals;
    }
  }
}

// Adds the values of whole vectors; how many that were, or none where some are not finite.
template <typename Reals, typename Words>
__attribute__((always_inline)) inline std::size_t AddVectors(std::span<const float> values,
                                                             ValueRange* range) {
  constexpr std::size_t kLanes = sizeof(Reals) / sizeof(float);
  Reals low = Reals{} + kLargestFloat;
  Reals high = Reals{} - kLargestFloat;
  Words zeros = {};
  Words tiny = {};  // zeros and denormals
  Words largest = {};
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    Reals value;
    Words bits;
    std::memcpy(&value, values.data() + i, sizeof(value));
    std::memcpy(&bits, values.data() + i, sizeof(bits));
    const Words magnitude = bits & kMagnitude;
    low = value < low ? value : low;
    high = value > high ? value : high;
    largest = magnitude > largest ? magnitude : largest;
    zeros -= magnitude == 0;  // true is -1
    tiny -= magnitude < kLeastNormal;
  }
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    if (largest[lane] >= kInfinity) return 0;
  }
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    range->low = low[lane] < range->low ? low[lane] : range->low;
    range->high = high[lane] > range->high ? high[lane] : range->high;
    range->zeros += zeros[lane];
    range->denormals += tiny[lane] - zeros[lane];
  }
  return i;
}

// Scaling by a power of two is exact where the result is at least 1.
template <typename Reals, typename Words>
__attribute__((always_inline)) inline std::size_t PlaceVectors(std::span<const float> values,
                                                               float scale, std::int32_t* places) {
  constexpr std::size_t kLanes = sizeof(Reals) / sizeof(float);
  Words no_bin = {};
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    no_bin[lane] = kNoBinPlace + static_cast<std::int32_t>(lane) % kNoBinPlaces;
  }
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    Words bits;
    std::memcpy(&bits, values.data() + i, sizeof(bits));
    const Words magnitude = bits & kMagnitude;
    const Words is_counted = (magnitude != 0) & (magnitude < kInfinity);
    const Words counted = magnitude & is_counted;
    Reals real;
    std::memcpy(&real, &counted, sizeof(real));
    const Words bin = __builtin_convertvector(real * scale, Words);
    const Words place = bin + ((bits >> kSignBit) & kNegativePlace);
    const Words chosen = (place & is_counted) | (no_bin & ~is_counted);
    std::memcpy(places + i, &chosen, sizeof(chosen));
  }
  return i;
}

struct ValueLoops {
  std::size_t (*add)(std::span<const float> values, ValueRange* range);
  std::size_t (*place)(std::span<const float> values, float scale, std::int32_t* places);
};

std::size_t AddFours(std::span<const float> values, ValueRange* range) {
  return AddVectors<FourReals, FourWords>(values, range);
}
std::size_t PlaceFours(std::span<const float> values, float scale, std::int32_t* places) {
  return PlaceVectors<FourReals, FourWords>(values, scale, places);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) std::size_t AddEights(std::span<const float> values,
                                                      ValueRange* range) {
  return AddVectors<EightReals, EightWords>(values, range);
}
__attribute__((target("avx2"))) std::size_t PlaceEights(std::span<const float> values, float scale,
                                                        std::int32_t* places) {
  return PlaceVectors<EightReals, EightWords>(values, scale, places);
}
ValueLoops BestValueLoops() {
  if (__builtin_cpu_supports("avx2") == 0) return {AddFours, PlaceFours};
  return {AddEights, PlaceEights};
}
#else
ValueLoops BestValueLoops() {
  return {AddFours, PlaceFours};
}
#endif

const ValueLoops& Loops() {
  static const ValueLoops loops = BestValueLoops();
  return loops;
}

std::int32_t PlaceOf(float value, float scale) {
  const auto bits = std::bit_cast<std::int32_t>(value);
  const std::int32_t magnitude = bits & kMagnitude;
  if (magnitude == 0 || magnitude >= kInfinity) return kNoBinPlace;
  const auto bin = static_cast<std::int32_t>(std::abs(value) * scale);
  return value < 0 ? bin + kNegativePlace : bin;
}

}  // namespace

float ValueRange::largest() const {
  return low > high ? 0 : std::max(-low, high);
}

ValueRange RangeOf(std::span<const float> values) {
  ValueRange range{kLargestFloat, -kLargestFloat, 0, 0, 0};
  const std::size_t done = Loops().add(values, &range);
  AddToRange(values.subspan(done), &range);
  return range;
}

void FindPlaces(std::span<const float> values, float scale, std::span<std::int32_t> places) {
  std::size_t i = Loops().place(values, scale, places.data());
  for (; i < values.size(); ++i) places[i] = PlaceOf(values[i], scale);
}

}  // namespace quantbench
