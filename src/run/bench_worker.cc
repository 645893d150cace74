// Measuring one cell, the worker's side: all arms loaded, warmed up and measured in turn.
#include <algorithm>
#include <numeric>

#include "quantbench/base/clock.h"
#include "quantbench/base/format.h"
#include "quantbench/base/random.h"
#include "quantbench/calibrate.h"
#include "quantbench/run.h"

#include "run/arms.h"
#include "run/cell_input.h"
#include "run/protocol.h"

namespace quantbench {
namespace {

// One arm inside the worker.
struct WorkerArm {
  std::string id;
  LoadedArm loaded;
  std::string failure;  // why it is not measured; empty when it is
  double slowdown = 0;  // see Arm::slowdown
};

// Loads the arms in an order of this process's own; failures stay with their arm.
std::vector<WorkerArm> LoadArms(const Json& request, Engine& engine, const Cell& cell,
                                std::uint64_t seed, const EngineEntries& entries) {
  const Json::Array& wanted = request["arms"].AsArray();
  std::vector<WorkerArm> arms(wanted.size());
  std::vector<std::size_t> order(wanted.size());
  std::iota(order.begin(), order.end(), 0U);
  Random random(seed);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.Below(i)]);
  for (const std::size_t index : order) {
    WorkerArm& arm = arms[index];
    arm.id = wanted[index]["arm"].AsString();
    arm.slowdown = wanted[index]["slowdown"].AsDouble();
    auto loaded =
        LoadArm(engine, wanted[index]["path"].AsString(), static_cast<int>(cell.threads), entries);
    if (loaded.ok()) {
      arm.loaded = std::move(loaded).value();
    } else {
      arm.failure = loaded.error().message();
    }
  }
  return arms;
}

// The forward pass alone over inputs bound beforehand, or everything from file to answer.
Pass MakePass(Session& session, const CellInput& input, bool include_data_loading) {
  if (!include_data_loading) {
    return [&session] { return session.Run(); };
  }
  return [&session, &input, next = std::int64_t{0}]() mutable -> Status {
    QB_TRY(const std::vector<NamedTensor> batch, input.Batch(next));
    next += input.batch;
    QB_OK(session.Bind(batch));
    QB_OK(session.Run());
    QB_TRY(const std::vector<NamedTensor> outputs, session.Fetch());
    return Ok();
  };
}

// `pass`, and after it as much CPU time as makes it longer by `share`. On one thread, with the
// processor to itself, the wall time of a run is longer by that share too.
Pass Stretch(Pass pass, double share) {
  return [pass = std::move(pass), share]() -> Status {
    const Clock& clock = SystemClock();
    const std::int64_t start = clock.CpuNs();
    QB_OK(pass());
    std::int64_t now = clock.CpuNs();
    const auto end = now + static_cast<std::int64_t>(share * static_cast<double>(now - start));
    while (now < end) now = clock.CpuNs();
    return Ok();
  };
}

Json Describe(const WorkerArm& arm, const LatencySamples* samples) {
  if (samples == nullptr) return ArmFailure(arm.id, Outcome::kFailed, arm.failure);
  return Json::MakeObject()
      .Set("arm", arm.id)
      .Set("outcome", "ok")
      .Set("samples", samples->ToJson());
}

}  // namespace

Result<Json> BenchInWorker(const Json& request, Engine& engine, Progress& progress) {
  QB_TRY(const Cell cell, Cell::FromJson(request["cell"]));
  QB_TRY(const LatencyPlan plan, LatencyPlan::FromJson(request["plan"]));
  QB_TRY(const InputSource source, InputSourceFromJson(request["input"]));
  const std::string original = request["arms"].AsArray().front()["path"].AsString();
  QB_TRY(const CellInput input, OpenCell(original, cell, source));
  std::vector<std::filesystem::path> paths;
  for (const Json& arm : request["arms"].AsArray()) paths.emplace_back(arm["path"].AsString());
  QB_TRY(const EngineEntries entries, EntriesOf(paths));
  QB_OK(StartEngine(engine));
  std::vector<WorkerArm> arms = LoadArms(request, engine, cell, plan.seed, entries);
  std::vector<Pass> passes;
  for (WorkerArm& arm : arms) {
    if (!arm.failure.empty()) continue;
    if (auto tried = BindFirst(*arm.loaded.session, input); !tried.ok()) {
      arm.failure = tried.error().message();
      continue;
    }
    Pass pass = MakePass(*arm.loaded.session, input, cell.include_data_loading);
    passes.push_back(arm.slowdown > 0 ? Stretch(std::move(pass), arm.slowdown) : std::move(pass));
  }
  if (!arms.front().failure.empty()) return Error(ErrorCode::kEngine, arms.front().failure);
  QB_TRY(ProcessSamples process,
         MeasureInterleaved(passes, plan, SystemClock(), SystemSensors(), progress));
  Json described = Json::Array{};
  std::size_t next = 0;
  for (const WorkerArm& arm : arms) {
    LatencySamples* measured = arm.failure.empty() ? &process.arms[next++] : nullptr;
    if (measured != nullptr) measured->load_ns = arm.loaded.load_ns;
    described.Append(Describe(arm, measured));
  }
  Json conditions = Json::Array{};
  for (const Conditions& moment : process.conditions) conditions.Append(moment.ToJson());
  Json engine_options = Json::MakeObject();
  for (const auto& [key, value] : entries) engine_options.Set(key, value);
  return Json::MakeObject()
      .Set("arms", std::move(described))
      .Set("conditions", std::move(conditions))
      .Set("rounds_ns", process.rounds_ns)
      .Set("engine_options", std::move(engine_options))
      .Set("input", input.opened.source)
      .Set("notes", Json::List(input.opened.notes));
}

}  // namespace quantbench
