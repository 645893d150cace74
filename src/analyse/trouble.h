// Findings about the measuring itself: what failed, what was disturbed.
#pragma once

#include <vector>

#include "quantbench/analyse.h"

namespace quantbench {

// Cases and arms that did not succeed; those of a model with the same reason in one sentence.
void AddFailures(const Analysis& analysis, const std::vector<const Record*>& records,
                 std::vector<Finding>* findings);

// One sentence a model for time that other processes took, one for times that vary.
void AddDisturbances(const Analysis& analysis, std::vector<Finding>* findings);

// Cells in which copies of the original differed, arms whose estimators do not agree.
void AddControls(const Analysis& analysis, std::vector<Finding>* findings);

// Arms whose times did not stay at one level, told once a model and pattern.
void AddPatterns(const Analysis& analysis, std::vector<Finding>* findings);

// What the machine said of itself while it measured: heat, quota, steal, swap, frequency, power;
// with what helps.
void AddConditions(const Analysis& analysis, const std::vector<const Record*>& records,
                   std::vector<Finding>* findings);

}  // namespace quantbench
