// The census of what the engine makes of a model.
#include <system_error>

#include <unistd.h>

#include "quantbench/base/format.h"
#include "quantbench/run.h"

#include "run/arms.h"
#include "run/protocol.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

// A folder of this process's own, gone with the object.
class ScratchFolder {
 public:
  ScratchFolder()
      : path_(fs::temp_directory_path() / Format("quantbench-{}", static_cast<int>(getpid()))) {}
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ScratchFolder(ScratchFolder&&) = delete;
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

}  // namespace

Result<Json> OptimizeInWorker(const Json& request, Engine& engine, Progress& progress) {
  (void)progress;
  const fs::path path = request["path"].AsString();
  QB_TRY(const Model model, LoadModel(path));
  EngineModel bytes;
  bytes.bytes = model.origin.view;
  for (const auto& [location, file] : model.external_files) {
    bytes.external.emplace_back(location, file->bytes());
  }
  SessionOptions options;
  options.config = EngineOptionsOf(model);
  options.optimized_model_path = request["optimized"].AsString();
  const auto session = engine.Load(bytes, options);
  if (!session.ok()) return session.error().Within(path.string());
  return Json::MakeObject();
}

Result<std::vector<LayerKernel>> LoadedCensus(const fs::path& model, const WorkerOptions& worker,
                                              Progress& progress) {
  const ScratchFolder scratch;
  QB_OK(MakeFolders(scratch.path()));
  const fs::path optimized = scratch.path() / "optimized.onnx";
  const Json request = Json::MakeObject()
                           .Set("op", "optimize")
                           .Set("path", model.string())
                           .Set("optimized", optimized.string());
  const WorkerResult result = RunWorker(request, worker, progress);
  if (result.outcome != Outcome::kOk) {
    return Error(result.code, Format("loading {}: {}", model.string(), result.reason));
  }
  QB_TRY(const Model loaded, LoadModel(optimized));
  return CensusOf(loaded);
}

}  // namespace quantbench
