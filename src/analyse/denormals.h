// Findings about numbers below the smallest normal one: many processors leave their fast path for
// them.
#pragma once

#include <vector>

#include "quantbench/analyse.h"

namespace quantbench {

// Among weights, among the values that flow through a model while it is calibrated, and among
// outputs while a variant is compared with it. One sentence a variant or model each; outputs only
// where nothing was told of what flows through the model.
void AddDenormals(const Analysis& analysis, std::vector<Finding>* findings);

}  // namespace quantbench
