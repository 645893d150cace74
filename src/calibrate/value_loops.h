// The loops over all values of a tensor, with the widest vectors that the processor has. The same
// bits with lanes of any width.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "quantbench/calibrate.h"

namespace quantbench {

// Smallest and largest finite value, and how many were not finite, zero, or so small that they are
// denormal. Empty: low > high.
struct ValueRange {
  float low;
  float high;
  std::int64_t nonfinite;
  std::int64_t zeros;
  std::int64_t denormals;

  // The largest finite magnitude, 0 where there is none.
  [[nodiscard]] float largest() const;
};
[[nodiscard]] ValueRange RangeOf(std::span<const float> values);

// Places of values in a table: the bins of the positive ones, those of the negative ones, and then
// some for zeros, NaN and infinities, which are no bin's. Several, so that a run of zeros does not
// wait for one count.
inline constexpr std::int32_t kNegativePlace = Histogram::kBins;
inline constexpr std::int32_t kNoBinPlace = 2 * Histogram::kBins;
inline constexpr std::int32_t kNoBinPlaces = 8;
inline constexpr std::size_t kPlaces = std::size_t{kNoBinPlace} + kNoBinPlaces;

// places[i] of values[i], in bins of width 1 / scale. `scale` is a power of two with which all
// finite magnitudes are below kBins; `places` is as long as `values`.
void FindPlaces(std::span<const float> values, float scale, std::span<std::int32_t> places);

}  // namespace quantbench
