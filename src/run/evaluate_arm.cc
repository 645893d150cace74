// Evaluating one arm: its answers over a data set, in a worker.
#include <algorithm>

#include "quantbench/base/format.h"
#include "quantbench/calibrate.h"
#include "quantbench/run.h"

#include "run/arms.h"
#include "run/protocol.h"

namespace quantbench {
namespace {

// The batch a model accepts: the wanted one, or what it fixes. A remainder that would not fill a
// fixed batch is left out.
void FitBatch(const std::vector<InputSpec>& inputs, std::int64_t samples,
              EvaluateOptions* options) {
  for (const InputSpec& input : inputs) {
    if (!input.batched || input.dims.empty()) continue;
    if (input.dims.front() < 0) return;
    options->batch = std::max<std::int64_t>(1, input.dims.front());
    const std::int64_t wanted = options->limit > 0 ? std::min(options->limit, samples) : samples;
    options->limit = wanted / options->batch * options->batch;
    return;
  }
}

}  // namespace

Result<Json> EvaluateInWorker(const Json& request, Engine& engine, Progress& progress) {
  QB_TRY(const InputSource source, InputSourceFromJson(request["input"]));
  if (!source.data) return Error(ErrorCode::kInvalidArgument, "evaluating needs a data set");
  const std::filesystem::path path = request["path"].AsString();
  QB_TRY(const std::vector<InputSpec> inputs, ReadInputs(path));
  QB_TRY(const OpenedInput opened, OpenInput(source, inputs));
  EvaluateOptions options;
  options.batch = std::max<std::int64_t>(1, request["batch"].AsInt(16));
  options.limit = request["limit"].AsInt();
  FitBatch(inputs, opened.dataset->size(), &options);
  QB_TRY(const EngineEntries entries, EntriesOf(std::span(&path, 1)));
  const auto threads = static_cast<int>(request["threads"].AsInt(1));
  QB_TRY(const LoadedArm arm, LoadArm(engine, path, threads, entries));
  QB_TRY(const Predictions predictions,
         Predict(*arm.session, *opened.dataset, inputs, options, progress));
  return Json::MakeObject()
      .Set("predictions", predictions.ToJson())
      .Set("data", source.data->id)
      .Set("batch", options.batch);
}

CaseOutcome EvaluateArm(const EvalOptions& options, const WorkerOptions& worker,
                        Progress& progress) {
  const Json request = Json::MakeObject()
                           .Set("op", "evaluate")
                           .Set("path", options.arm.path.string())
                           .Set("input", ToJson(options.input))
                           .Set("batch", options.evaluate.batch)
                           .Set("limit", options.evaluate.limit)
                           .Set("threads", options.threads);
  const WorkerResult result = RunWorker(request, worker, progress);
  if (result.outcome != Outcome::kOk) return {result.outcome, result.reason, result.code, {}};
  Json results = result.reply;
  results.Set("peak_bytes", result.peak_bytes);
  return {Outcome::kOk, "", ErrorCode::kEngine, std::move(results)};
}

}  // namespace quantbench
