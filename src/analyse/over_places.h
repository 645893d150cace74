// From verdicts at places to that of a hypothesis.
#pragma once

#include "quantbench/analyse.h"

namespace quantbench {

// Fills judgement, explanation and p from result->verdicts. The explanation names the place that
// speaks most clearly, with its value, and tells the values of others.
void SummariseVerdicts(HypothesisResult* result);

}  // namespace quantbench
