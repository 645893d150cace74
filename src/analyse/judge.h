// Judging: hypotheses against what was measured.
#pragma once

#include "quantbench/analyse.h"

namespace quantbench {

// The rows of `analysis` must be gathered. `frozen`: see Analyse.
HypothesisResult Judge(const Hypothesis& hypothesis, const Analysis& analysis, const Json& frozen);

// Primary hypotheses share an error rate of 5 %: one that its own interval decides, but that does
// not hold among them, becomes inconclusive [Holm 1979]. Claims on what is known without error take
// no part.
void ShareErrorRate(std::vector<HypothesisResult>* results);

}  // namespace quantbench
