// Observing: what one tensor's values add to its range.
#pragma once

#include <cstdint>
#include <span>

#include "quantbench/calibrate.h"
#include "quantbench/tensor.h"

namespace quantbench {

// Smallest and largest finite value, and how many were not finite. Empty: low > high.
struct ValueRange {
  float low;
  float high;
  std::int64_t nonfinite;
};
[[nodiscard]] ValueRange RangeOf(std::span<const float> values);

// Widens the range by the values of a floating-point tensor and counts them. Merging is exact:
// order and split of the tensors do not matter.
[[nodiscard]] Status Observe(const Tensor& tensor, TensorRange* range);

}  // namespace quantbench
