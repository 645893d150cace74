// Measuring one cell: fresh workers, each with all arms of the model, until the intervals are
// narrow.
#include <algorithm>
#include <cmath>

#include "quantbench/base/clock.h"
#include "quantbench/base/format.h"
#include "quantbench/base/random.h"
#include "quantbench/run.h"

#include "run/bench_parts.h"
#include "run/cell_journal.h"
#include "run/protocol.h"

namespace quantbench {
namespace {

constexpr std::uint64_t kMostPadding = 4096;

// The cell's processes, one after the other.
class CellRun {
 public:
  CellRun(const BenchOptions& options, const WorkerOptions& worker, Progress& progress)
      : options_(options),
        worker_(worker),
        progress_(progress),
        plan_(options.latency),
        control_(options.control),
        padding_(options.latency.seed),
        journal_(options.journal, options.device) {}

  CaseOutcome Run() {
    CaseOutcome outcome = Measure();
    journal_.Remove();
    return outcome;
  }

 private:
  CaseOutcome Measure() {
    TakeJournal();
    NextStep next = NextProcess(plan_, options_.cell, done_);
    while (!next.stop) {
      const std::int64_t start = SystemClock().NowNs();
      const WorkerResult result = RunWorker(Request(next.rounds), worker_, progress_);
      if (result.outcome != Outcome::kOk) {
        if (StartsAgainWithoutControl(result)) continue;
        if (done_.size() < 2) return {result.outcome, result.reason, result.code, {}};
        next.reason = Format("a later process {}: {}", Name(result.outcome), result.reason);
        break;
      }
      const std::int64_t total_ns = SystemClock().NowNs() - start;
      if (auto taken = Take(result, total_ns); !taken.ok()) {
        return {Outcome::kFailed, taken.error().message(), taken.error().code(), {}};
      }
      journal_.Append(Json::MakeObject()
                          .Set("reply", result.reply)
                          .Set("total_ns", total_ns)
                          .Set("peak_bytes", result.peak_bytes)
                          .Set("control", control_));
      next = NextProcess(plan_, options_.cell, done_);
      const std::string within =
          std::isfinite(next.half_width) ? Format(", within {:.2g} %", next.half_width * 100) : "";
      progress_.Update(Format("{}: {} processes{}", options_.cell.Describe(), done_.size(), within),
                       0, 0);
    }
    CaseOutcome outcome;
    outcome.results = std::move(last_);
    outcome.results.Set("arms", std::move(arms_))
        .Set("conditions", std::move(conditions_))
        .Set("widening", WideningOf(plan_))
        .Set("stopped", next.reason)
        .Set("peak_bytes", peak_);
    return outcome;
  }

  // Goes on after the processes of an interrupted call.
  void TakeJournal() {
    for (const Json& entry : journal_.Read()) {
      WorkerResult result;
      result.outcome = Outcome::kOk;
      result.reply = entry["reply"];
      result.peak_bytes = static_cast<std::uint64_t>(entry["peak_bytes"].AsInt());
      if (!Take(result, entry["total_ns"].AsInt()).ok()) return;
      control_ = entry["control"].AsBool();
      (void)padding_.Below(kMostPadding);  // as if it had been started here
      journal_.Append(entry);
    }
    if (!done_.empty()) {
      progress_.Note(Format("{}: {} processes were measured before the interruption",
                            options_.cell.Describe(), done_.size()));
    }
  }

  // Memory may suffice for the arms but not for one copy more.
  bool StartsAgainWithoutControl(const WorkerResult& result) {
    if (result.outcome != Outcome::kOutOfMemory || !control_ || !done_.empty()) return false;
    control_ = false;
    progress_.Note("out of memory: once more without a second copy of the original");
    return true;
  }

  Json Request(int rounds) {
    LatencyPlan plan = plan_;
    plan.rounds = rounds;
    // Every arm has its k runs even where only the least number of processes is made.
    const int least = std::clamp(plan_.processes, 1, kLeastProcesses);
    plan.repetitions = (plan_.repetitions + least - 1) / least;
    plan.seed += static_cast<std::uint64_t>(done_.size());
    worker_.padding = padding_.Below(kMostPadding);
    return MeasuringRequest("bench", options_, control_).Set("plan", plan.ToJson());
  }

  Status Take(const WorkerResult& result, std::int64_t total_ns) {
    MeasuredProcess process;
    for (const Json& arm : result.reply["arms"].AsArray()) {
      if (!arm.Has("samples")) continue;
      QB_TRY(LatencySamples samples, LatencySamples::FromJson(arm["samples"]));
      process.arms.push_back(std::move(samples));
    }
    process.rounds_ns = result.reply["rounds_ns"].AsInt();
    process.total_ns = total_ns;
    if (!done_.empty() && done_.front().arms.size() != process.arms.size()) {
      return Error(ErrorCode::kEngine, "an arm that ran in one process failed in another");
    }
    done_.push_back(std::move(process));
    MergeArms(result.reply, &arms_);
    conditions_.Append(result.reply["conditions"]);
    peak_ = std::max(peak_, result.peak_bytes);
    last_.Set("input", result.reply["input"])
        .Set("notes", result.reply["notes"])
        .Set("engine_options", result.reply["engine_options"]);
    return Ok();
  }

  const BenchOptions& options_;
  WorkerOptions worker_;
  Progress& progress_;
  LatencyPlan plan_;
  bool control_;
  Random padding_;
  CellJournal journal_;
  std::vector<MeasuredProcess> done_;
  Json::Array arms_;
  Json conditions_ = Json::Array{};
  Json last_;
  std::uint64_t peak_ = 0;
};

}  // namespace

CaseOutcome BenchCell(const BenchOptions& options, const WorkerOptions& worker,
                      Progress& progress) {
  if (auto impossible = Impossible(options, worker, progress)) return *std::move(impossible);
  const auto rewritten = RewrittenNote(options);
  if (rewritten) progress.Note(*rewritten);
  CaseOutcome outcome = CellRun(options, worker, progress).Run();
  if (outcome.outcome == Outcome::kOk) outcome.results.Set("work", CountArms(options));
  if (rewritten && outcome.outcome == Outcome::kOk) {
    Json notes = outcome.results["notes"];
    outcome.results.Set("notes", std::move(notes.Append(*rewritten)));
  }
  if (options.memory && outcome.outcome == Outcome::kOk) {
    outcome.results.Set("memory", MeasureMemory(options, worker, progress));
  }
  return outcome;
}

}  // namespace quantbench
