// What measuring a cell and measuring a scenario share, the parent's side.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "quantbench/base/json.h"
#include "quantbench/run.h"

namespace quantbench {

[[nodiscard]] std::vector<std::filesystem::path> PathsOf(const BenchOptions& options);
// The wanted arms, and with `control` the original once more under the control's name.
Json ArmList(const BenchOptions& options, bool control);
// The request of a worker that measures all arms together; the caller adds its plan.
Json MeasuringRequest(std::string_view op, const BenchOptions& options, bool control);

// Folds one process's reply into the record's arms: {"arm", "outcome", "reason", "processes"}.
void MergeArms(const Json& reply, Json::Array* arms);

// What becomes of a cell that cannot be measured: skipped when the model has not what the sweep
// varies, or fixes its batch and cannot be rewritten.
std::optional<CaseOutcome> Impossible(const BenchOptions& options, const WorkerOptions& worker,
                                      Progress& progress);
// "batch 4: rewritten from a fixed batch of 1; same answers" where the cell needs that.
std::optional<std::string> RewrittenNote(const BenchOptions& options);

}  // namespace quantbench
