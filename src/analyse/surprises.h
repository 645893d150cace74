// Findings about what surprises users of quantized models: a gain that is not where it was
// expected.
#pragma once

#include <vector>

#include "quantbench/analyse.h"

namespace quantbench {

// Most multiplications left in floats; faster by less than smaller; a gain that falls with batch,
// length or threads; more memory though the file is smaller; a slow first run; few classes that
// lose; wall and CPU time that disagree. One sentence a variant or model each.
void AddSurprises(const Analysis& analysis, std::vector<Finding>* findings);

}  // namespace quantbench
