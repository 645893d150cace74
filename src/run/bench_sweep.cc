// Measuring the cells of a sweep.
#include "quantbench/run.h"

#include "run/sweep_order.h"

namespace quantbench {
namespace {

// One sweep: each cell measured, kept for what follows from it, and handed on.
class SweepRun {
 public:
  using Done = std::function<bool(const Case& work, CaseOutcome outcome)>;

  SweepRun(const Study& study, BenchOptions options, const WorkerOptions& worker,
           Progress& progress, const Done& done)
      : study_(study),
        options_(std::move(options)),
        worker_(worker),
        progress_(progress),
        done_(done) {}

  // False when the caller wants no more.
  bool Measure(const std::vector<Case>& cases) {
    for (const Case& work : cases) {
      options_.cell = work.cell;
      progress_.Update(work.cell.Describe(), 0, 0);
      CaseOutcome outcome;
      if (auto reason = forecast_.WhyNot(work.cell, FreeMemory(worker_.memory_bytes))) {
        outcome = {Outcome::kSkipped, *std::move(reason), ErrorCode::kEngine, {}};
      } else {
        outcome = BenchCell(options_, worker_, progress_);
      }
      if (outcome.outcome == Outcome::kOk) {
        forecast_.Learn(work.cell,
                        static_cast<std::uint64_t>(outcome.results["peak_bytes"].AsInt()));
      }
      if (study_.sweep.densify && study_.sweep.batch.size() > 1) Keep(work, outcome);
      if (!done_(work, std::move(outcome))) return false;
    }
    return true;
  }

  [[nodiscard]] std::vector<Case> ToAdd() const {
    return CellsToAdd(Analyse(study_, measured_, nullptr));
  }

 private:
  void Keep(const Case& work, const CaseOutcome& outcome) {
    Record record;
    record.what = work;
    record.outcome = outcome.outcome;
    record.results = outcome.results;
    measured_.push_back(std::move(record));
  }

  const Study& study_;
  BenchOptions options_;
  const WorkerOptions& worker_;
  Progress& progress_;
  const Done& done_;
  MemoryForecast forecast_;
  std::vector<Record> measured_;
};

}  // namespace

void BenchSweep(const Study& study, BenchOptions options, const WorkerOptions& worker,
                Progress& progress,
                const std::function<bool(const Case& work, CaseOutcome outcome)>& done) {
  std::vector<Case> cases = Expand(study);
  std::erase_if(cases, [](const Case& work) { return work.kind != CaseKind::kMeasure; });
  OrderMeasurements(&cases, options.latency.seed);
  SweepRun run(study, std::move(options), worker, progress, done);
  if (run.Measure(cases)) run.Measure(run.ToAdd());
}

}  // namespace quantbench
