// Findings about the measuring itself: what failed, what was disturbed.
#pragma once

#include <vector>

#include "quantbench/analyse.h"

namespace quantbench {

// Cases and arms that did not succeed; those of a model with the same reason in one sentence.
void AddFailures(const Analysis& analysis, const std::vector<const Record*>& records,
                 std::vector<Finding>* findings);

// One sentence a model for time that other processes took, one for times that vary.
void AddDisturbances(const Analysis& analysis, const std::vector<const Record*>& records,
                     std::vector<Finding>* findings);

}  // namespace quantbench
