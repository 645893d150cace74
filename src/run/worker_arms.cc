// The arms of a measuring worker: loaded, bound and ready to run.
#include "run/worker_arms.h"

#include <algorithm>
#include <numeric>

#include "quantbench/base/clock.h"
#include "quantbench/base/random.h"

namespace quantbench {
namespace {

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
    const std::int64_t own = wanted[index]["batch"].AsInt();
    arm.batch = own > 0 ? own : cell.batch;
    auto loaded = LoadArm(engine, wanted[index]["path"].AsString(), static_cast<int>(cell.threads),
                          entries, arm.batch);
    if (loaded.ok()) {
      arm.loaded = std::move(loaded).value();
    } else {
      arm.failure = loaded.error().message();
    }
  }
  return arms;
}

// The forward pass alone over inputs bound beforehand, or everything from file to answer.
Pass MakePass(WorkerArm* arm, const CellInput& input, const Cell& cell) {
  Session& session = *arm->loaded.session;
  if (cell.scenario == Scenario::kEndToEnd) {
    arm->parts = std::make_unique<std::vector<PassParts>>();
    return MakeEndToEndPass(session, input, SystemClock(), arm->parts.get());
  }
  if (!cell.include_data_loading) {
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

}  // namespace

Result<WorkerArms> WorkerArms::Open(const Json& request, std::uint64_t seed, Engine& engine) {
  WorkerArms open;
  QB_TRY(open.cell, Cell::FromJson(request["cell"]));
  QB_TRY(const InputSource source, InputSourceFromJson(request["input"]));
  const Json::Array& wanted = request["arms"].AsArray();
  if (wanted.empty()) return Error(ErrorCode::kInvalidArgument, "measuring needs an arm");
  std::vector<std::filesystem::path> paths;
  for (const Json& arm : wanted) paths.emplace_back(arm["path"].AsString());
  for (const Json& arm : wanted) {
    Cell cell = open.cell;
    if (arm["batch"].AsInt() > 0) cell.batch = arm["batch"].AsInt();
    if (open.inputs.contains(cell.batch)) continue;
    QB_TRY(CellInput input, OpenCell(paths, cell, source, engine));
    open.inputs.emplace(cell.batch, std::move(input));
  }
  QB_TRY(open.entries, EntriesOf(paths));
  QB_OK(StartEngines(engine, paths));
  open.arms = LoadArms(request, engine, open.cell, seed, open.entries);
  for (WorkerArm& arm : open.arms) {
    if (!arm.failure.empty()) continue;
    const CellInput& input = open.inputs.at(arm.batch);
    if (auto tried = BindFirst(*arm.loaded.session, input); !tried.ok()) {
      arm.failure = tried.error().message();
      continue;
    }
    Pass pass = MakePass(&arm, input, open.cell);
    open.passes.push_back(arm.slowdown > 0 ? Stretch(std::move(pass), arm.slowdown)
                                           : std::move(pass));
  }
  const std::string& failure = open.arms.front().failure;
  if (!failure.empty()) return Error(ErrorCode::kEngine, failure);
  return open;
}

Json WorkerArms::Reply(std::vector<Json> samples) const {
  Json described = Json::Array{};
  std::size_t next = 0;
  for (const WorkerArm& arm : arms) {
    if (!arm.failure.empty()) {
      described.Append(ArmFailure(arm.id, Outcome::kFailed, arm.failure));
      continue;
    }
    described.Append(Json::MakeObject()
                         .Set("arm", arm.id)
                         .Set("outcome", "ok")
                         .Set("samples", std::move(samples[next++])));
  }
  Json engine_options = Json::MakeObject();
  for (const auto& [key, value] : entries) engine_options.Set(key, value);
  return Json::MakeObject()
      .Set("arms", std::move(described))
      .Set("engine_options", std::move(engine_options))
      .Set("input", input().opened.source)
      .Set("notes", Json::List(input().opened.notes));
}

}  // namespace quantbench
