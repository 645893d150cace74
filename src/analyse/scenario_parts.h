// What gathering scenarios shares.
#pragma once

#include <string_view>

#include "quantbench/analyse.h"

namespace quantbench {

inline constexpr Interval kItself{1, 1, 1};  // the original against itself
Interval Inverse(const Interval& ratio);
// Name and outcome of an arm of a record.
ScenarioArm HeadOf(const Json& arm);
void Unreadable(ScenarioArm* row);
// The arm of that name, or null.
const Json& ArmNamed(const Record& record, std::string_view name);
// Rates depend on wall time alone, joules on all that the machine does, and both come from few
// processes: nothing but the control tells how much a busy machine moved them. So an interval
// reaches at least as far as that of the control.
Interval AsWideAsControl(const Interval& ratio, const Interval& control);

}  // namespace quantbench
