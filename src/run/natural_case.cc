// Measuring at natural sizes: fresh workers, each with all arms.
#include <algorithm>

#include "quantbench/base/clock.h"
#include "quantbench/base/format.h"
#include "quantbench/run.h"

#include "run/arms.h"
#include "run/model_inputs.h"
#include "run/protocol.h"

namespace quantbench {
namespace {

Json RunsToJson(const std::vector<NaturalRun>& runs) {
  Json list = Json::Array{};
  for (const NaturalRun& run : runs) {
    list.Append(Json::MakeObject()
                    .Set("size", run.size)
                    .Set("real_ns", Json::List(run.real_ns))
                    .Set("synthetic_ns", Json::List(run.synthetic_ns)));
  }
  return list;
}

Json NaturalRequest(const NaturalOptions& options, std::int64_t process) {
  Json paths = Json::Array{};
  for (const Arm& arm : options.arms) paths.Append(arm.path.string());
  InputSource input = options.input;
  input.data->shuffle = true;  // the batches of a process are a sample of all
  input.data->limit = 0;
  input.seed += static_cast<std::uint64_t>(process);
  return Json::MakeObject()
      .Set("op", "natural")
      .Set("paths", std::move(paths))
      .Set("input", ToJson(input))
      .Set("batch", options.batch)
      .Set("batches", options.batches)
      .Set("threads", options.threads);
}

}  // namespace

Result<Json> NaturalInWorker(const Json& request, Engine& engine, Progress& progress) {
  QB_TRY(const InputSource source, InputSourceFromJson(request["input"]));
  if (!source.data) return Error(ErrorCode::kInvalidArgument, "natural sizes need a data set");
  std::vector<std::filesystem::path> paths;
  for (const Json& path : request["paths"].AsArray()) paths.emplace_back(path.AsString());
  if (paths.empty()) return Error(ErrorCode::kInvalidArgument, "natural sizes need an arm");
  QB_TRY(const std::vector<InputSpec> inputs, ReadInputs(paths, source, engine));
  QB_TRY(const OpenedInput opened, OpenInput(source, inputs));
  QB_TRY(const EngineEntries entries, EntriesOf(paths));
  std::vector<LoadedArm> loaded;
  std::vector<Session*> sessions;
  for (const std::filesystem::path& path : paths) {
    QB_TRY(LoadedArm arm,
           LoadArm(engine, path, static_cast<int>(request["threads"].AsInt(1)), entries));
    loaded.push_back(std::move(arm));
    sessions.push_back(loaded.back().session.get());
  }
  NaturalPlan plan;
  plan.synthetic.dims = source.dims;
  plan.synthetic.vocabulary = source.vocabulary;
  plan.synthetic.constants = source.constants;
  plan.synthetic.seed = source.seed;
  plan.batch = std::max<std::int64_t>(1, request["batch"].AsInt(1));
  plan.batches = request["batches"].AsInt(plan.batches);
  plan.skip_bad = source.data->skip_bad;
  QB_TRY(const std::vector<NaturalRun> runs,
         MeasureNatural(sessions, *opened.dataset, inputs, plan, SystemClock(), progress));
  return Json::MakeObject().Set("runs", RunsToJson(runs));
}

CaseOutcome MeasureNaturalSizes(const NaturalOptions& options, const WorkerOptions& worker,
                                Progress& progress) {
  Json processes = Json::Array{};
  for (std::int64_t process = 0; process < options.processes; ++process) {
    const WorkerResult result = RunWorker(NaturalRequest(options, process), worker, progress);
    if (result.outcome != Outcome::kOk) return {result.outcome, result.reason, result.code, {}};
    processes.Append(result.reply["runs"]);
  }
  Json arms = Json::Array{};
  for (const Arm& arm : options.arms) arms.Append(arm.id);
  Json results = Json::MakeObject()
                     .Set("arms", std::move(arms))
                     .Set("data", options.input.data->id)
                     .Set("batch", options.batch)
                     .Set("threads", options.threads)
                     .Set("processes", std::move(processes));
  return {Outcome::kOk, "", ErrorCode::kEngine, std::move(results)};
}

}  // namespace quantbench
