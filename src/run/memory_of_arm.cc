// Memory and loading of an arm by itself.
#include <array>

#include <fcntl.h>
#include <unistd.h>

#include "quantbench/base/format.h"
#include "quantbench/model.h"
#include "quantbench/model/torchscript.h"
#include "quantbench/run.h"

#include "run/arms.h"
#include "run/cell_input.h"
#include "run/protocol.h"

namespace quantbench {
namespace {

constexpr int kRunsToSteady = 5;

// Asks the kernel to forget the pages of a file; it does where nobody else has them mapped.
void Forget(const std::filesystem::path& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  fdatasync(file);  // only clean pages can go
  posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  close(file);
}

void ForgetModel(const std::filesystem::path& path) {
  const auto model = LoadModel(path);
  std::vector<std::filesystem::path> files = {path};
  if (model.ok()) {
    for (const auto& [location, file] : model.value().external_files) {
      files.push_back(model.value().folder / location);
    }
  }
  for (const std::filesystem::path& file : files) Forget(file);
}

Json RequestFor(const BenchOptions& options, const Arm& arm) {
  return Json::MakeObject()
      .Set("op", "memory")
      .Set("original", options.arms.front().path.string())
      .Set("path", arm.path.string())
      .Set("cell", options.cell.ToJson())
      .Set("input", ToJson(options.input));
}

// Of a worker with the arm's engine and no model.
Json Baseline(const BenchOptions& options, const Arm& arm, const WorkerOptions& worker,
              Progress& progress) {
  const Json request = RequestFor(options, arm).Set("baseline", true);
  return RunWorker(request, worker, progress).reply["baseline"];
}

}  // namespace

Result<Json> MemoryInWorker(const Json& request, Engine& engine, Progress& progress) {
  (void)progress;
  const std::filesystem::path path = request["path"].AsString();
  QB_OK(StartEngines(engine, std::span(&path, 1)));
  if (request["baseline"].AsBool())
    return Json::MakeObject().Set("baseline", ReadMemory().ToJson());
  QB_TRY(const Cell cell, Cell::FromJson(request["cell"]));
  QB_TRY(const InputSource source, InputSourceFromJson(request["input"]));
  const std::array<std::filesystem::path, 2> models = {request["original"].AsString(), path};
  QB_TRY(const CellInput input, OpenCell(models, cell, source, engine));
  QB_TRY(const EngineEntries entries, EntriesOf(std::span(&path, 1)));
  QB_TRY(const LoadedArm arm,
         LoadArm(engine, path, static_cast<int>(cell.threads), entries, cell.batch));
  Json reply = Json::MakeObject().Set("load_ns", arm.load_ns).Set("loaded", ReadMemory().ToJson());
  QB_OK(BindFirst(*arm.session, input));
  ResetPeakMemory();
  QB_OK(arm.session->Run());
  reply.Set("first_run", ReadMemory().ToJson());
  ResetPeakMemory();
  for (int run = 0; run < kRunsToSteady; ++run) QB_OK(arm.session->Run());
  return reply.Set("steady", ReadMemory().ToJson());
}

Json MeasureMemory(const BenchOptions& options, const WorkerOptions& worker, Progress& progress) {
  Json arms = Json::Array{};
  const Json baseline = Baseline(options, options.arms.front(), worker, progress);
  for (const Arm& arm : options.arms) {
    progress.Update(Format("memory of {}", arm.id), 0, 0);
    ForgetModel(arm.path);
    const WorkerResult cold = RunWorker(RequestFor(options, arm), worker, progress);
    if (cold.outcome != Outcome::kOk) {
      arms.Append(ArmFailure(arm.id, cold.outcome, cold.reason));
      continue;
    }
    const WorkerResult warm = RunWorker(RequestFor(options, arm), worker, progress);
    if (warm.outcome != Outcome::kOk) {
      arms.Append(ArmFailure(arm.id, warm.outcome, warm.reason));
      continue;
    }
    Json one = warm.reply;
    one.Set("arm", arm.id)
        .Set("outcome", Name(Outcome::kOk))
        .Set("warm_load_ns", warm.reply["load_ns"])
        .Set("cold_load_ns", cold.reply["load_ns"]);
    const bool other_engine = IsTorchScript(arm.path) != IsTorchScript(options.arms.front().path);
    if (other_engine) one.Set("baseline", Baseline(options, arm, worker, progress));
    arms.Append(std::move(one));
  }
  return Json::MakeObject().Set("baseline", baseline).Set("arms", std::move(arms));
}

}  // namespace quantbench
