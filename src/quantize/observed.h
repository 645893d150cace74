// What calibration saw of a tensor, and whether it is enough to choose a scale.
#pragma once

#include <string>

#include "quantbench/calibrate.h"

namespace quantbench {

// Why a tensor cannot be quantized; empty: it can. kMalformed for NaN or infinities in it.
[[nodiscard]] Result<std::string> WhyNotObserved(const std::string& tensor,
                                                 const CalibrationTable& table);

}  // namespace quantbench
