// What stands where nothing is known.
#pragma once

#include <limits>

#include "quantbench/analyse.h"

namespace quantbench {

inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
inline constexpr Interval kUnknown = {kNaN, kNaN, kNaN};

}  // namespace quantbench
