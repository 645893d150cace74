// Measuring scenarios, the parent's side.
#include <algorithm>

#include "quantbench/base/format.h"
#include "quantbench/base/random.h"
#include "quantbench/run.h"

#include "run/arms.h"
#include "run/bench_parts.h"
#include "run/energy_scenario.h"
#include "run/protocol.h"
#include "run/rebatch.h"

namespace quantbench {
namespace {

constexpr std::int64_t kMostBatch = 256;  // of those tried when none are named
constexpr double kAsGood = 0.02;          // of the best throughput: then the smaller batch is taken
constexpr std::int64_t kServerPatience = 6;  // a server's worker lives longer than one of a cell
constexpr std::uint64_t kMostPaddingBytes = 4096;

CaseOutcome Failed(const WorkerResult& result) {
  return {result.outcome, result.reason, result.code, {}};
}

// The batches to try that the models can take: one that they fix only, where they cannot be
// rewritten.
Result<std::vector<std::int64_t>> BatchesFor(const ScenarioOptions& options,
                                             const WorkerOptions& worker, Progress& progress) {
  std::vector<std::int64_t> batches = options.plan.batch;
  for (std::int64_t batch = 1; options.plan.batch.empty() && batch <= kMostBatch; batch *= 2) {
    batches.push_back(batch);
  }
  QB_TRY(const std::vector<InputSpec> inputs,
         ReadInputs(PathsOf(options.bench), options.bench.input));
  const std::int64_t largest = *std::max_element(batches.begin(), batches.end());
  const auto rewritten = VerifyRebatched(options.bench, largest, worker, progress);
  if (rewritten.ok()) return batches;
  const std::int64_t fixed = FixedBatch(inputs);
  const bool may = options.plan.batch.empty() || std::ranges::count(batches, fixed) > 0;
  if (fixed == 0 || !may) return rewritten.error();
  progress.Note(rewritten.error().message());
  return std::vector{fixed};
}

// The smallest batch that gets as many samples through as the best, or nearly.
std::int64_t BestBatch(const Json::Array& tried) {
  double best = 0;
  for (const Json& one : tried) best = std::max(best, one["samples_per_s"].AsDouble());
  std::int64_t batch = 0;
  for (const Json& one : tried) {
    if (one["samples_per_s"].AsDouble() < best * (1 - kAsGood)) continue;
    if (batch == 0 || one["batch"].AsInt() < batch) batch = one["batch"].AsInt();
  }
  return std::max<std::int64_t>(1, batch);
}

CaseOutcome MeasureOffline(const ScenarioOptions& options, const WorkerOptions& worker,
                           Progress& progress) {
  auto batches = BatchesFor(options, worker, progress);
  if (!batches.ok()) {
    return {Outcome::kSkipped, batches.error().message(), batches.error().code(), {}};
  }
  const WorkerResult trial = RunWorker(MeasuringRequest("try-batches", options.bench, false)
                                           .Set("batches", Json::List(batches.value()))
                                           .Set("all", !options.plan.batch.empty()),
                                       worker, progress);
  if (trial.outcome != Outcome::kOk) return Failed(trial);
  BenchOptions bench = options.bench;
  bench.arms.clear();
  std::vector<Json> failed;
  const Json::Array& tried = trial.reply["arms"].AsArray();
  for (std::size_t i = 0; i < tried.size(); ++i) {
    Arm arm = options.bench.arms[i];
    if (!tried[i].Has("tried")) {
      failed.push_back(tried[i]);
      continue;
    }
    arm.batch = BestBatch(tried[i]["tried"].AsArray());
    bench.arms.push_back(std::move(arm));
  }
  bench.cell.batch = bench.arms.front().batch;
  CaseOutcome outcome = BenchCell(bench, worker, progress);
  if (outcome.outcome != Outcome::kOk) return outcome;
  Json arms = outcome.results["arms"];
  for (Json& arm : failed) arms.Append(std::move(arm));
  Json chosen = Json::MakeObject();
  for (const Arm& arm : bench.arms) chosen.Set(arm.id, arm.batch);
  outcome.results.Set("arms", std::move(arms))
      .Set("batches", std::move(chosen))
      .Set("tried", trial.reply["arms"]);
  return outcome;
}

CaseOutcome MeasureServed(const ScenarioOptions& options, WorkerOptions worker,
                          Progress& progress) {
  if (auto impossible = Impossible(options.bench, worker, progress)) return *std::move(impossible);
  ServerPlan plan;
  plan.target_ns = static_cast<std::int64_t>(options.plan.p99_ms * 1e6);
  plan.queries = options.plan.queries;
  plan.allowed_late = MostLate(plan.queries, 99);
  worker.timeout_s *= kServerPatience;
  Random padding(options.bench.latency.seed);
  Json::Array arms;
  Json last;
  for (std::int64_t process = 0; process < options.plan.processes; ++process) {
    plan.seed = options.bench.latency.seed + static_cast<std::uint64_t>(process);
    worker.padding = padding.Below(kMostPaddingBytes);
    progress.Update("server, process", process + 1, options.plan.processes);
    const WorkerResult result = RunWorker(
        MeasuringRequest("server", options.bench, options.bench.control).Set("plan", plan.ToJson()),
        worker, progress);
    if (result.outcome != Outcome::kOk) return Failed(result);
    MergeArms(result.reply, &arms);
    last = result.reply;
  }
  Json results = Json::MakeObject()
                     .Set("arms", std::move(arms))
                     .Set("plan", plan.ToJson())
                     .Set("input", last["input"])
                     .Set("notes", last["notes"])
                     .Set("engine_options", last["engine_options"]);
  return {Outcome::kOk, "", ErrorCode::kEngine, std::move(results)};
}

CaseOutcome MeasureLong(const ScenarioOptions& options, WorkerOptions worker, Progress& progress) {
  if (auto impossible = Impossible(options.bench, worker, progress)) return *std::move(impossible);
  SustainedPlan plan;
  plan.duration_ns = static_cast<std::int64_t>(options.plan.duration_s * 1e9);
  plan.seed = options.bench.latency.seed;
  worker.timeout_s += static_cast<std::int64_t>(options.plan.duration_s);
  const WorkerResult result =
      RunWorker(MeasuringRequest("sustained", options.bench, options.bench.control)
                    .Set("plan", plan.ToJson()),
                worker, progress);
  if (result.outcome != Outcome::kOk) return Failed(result);
  Json::Array arms;
  MergeArms(result.reply, &arms);
  Json results = Json::MakeObject()
                     .Set("arms", std::move(arms))
                     .Set("plan", plan.ToJson())
                     .Set("conditions", result.reply["conditions"])
                     .Set("input", result.reply["input"])
                     .Set("notes", result.reply["notes"])
                     .Set("engine_options", result.reply["engine_options"]);
  return {Outcome::kOk, "", ErrorCode::kEngine, std::move(results)};
}

}  // namespace

CaseOutcome MeasureScenario(const ScenarioOptions& options, const WorkerOptions& worker,
                            Progress& progress) {
  switch (options.bench.cell.scenario) {
    case Scenario::kOffline: return MeasureOffline(options, worker, progress);
    case Scenario::kServer: return MeasureServed(options, worker, progress);
    case Scenario::kSustained: return MeasureLong(options, worker, progress);
    case Scenario::kEnergy: return MeasureJoules(options, worker, progress);
    case Scenario::kEndToEnd:
      if (!options.bench.input.data) {
        return {Outcome::kFailed,
                "the way from file to answer needs a data set",
                ErrorCode::kInvalidArgument,
                {}};
      }
      break;
    case Scenario::kSingleStream: break;
  }
  return BenchCell(options.bench, worker, progress);
}

}  // namespace quantbench
