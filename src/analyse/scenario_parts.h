// What gathering scenarios shares.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

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

// What figures show point by point. Of an offline record: what its trial saw of that arm.
std::vector<BatchTried> BatchesTried(const Record& record, std::string_view arm);
// `allowed_late`: queries that a trial may have beyond the target; see MostLate.
std::vector<RateTried> RatesTried(std::span<const ServerSamples> processes,
                                  std::int64_t allowed_late);
// At most 60 stretches, of eight laps or more each where laps are equally long; the same for all
// arms that are given the same original.
std::vector<CoursePart> CourseOf(std::span<const SustainedLap> laps,
                                 std::span<const SustainedLap> original);

}  // namespace quantbench
