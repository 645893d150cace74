// Measuring the cells of a sweep.
#include "quantbench/run.h"

#include "run/sweep_order.h"

namespace quantbench {

void BenchSweep(const Study& study, BenchOptions options, const WorkerOptions& worker,
                Progress& progress,
                const std::function<bool(const Case& work, CaseOutcome outcome)>& done) {
  std::vector<Case> cases = Expand(study);
  std::erase_if(cases, [](const Case& work) { return work.kind != CaseKind::kMeasure; });
  OrderMeasurements(&cases, options.latency.seed);
  MemoryForecast forecast;
  for (const Case& work : cases) {
    options.cell = work.cell;
    progress.Update(work.cell.Describe(), 0, 0);
    CaseOutcome outcome;
    if (auto reason = forecast.WhyNot(work.cell, FreeMemory(worker.memory_bytes))) {
      outcome = {Outcome::kSkipped, *std::move(reason), ErrorCode::kEngine, {}};
    } else {
      outcome = BenchCell(options, worker, progress);
    }
    if (outcome.outcome == Outcome::kOk) {
      forecast.Learn(work.cell, static_cast<std::uint64_t>(outcome.results["peak_bytes"].AsInt()));
    }
    if (!done(work, std::move(outcome))) return;
  }
}

}  // namespace quantbench
