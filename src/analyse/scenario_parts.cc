// What gathering scenarios shares.
#include "analyse/scenario_parts.h"

#include <algorithm>
#include <cmath>

namespace quantbench {

Interval Inverse(const Interval& ratio) {
  return {1 / ratio.estimate, 1 / ratio.high, 1 / ratio.low};
}

ScenarioArm HeadOf(const Json& arm) {
  ScenarioArm row;
  row.arm = arm["arm"].AsString();
  const auto outcome = ParseOutcome(arm["outcome"].AsString());
  row.outcome = outcome.ok() ? outcome.value() : Outcome::kFailed;
  row.reason = arm["reason"].AsString();
  return row;
}

void Unreadable(ScenarioArm* row) {
  row->outcome = Outcome::kFailed;
  row->reason = "the record holds no samples that this version can read: measure again";
}

const Json& ArmNamed(const Record& record, std::string_view name) {
  static const Json none;
  for (const Json& arm : record.results["arms"].AsArray()) {
    if (arm["arm"].AsString() == name) return arm;
  }
  return none;
}

Interval AsWideAsControl(const Interval& ratio, const Interval& control) {
  const double reach = std::max({1.0, control.high, 1 / control.low});
  if (!std::isfinite(reach)) return ratio;
  return {ratio.estimate, std::min(ratio.low, ratio.estimate / reach),
          std::max(ratio.high, ratio.estimate * reach)};
}

}  // namespace quantbench
