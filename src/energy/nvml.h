// NVML, opened with dlopen: the energy counters of NVIDIA GPUs.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "quantbench/base/status.h"

namespace quantbench {

// Empty where the library is absent, does not start, or knows no GPU.
std::vector<std::string> NvmlGpus();
// kUnavailable where the GPU does not count (before Volta, and integrated ones).
Result<double> NvmlJoules(std::size_t index);

}  // namespace quantbench
