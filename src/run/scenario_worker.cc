// Measuring scenarios, the worker's side.
#include <algorithm>

#include "quantbench/base/clock.h"
#include "quantbench/run.h"

#include "run/model_inputs.h"
#include "run/protocol.h"
#include "run/rebatch.h"
#include "run/worker_arms.h"

namespace quantbench {
namespace {

constexpr std::int64_t kTryNs = 150'000'000;  // of one batch, at least three passes
constexpr int kLeastPasses = 3;
constexpr double kGainThatPays = 0.03;

// Samples a second of an arm at one batch.
Result<double> ThroughputAt(Session& session, const CellInput& input) {
  QB_OK(BindFirst(session, input));
  QB_OK(session.Run());  // the first after binding allocates
  const std::int64_t start = SystemClock().NowNs();
  std::int64_t now = start;
  std::int64_t passes = 0;
  for (; passes < kLeastPasses || now - start < kTryNs; ++passes) {
    QB_OK(session.Run());
    now = SystemClock().NowNs();
  }
  const auto samples = static_cast<double>(passes * input.batch);
  return samples / (static_cast<double>(std::max<std::int64_t>(1, now - start)) * 1e-9);
}

// Tries one batch after the other until larger ones gain nothing twice (where `all` is false), or
// no more can be bound.
Result<Json> TryBatches(Engine& engine, const std::filesystem::path& path, const Json& request,
                        const EngineEntries& entries, Progress& progress) {
  QB_TRY(Cell cell, Cell::FromJson(request["cell"]));
  QB_TRY(const InputSource source, InputSourceFromJson(request["input"]));
  std::vector<std::filesystem::path> originals;
  for (const Json& each : request["arms"].AsArray())
    originals.emplace_back(each["path"].AsString());
  const auto inputs = ReadInputs(path, source);  // not known: of the originals, below
  const bool fixed =
      inputs.ok() && FixedBatch(inputs.value()) > 0;  // then every batch is a model of its own
  LoadedArm arm;
  const bool all = request["all"].AsBool();
  Json tried = Json::Array{};
  double best = 0;
  int unpaid = 0;
  for (const Json& batch : request["batches"].AsArray()) {
    cell.batch = batch.AsInt();
    QB_TRY(const CellInput input, OpenCell(originals, cell, source, engine));
    if (arm.session == nullptr || fixed) {
      QB_TRY(arm, LoadArm(engine, path, static_cast<int>(cell.threads), entries, cell.batch));
    }
    const auto throughput = ThroughputAt(*arm.session, input);
    if (!throughput.ok() && tried.AsArray().empty()) return throughput.error();
    if (!throughput.ok()) break;
    tried.Append(
        Json::MakeObject().Set("batch", cell.batch).Set("samples_per_s", throughput.value()));
    progress.Update("trying batches", cell.batch, 0);
    unpaid = throughput.value() < best * (1 + kGainThatPays) ? unpaid + 1 : 0;
    best = std::max(best, throughput.value());
    if (unpaid == 2 && !all) break;
  }
  return tried;
}

}  // namespace

Result<Json> TryBatchesInWorker(const Json& request, Engine& engine, Progress& progress) {
  const Json::Array& wanted = request["arms"].AsArray();
  std::vector<std::filesystem::path> paths;
  for (const Json& arm : wanted) paths.emplace_back(arm["path"].AsString());
  QB_TRY(const EngineEntries entries, EntriesOf(paths));
  QB_OK(StartEngines(engine, paths));
  Json arms = Json::Array{};
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const std::string id = wanted[i]["arm"].AsString();
    auto tried = TryBatches(engine, paths[i], request, entries, progress);
    if (!tried.ok() && i == 0) return tried.error();
    arms.Append(tried.ok() ? Json::MakeObject()
                                 .Set("arm", id)
                                 .Set("outcome", "ok")
                                 .Set("tried", std::move(tried).value())
                           : ArmFailure(id, Outcome::kFailed, tried.error().message()));
  }
  return Json::MakeObject().Set("arms", std::move(arms));
}

Result<Json> ServerInWorker(const Json& request, Engine& engine, Progress& progress) {
  QB_TRY(const ServerPlan plan, ServerPlan::FromJson(request["plan"]));
  QB_TRY(const WorkerArms open, WorkerArms::Open(request, plan.seed, engine));
  QB_TRY(std::vector<ServerSamples> measured,
         MeasureServer(open.passes, plan, SystemClock(), SystemWait, progress));
  std::vector<Json> samples;
  for (const WorkerArm& arm : open.arms) {
    if (!arm.failure.empty()) continue;
    measured[samples.size()].load_ns = arm.loaded.load_ns;
    samples.push_back(measured[samples.size()].ToJson());
  }
  return open.Reply(std::move(samples));
}

Result<Json> SustainedInWorker(const Json& request, Engine& engine, Progress& progress) {
  QB_TRY(const SustainedPlan plan, SustainedPlan::FromJson(request["plan"]));
  QB_TRY(const WorkerArms open, WorkerArms::Open(request, plan.seed, engine));
  QB_TRY(const SustainedSamples measured,
         MeasureSustained(open.passes, plan, SystemClock(), SystemSensors(), progress));
  std::vector<Json> samples;
  for (const std::vector<SustainedLap>& laps : measured.arms) samples.push_back(ToJson(laps));
  Json conditions = Json::Array{};
  for (const auto& [at_ns, moment] : measured.conditions) {
    conditions.Append(moment.ToJson().Set("at_ns", at_ns));
  }
  return open.Reply(std::move(samples)).Set("conditions", std::move(conditions));
}

}  // namespace quantbench
