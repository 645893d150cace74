// Observing: what one tensor's values add to its statistics.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "quantbench/calibrate.h"
#include "quantbench/engine.h"

namespace quantbench {

// Smallest and largest finite value, and how many were not finite, zero, or so small that they are
// denormal. Empty: low > high.
struct ValueRange {
  float low;
  float high;
  std::int64_t nonfinite;
  std::int64_t zeros;
  std::int64_t denormals;
};
[[nodiscard]] ValueRange RangeOf(std::span<const float> values);

}  // namespace quantbench
