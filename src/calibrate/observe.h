// Observing: what one tensor's values add to its statistics.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "quantbench/calibrate.h"
#include "quantbench/engine.h"

namespace quantbench {

// Smallest and largest finite value, and how many were not finite. Empty: low > high.
struct ValueRange {
  float low;
  float high;
  std::int64_t nonfinite;
  std::int64_t zeros;
};
[[nodiscard]] ValueRange RangeOf(std::span<const float> values);

}  // namespace quantbench
