// Findings: what a reader should know, each from the figures, each one sentence.
#pragma once

#include <vector>

#include "quantbench/analyse.h"

namespace quantbench {

// The rows of `analysis` must be gathered; `records` hold the raw samples.
std::vector<Finding> FindFindings(const Analysis& analysis,
                                  const std::vector<const Record*>& records);

}  // namespace quantbench
