// Deciding: from evidence and an expectation to a verdict at one place.
#pragma once

#include <span>
#include <string>

#include "analyse/evidence.h"
#include "analyse/wording.h"

namespace quantbench {

// Supported where the whole interval is inside the region, refuted where no part of it is, else
// inconclusive with what it would take. Fills judgement, value, explanation (a sentence with the
// value and its interval) and p of `verdict`.
// `resolution`: the smallest relative difference that the device shows [CellResult]; NaN: not
// known.
void DecideRegion(const Expectation& expect, const Evidence& evidence, double resolution,
                  const Wording& words, Verdict* verdict);

// One step along something: how the metric changes from one place or arm to the next.
struct ClaimStep {
  Evidence change;       // over the value before when is_ratio, else the difference
  std::string where;     // "from batch 1 to 2"
  double before = kNaN;  // the metric's value on both sides; NaN: not known
  double after = kNaN;
};
// Supported where every step goes that way, each by its own interval: no correction is needed where
// all must [Berger 1982]. Refuted where one goes the other way beyond an interval widened for the
// number of steps [Bonferroni]. The step that speaks least for the claim is the verdict's value.
void DecideDirection(Claim claim, std::span<const ClaimStep> steps, const Wording& words,
                     Verdict* verdict);

}  // namespace quantbench
