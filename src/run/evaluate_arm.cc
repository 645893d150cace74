// Evaluating one arm: its answers over a data set, in a worker.
#include <algorithm>

#include "quantbench/base/format.h"
#include "quantbench/calibrate.h"
#include "quantbench/run.h"

#include "run/arms.h"
#include "run/model_inputs.h"
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

// How the data set says its answers are read.
EvaluateOptions EvaluateOptionsOf(const DataSpec& data) {
  EvaluateOptions options;
  options.task = data.TaskOf();
  options.answer = data.answer;
  options.skip_bad = data.skip_bad;
  for (const auto& [input, rule] : data.inputs) {
    if (!rule.feedback.empty()) options.feedback[input] = rule.feedback;
  }
  return options;
}

// Per-sample difference in the share of right rows, the only measure that is decided early.
double RightShare(const Predictions& predictions, std::int64_t sample) {
  const std::int64_t first = predictions.FirstRow(sample);
  const std::int64_t rows = predictions.RowsOf(sample);
  std::int64_t right = 0;
  for (std::int64_t row = first; row < first + rows; ++row) {
    const auto at = static_cast<std::size_t>(row);
    right += predictions.classes[at] == predictions.labels[at] ? 1 : 0;
  }
  return rows > 0 ? static_cast<double>(right) / static_cast<double>(rows) : 0;
}

// Ends the evaluation once it is known whether the accuracy fell by more than `margin`.
class UntilDecided {
 public:
  explicit UntilDecided(double margin) : test_(margin) {}

  bool operator()(const Predictions& mine, const Predictions& reference) {
    if (mine.labels.empty()) return false;
    for (; seen_ < mine.samples; ++seen_) {
      test_.Add(RightShare(mine, seen_) - RightShare(reference, seen_));
    }
    return test_.decision() != SequentialTest::Decision::kOpen;
  }

 private:
  SequentialTest test_;
  std::int64_t seen_ = 0;
};

}  // namespace

Result<Json> EvaluateInWorker(const Json& request, Engine& engine, Progress& progress) {
  QB_TRY(const InputSource source, InputSourceFromJson(request["input"]));
  if (!source.data) return Error(ErrorCode::kInvalidArgument, "evaluating needs a data set");
  KeepFreedMemory();
  std::vector<std::filesystem::path> paths = {request["path"].AsString()};
  const std::string& original = request["reference"].AsString();
  if (!original.empty()) paths.emplace_back(original);
  QB_TRY(const std::vector<InputSpec> inputs, ReadInputs(paths, source, engine));
  QB_TRY(const OpenedInput opened, OpenInput(source, inputs));
  EvaluateOptions options = EvaluateOptionsOf(*source.data);
  options.batch = std::max<std::int64_t>(1, request["batch"].AsInt(16));
  options.limit = request["limit"].AsInt();
  if (!options.feedback.empty()) options.batch = 1;
  FitBatch(inputs, opened.dataset->size(), &options);
  if (request["margin"].is_number()) options.enough = UntilDecided(request["margin"].AsDouble());
  QB_TRY(const EngineEntries entries, EntriesOf(paths));
  const auto threads = static_cast<int>(request["threads"].AsInt(1));
  QB_TRY(const LoadedArm arm, LoadArm(engine, paths.front(), threads, entries));
  LoadedArm reference;
  if (!original.empty()) {
    QB_TRY(reference, LoadArm(engine, original, threads, entries));
  }
  QB_TRY(const Predictions predictions, Predict(*arm.session, reference.session.get(),
                                                *opened.dataset, inputs, options, progress));
  return Json::MakeObject()
      .Set("predictions", predictions.ToJson())
      .Set("data", source.data->id)
      .Set("batch", options.batch);
}

CaseOutcome EvaluateArm(const EvalOptions& options, const WorkerOptions& worker,
                        Progress& progress) {
  Json request = Json::MakeObject()
                     .Set("op", "evaluate")
                     .Set("path", options.arm.path.string())
                     .Set("reference", options.reference.string())
                     .Set("input", ToJson(options.input))
                     .Set("batch", options.evaluate.batch)
                     .Set("limit", options.evaluate.limit)
                     .Set("threads", options.threads);
  if (options.until_decided && !options.reference.empty()) {
    request.Set("margin", *options.until_decided);
  }
  const WorkerResult result = RunWorker(request, worker, progress);
  if (result.outcome != Outcome::kOk) return {result.outcome, result.reason, result.code, {}};
  Json results = result.reply;
  results.Set("peak_bytes", result.peak_bytes);
  return {Outcome::kOk, "", ErrorCode::kEngine, std::move(results)};
}

}  // namespace quantbench
