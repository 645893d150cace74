// Findings about work that nobody asked for.
#pragma once

#include <vector>

#include "quantbench/analyse.h"

namespace quantbench {

// Operators that only turn floats into codes and back; weights so small that processors compute
// with them slowly; throughput that falls at a larger batch and rises again. One sentence a variant
// or model each.
void AddOverheads(const Analysis& analysis, std::vector<Finding>* findings);

// Models whose times come from several devices, or several versions of the engine: what they say
// together is not about one machine.
void AddDevices(const Analysis& analysis, const std::vector<const Record*>& records,
                std::vector<Finding>* findings);

}  // namespace quantbench
