#include "run/quantize_torch.h"

#include <algorithm>

#include "quantbench/base/clock.h"
#include "quantbench/base/file.h"
#include "quantbench/base/format.h"
#include "quantbench/calibrate.h"
#include "quantbench/measure.h"
#include "quantbench/model/torchscript.h"

#include "run/arms.h"
#include "run/calibrate_model.h"
#include "run/model_inputs.h"
#include "run/protocol.h"
#include "run/size_of_file.h"
#include "run/verify_model.h"

namespace quantbench {
namespace {

constexpr std::string_view kTorchRecipes =
    "TorchScript models take dynamic-int8 and static-int8 (export to ONNX for the others)";

Error NotForTorch(const QuantizeOptions& options, std::string_view what) {
  return {ErrorCode::kInvalidArgument, Format("{}: {}", options.model.string(), what)};
}

// Whether sums of products of 8 bits each could saturate where the file will run.
bool ReducesRange(const Recipe& recipe) {
  return recipe.target == Target::kX64 || recipe.target == Target::kPortable;
}

// The recipe's first choice decides: "dynamic-int8" or "static-int8".
Result<std::string> TorchRecipeOf(const QuantizeOptions& options) {
  const Recipe& recipe = options.recipe;
  const auto refuse = [&] {
    return NotForTorch(options, Format("recipe \"{}\": {}", Printable(recipe.name), kTorchRecipes));
  };
  if (recipe.choices.empty()) return refuse();
  const Treatment& first = recipe.choices.front();
  if (first.scheme == Scheme::kDynamicInt8) return std::string("dynamic-int8");
  const bool bytes = first.weights != DataType::kInt4 && first.weights != DataType::kUint4 &&
                     BitsPerElement(first.activations) != 16;
  if (first.scheme == Scheme::kStaticInt8 && bytes) return std::string("static-int8");
  return refuse();
}

Status CheckTorchOptions(const QuantizeOptions& options) {
  if (options.plan || options.plan_only) {
    return NotForTorch(options, "plans are for ONNX models; --keep-float works here");
  }
  if (!options.recipe.rules.empty() || !options.recipe.embeddings.empty()) {
    return NotForTorch(options,
                       "rules and embeddings are for ONNX models; --keep-float works here");
  }
  if (!options.table.empty()) {
    return NotForTorch(options, "calibration tables are for ONNX models; --calibrate works here");
  }
  if (options.calibration.until_stable) {
    return NotForTorch(options, "the number of samples must be said here");
  }
  return Ok();
}

// What libtorch's module is asked, but for ranges.
Result<Json> TorchOptionsOf(const QuantizeOptions& options) {
  QB_TRY(std::string recipe, TorchRecipeOf(options));
  QB_OK(CheckTorchOptions(options));
  const bool is_static = recipe == "static-int8";
  const bool per_channel =
      is_static ? options.recipe.choices.front().per_channel : options.per_channel_dynamic;
  return Json::MakeObject()
      .Set("recipe", std::move(recipe))
      .Set("per_channel", per_channel)
      .Set("reduce_range", ReducesRange(options.recipe))
      .Set("keep_float", Json::List(options.recipe.keep_float))
      .Set("threads", options.threads)
      .Set("made_by", Format("quantbench {}", QB_VERSION));
}

// Samples for the float model, one by one, and what was seen of its values.
struct TorchObservation {
  OpenedInput opened;
  std::vector<InputSpec> inputs;
  CalibrationSettings settings;
  CalibrationStatistics seen;
  std::int64_t position = 0;

  Result<std::vector<NamedTensor>> Next(Progress& progress) {
    const std::int64_t batch =
        inputs.empty() || !inputs.front().batched ? 1 : inputs.front().dims[0];
    const std::int64_t size = opened.dataset->size();
    const std::int64_t wanted = std::max<std::int64_t>(1, std::min(settings.samples, size) / batch);
    progress.Update("calibrating", position, wanted);
    if (position == wanted) return std::vector<NamedTensor>{};
    std::vector<std::int64_t> indices;
    for (std::int64_t k = 0; k < batch; ++k) indices.push_back((position * batch + k) % size);
    QB_TRY(std::vector<Tensor> tensors, MakeBatch(*opened.dataset, indices, inputs));
    ++position;
    seen.samples = position * batch;
    return NameTensors(inputs, std::move(tensors));
  }
  Status See(std::string_view name, const TensorView& value) {
    return Observe(value, Format("sample {}", position - 1), seen.histograms,
                   &seen.tensors[std::string(name)]);
  }
};

// {name: [low, high]}, as the observer chooses.
Result<Json> RangesOf(const CalibrationTable& table) {
  Json ranges = Json::MakeObject();
  for (const auto& [name, range] : table.ranges) {
    if (range.nonfinite > 0) {
      return Error(ErrorCode::kMalformed, Format("{} holds NaN or infinities, first in {}",
                                                 Printable(name), Printable(range.nonfinite_in)));
    }
    ranges.Set(name, Json::Array{range.min, range.max});
  }
  return ranges;
}

// Fills the options' ranges and the reply's "calibrated".
Status ObserveTorch(const Json& request, const TorchScript& model, Json* options, Json* reply,
                    Progress& progress) {
  TorchObservation work;
  QB_TRY(const InputSource source, InputSourceFromJson(request["input"]));
  QB_TRY(work.settings, CalibrationSettings::FromJson(request["settings"]));
  QB_TRY(work.inputs, SingleSampleInputs(model.path, source));
  QB_TRY(work.opened, OpenInput(source, work.inputs));
  work.settings.observer.levels = (*options)["reduce_range"].AsBool() ? 128 : 256;
  work.seen.histograms = NeedsHistogram(work.settings.observer.observer);
  const std::int64_t start = SystemClock().NowNs();
  Json asked = *options;
  asked.Set("observe", true);
  TorchQuantizeJob job;
  job.bytes = model.file->bytes();
  job.options = std::move(asked);
  job.next = [&] { return work.Next(progress); };
  job.see = [&](std::string_view name, const TensorView& value) { return work.See(name, value); };
  QB_TRY(const Json observed, QuantizeTorchScript(job));
  work.seen.source = Format("{}, {} samples", work.opened.source, work.seen.samples);
  QB_TRY(const CalibrationTable table, ChooseRanges(work.seen, work.settings.observer));
  QB_TRY(Json ranges, RangesOf(table));
  options->Set("ranges", std::move(ranges));
  reply->Set("calibrated", Format("{} over {}", table.observer, table.source));
  reply->Set("calibrate_seconds", static_cast<double>(SystemClock().NowNs() - start) * 1e-9);
  return Ok();
}

LayerPlan TorchLayerOf(const Json& entry) {
  LayerPlan layer;
  layer.layer = entry["layer"].AsString();
  layer.op_type = entry["op_type"].AsString();
  layer.form = entry["form"].AsString();
  layer.reason = entry["reason"].AsString();
  layer.weight_bytes_before = static_cast<std::uint64_t>(entry["bytes_before"].AsInt());
  layer.weight_bytes_after = static_cast<std::uint64_t>(entry["bytes_after"].AsInt());
  const std::string& scheme = entry["scheme"].AsString();
  if (scheme == "dynamic-int8") layer.scheme = Scheme::kDynamicInt8;
  if (scheme == "static-int8") layer.scheme = Scheme::kStaticInt8;
  if (layer.scheme == Scheme::kKeepFloat) return layer;
  layer.weight = layer.layer;  // constants have no name of their own
  layer.weight_type = DataType::kInt8;
  layer.weight_axis = entry["per_channel"].AsBool() ? 0 : -1;
  return layer;
}

Plan TorchPlanOf(const QuantizeOptions& options, const Json& report) {
  Plan plan;
  plan.recipe = report["recipe"].AsString();
  plan.calibrated = plan.recipe == "static-int8";
  plan.target = options.recipe.target;
  for (const Json& entry : report["layers"].AsArray()) plan.layers.push_back(TorchLayerOf(entry));
  plan.notes.push_back(Format(
      "made by libtorch {} with the quantized engine {}; whoever loads the file packs its int8 "
      "weights for an engine of its own",
      Printable(report["libtorch"].AsString()), Printable(report["quantized_engine"].AsString())));
  if (!plan.calibrated || ReducesRange(options.recipe)) {
    plan.notes.emplace_back(
        "activations have codes of 7 bits, as PyTorch's own recipes choose, so that sums do not "
        "saturate without VNNI");
  }
  std::string between;
  for (const auto& [op, count] : report["between"].AsObject()) {
    between += Format("{}{} {}", between.empty() ? "" : ", ", count.AsInt(), Printable(op));
  }
  if (!between.empty()) plan.notes.push_back("computed on codes, too: " + between);
  if (plan.calibrated && !options.recipe.recovery.steps.empty()) {
    plan.notes.emplace_back("steps that win accuracy back are for ONNX models: none was done");
  }
  return plan;
}

}  // namespace

Result<Json> QuantizeTorchInWorker(const Json& request, Engine& engine, Progress& progress) {
  (void)engine;  // the module itself is asked
  QB_TRY(const TorchScript model, LoadTorchScript(request["path"].AsString()));
  Json options = request["options"];
  options.Set("quantized_engine", request["torch"]["quantized_engine"].AsString());
  Json reply = Json::MakeObject();
  if (options["recipe"].AsString() == "static-int8") {
    QB_OK(ObserveTorch(request, model, &options, &reply, progress));
  }
  progress.Update("quantizing", 0, 0);
  const std::int64_t start = SystemClock().NowNs();
  QB_TRY(AtomicFile file, AtomicFile::Create(request["output"].AsString()));
  TorchQuantizeJob job;
  job.bytes = model.file->bytes();
  job.options = std::move(options);
  job.sink = [&](std::span<const std::byte> bytes) { return file.Write(bytes); };
  QB_TRY(Json report, QuantizeTorchScript(job));
  QB_OK(file.Commit());
  reply.Set("report", std::move(report));
  reply.Set("seconds", static_cast<double>(SystemClock().NowNs() - start) * 1e-9);
  return reply;
}

Result<QuantizeOutcome> QuantizeByTorch(const QuantizeOptions& options, const WorkerOptions& worker,
                                        Progress& progress) {
  QB_TRY(Json asked, TorchOptionsOf(options));
  if (options.verify || asked["recipe"].AsString() == "static-int8") {
    QB_TRY(const auto known, ReadInputs(std::span(&options.model, 1), InputOf(options), worker));
    QB_OK(CheckDims(known, options.dims));
  }
  QuantizeOutcome outcome;
  QB_TRY(outcome.before, SizeOfFile(options.model));
  const Json request = Json::MakeObject()
                           .Set("op", "quantize-torch")
                           .Set("path", options.model.string())
                           .Set("output", options.output.string())
                           .Set("options", std::move(asked))
                           .Set("input", ToJson(InputOf(options)))
                           .Set("settings", SettingsFor(options).ToJson());
  const WorkerResult result = RunWorker(request, worker, progress);
  if (result.outcome != Outcome::kOk) {
    const bool named = result.reason.starts_with(options.model.string());
    return Error(result.code,
                 named ? result.reason : Format("{}: {}", options.model.string(), result.reason));
  }
  outcome.plan = TorchPlanOf(options, result.reply["report"]);
  outcome.calibrated = result.reply["calibrated"].AsString();
  outcome.calibrate_seconds = result.reply["calibrate_seconds"].AsDouble();
  if (result.reply["calibrate_seconds"].is_null()) outcome.calibrate_seconds = 0;
  outcome.seconds = result.reply["seconds"].AsDouble();
  outcome.peak_bytes = result.peak_bytes;
  QB_TRY(outcome.after, SizeOfFile(options.output));
  return outcome;
}

}  // namespace quantbench
