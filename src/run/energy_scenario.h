// The energy scenario, the parent's side.
#pragma once

#include "quantbench/run.h"

namespace quantbench {

CaseOutcome MeasureJoules(const ScenarioOptions& options, WorkerOptions worker, Progress& progress);

}  // namespace quantbench
