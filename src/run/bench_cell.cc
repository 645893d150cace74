// Measuring one cell: fresh workers, each with all arms of the model, interleaved.
#include <algorithm>
#include <numeric>
#include <optional>

#include "quantbench/base/clock.h"
#include "quantbench/base/format.h"
#include "quantbench/base/random.h"
#include "quantbench/calibrate.h"
#include "quantbench/run.h"

#include "run/arms.h"
#include "run/protocol.h"

namespace quantbench {
namespace {

// One arm inside the worker.
struct WorkerArm {
  std::string id;
  LoadedArm loaded;
  std::string failure;  // why it is not measured; empty when it is
};

// The data, the resolved shape of the inputs and the batch to feed.
struct CellInput {
  std::vector<InputSpec> inputs;
  OpenedInput opened;
  std::int64_t batch = 1;

  // `batch` consecutive samples from `first` on, wrapping around.
  [[nodiscard]] Result<std::vector<NamedTensor>> Batch(std::int64_t first) const {
    std::vector<std::int64_t> indices(static_cast<std::size_t>(batch));
    std::iota(indices.begin(), indices.end(), first);
    for (std::int64_t& index : indices) index %= opened.dataset->size();
    QB_TRY(std::vector<Tensor> tensors, MakeBatch(*opened.dataset, indices, inputs));
    return NameTensors(inputs, std::move(tensors));
  }
};

Result<CellInput> OpenCell(const std::filesystem::path& original, const Cell& cell,
                           const InputSource& source) {
  CellInput input;
  QB_TRY(std::vector<InputSpec> raw, ReadInputs(original));
  DimValues dims = source.dims;
  for (const auto& [name, value] : cell.dims) dims[name] = value;
  QB_TRY(input.inputs, ResolveInputs(std::move(raw), cell.batch, dims));
  QB_TRY(input.opened, OpenInput(source, input.inputs));
  input.batch = cell.batch;
  return input;
}

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

// Binds the first batch and runs it once, so that a failing arm is known before anything is timed.
Status TryOnce(Session& session, const CellInput& input) {
  QB_TRY(const std::vector<NamedTensor> batch, input.Batch(0));
  QB_OK(session.Bind(batch));
  return Ok();
}

Json Describe(const WorkerArm& arm, const LatencySamples* samples) {
  if (samples == nullptr) return ArmFailure(arm.id, Outcome::kFailed, arm.failure);
  return Json::MakeObject()
      .Set("arm", arm.id)
      .Set("outcome", "ok")
      .Set("samples", samples->ToJson());
}

// Folds one process's reply into the record's arms: {"arm", "outcome", "reason", "processes"}.
void Merge(const Json& reply, Json::Array* arms) {
  for (const Json& from : reply["arms"].AsArray()) {
    const auto same = [&](const Json& arm) { return arm["arm"] == from["arm"]; };
    auto into = std::find_if(arms->begin(), arms->end(), same);
    if (into == arms->end()) {
      arms->push_back(Json::MakeObject()
                          .Set("arm", from["arm"])
                          .Set("outcome", "ok")
                          .Set("processes", Json::Array{}));
      into = arms->end() - 1;
    }
    if (from.Has("samples")) {
      Json processes = (*into)["processes"];
      processes.Append(from["samples"]);
      into->Set("processes", std::move(processes));
    } else {
      into->Set("outcome", from["outcome"]).Set("reason", from["reason"]);
    }
  }
}

Json RequestOf(const BenchOptions& options, std::int64_t process) {
  Json arms = Json::Array{};
  for (const Arm& arm : options.arms) {
    arms.Append(Json::MakeObject().Set("arm", arm.id).Set("path", arm.path.string()));
  }
  LatencyPlan plan = options.latency;
  plan.seed += static_cast<std::uint64_t>(process);
  return Json::MakeObject()
      .Set("op", "bench")
      .Set("arms", std::move(arms))
      .Set("cell", options.cell.ToJson())
      .Set("plan", plan.ToJson())
      .Set("input", ToJson(options.input));
}

// What becomes of a cell that cannot be measured, where that is known without the engine: skipped
// when the model has not what the sweep varies.
std::optional<CaseOutcome> Impossible(const BenchOptions& options) {
  const auto refused = [](Outcome outcome, const Error& error) {
    return CaseOutcome{outcome, error.message(), error.code(), {}};
  };
  const auto inputs = ReadInputs(options.arms.front().path);
  if (!inputs.ok()) return refused(Outcome::kFailed, inputs.error());
  const auto batched = ResolveInputs(inputs.value(), options.cell.batch, {});
  if (!batched.ok()) return refused(Outcome::kSkipped, batched.error());
  const auto asked = CheckDims(batched.value(), options.input.dims);
  if (!asked.ok()) return refused(Outcome::kFailed, asked.error());
  const auto swept = CheckDims(batched.value(), options.cell.dims);
  if (!swept.ok()) return refused(Outcome::kSkipped, swept.error());
  return std::nullopt;
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
  std::vector<WorkerArm> arms = LoadArms(request, engine, cell, plan.seed, entries);
  std::vector<Pass> passes;
  for (WorkerArm& arm : arms) {
    if (!arm.failure.empty()) continue;
    if (auto tried = TryOnce(*arm.loaded.session, input); !tried.ok()) {
      arm.failure = tried.error().message();
      continue;
    }
    passes.push_back(MakePass(*arm.loaded.session, input, cell.include_data_loading));
  }
  if (!arms.front().failure.empty()) return Error(ErrorCode::kEngine, arms.front().failure);
  QB_TRY(std::vector<LatencySamples> samples,
         MeasureInterleaved(passes, plan, SystemClock(), progress));
  Json described = Json::Array{};
  std::size_t next = 0;
  for (const WorkerArm& arm : arms) {
    LatencySamples* measured = arm.failure.empty() ? &samples[next++] : nullptr;
    if (measured != nullptr) measured->load_ns = arm.loaded.load_ns;
    described.Append(Describe(arm, measured));
  }
  Json engine_options = Json::MakeObject();
  for (const auto& [key, value] : entries) engine_options.Set(key, value);
  return Json::MakeObject()
      .Set("arms", std::move(described))
      .Set("engine_options", std::move(engine_options))
      .Set("input", input.opened.source)
      .Set("notes", Json::List(input.opened.notes));
}

CaseOutcome BenchCell(const BenchOptions& options, const WorkerOptions& worker,
                      Progress& progress) {
  if (auto impossible = Impossible(options)) return *std::move(impossible);
  CaseOutcome outcome;
  Json::Array arms;
  std::uint64_t peak = 0;
  for (std::int64_t process = 0; process < options.processes; ++process) {
    const WorkerResult result = RunWorker(RequestOf(options, process), worker, progress);
    if (result.outcome != Outcome::kOk) {
      return {result.outcome, result.reason, result.code, {}};
    }
    Merge(result.reply, &arms);
    peak = std::max(peak, result.peak_bytes);
    outcome.results.Set("input", result.reply["input"])
        .Set("notes", result.reply["notes"])
        .Set("engine_options", result.reply["engine_options"]);
  }
  outcome.results.Set("arms", std::move(arms)).Set("peak_bytes", peak);
  return outcome;
}

}  // namespace quantbench
