// Judging: hypotheses against what was measured.
#pragma once

#include "quantbench/analyse.h"

namespace quantbench {

// The rows of `analysis` must be gathered. `frozen`: see Analyse.
HypothesisResult Judge(const Hypothesis& hypothesis, const Analysis& analysis, const Json& frozen);

}  // namespace quantbench
