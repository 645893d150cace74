// What the engine makes of a model.
#include <vector>

#include "quantbench/base/format.h"
#include "quantbench/base/scratch_folder.h"
#include "quantbench/run.h"

#include "run/arms.h"
#include "run/protocol.h"

namespace quantbench {
namespace fs = std::filesystem;

Result<Json> OptimizeInWorker(const Json& request, Engine& engine, Progress& progress) {
  (void)progress;
  const fs::path path = request["path"].AsString();
  QB_TRY(const EngineEntries entries, EntriesOf(std::vector{path}));
  SessionOptions options;
  options.config = entries;
  options.optimized_model_path = request["optimized"].AsString();
  QB_TRY(const LoadedArm arm, LoadArm(engine, path, options));
  return Json::MakeObject();
}

Result<Model> LoadedModel(const fs::path& model, const WorkerOptions& worker, Progress& progress) {
  QB_TRY(const ScratchFolder scratch, ScratchFolder::Make());
  const fs::path optimized = scratch.path() / "optimized.onnx";
  const Json request = Json::MakeObject()
                           .Set("op", "optimize")
                           .Set("path", model.string())
                           .Set("optimized", optimized.string());
  const WorkerResult result = RunWorker(request, worker, progress);
  if (result.outcome != Outcome::kOk) {
    return Error(result.code, Format("loading {}: {}", model.string(), result.reason));
  }
  return LoadModel(optimized);  // its pages stay mapped when the folder goes
}

}  // namespace quantbench
