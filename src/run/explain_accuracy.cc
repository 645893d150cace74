// Where a recipe loses accuracy: the request, the worker's part, and the reply.
#include <cmath>
#include <limits>
#include <optional>

#include "quantbench/base/format.h"
#include "quantbench/run.h"

#include "run/accuracy_explainer.h"
#include "run/arms.h"
#include "run/calibrate_model.h"
#include "run/calibrate_request.h"
#include "run/protocol.h"
#include "run/verify_model.h"

namespace quantbench {
namespace {

// JSON has no infinity: equal tensors are said in words.
Json DbToJson(double db) {
  return std::isinf(db) && db > 0 ? Json("equal") : Json(db);
}
double DbFromJson(const Json& json) {
  return json.is_string() ? std::numeric_limits<double>::infinity() : json.AsDouble();
}

Json RangeToJson(const Range& range) {
  return Json::MakeObject().Set("low", range.low).Set("high", range.high);
}
Range RangeFromJson(const Json& json) {
  return {json["low"].AsDouble(), json["high"].AsDouble()};
}

Json LayerToJson(const LayerAccuracy& layer) {
  return Json::MakeObject()
      .Set("layer", layer.layer)
      .Set("op_type", layer.op_type)
      .Set("treatment", layer.treatment)
      .Set("local_db", DbToJson(layer.local_db))
      .Set("accumulated_db", DbToJson(layer.accumulated_db))
      .Set("only_db", DbToJson(layer.only_db))
      .Set("only_divergence", layer.only_divergence)
      .Set("without_db", DbToJson(layer.without_db))
      .Set("without_divergence", layer.without_divergence)
      .Set("weights", RangeToJson(layer.weights))
      .Set("observed", layer.observed)
      .Set("input", RangeToJson(layer.input))
      .Set("clipped", layer.clipped);
}

LayerAccuracy LayerFromJson(const Json& json) {
  LayerAccuracy layer;
  layer.layer = json["layer"].AsString();
  layer.op_type = json["op_type"].AsString();
  layer.treatment = json["treatment"].AsString();
  layer.local_db = DbFromJson(json["local_db"]);
  layer.accumulated_db = DbFromJson(json["accumulated_db"]);
  layer.only_db = DbFromJson(json["only_db"]);
  layer.only_divergence = json["only_divergence"].AsDouble();
  layer.without_db = DbFromJson(json["without_db"]);
  layer.without_divergence = json["without_divergence"].AsDouble();
  layer.weights = RangeFromJson(json["weights"]);
  layer.observed = json["observed"].AsBool();
  layer.input = RangeFromJson(json["input"]);
  layer.clipped = json["clipped"].AsDouble();
  return layer;
}

// The steps of a layer's comparison are of no interest: layers are what is counted.
class LayerProgress final : public Progress {
 public:
  explicit LayerProgress(Progress& progress) : progress_(progress) {}
  void Update(std::string_view, std::int64_t, std::int64_t) override {}
  void Note(std::string_view line) override { progress_.Note(line); }

 private:
  Progress& progress_;
};

Result<CalibrationStatistics> StatisticsFor(const Json& request, const CalibrateRequest& work,
                                            Engine& engine, Progress& progress) {
  if (const std::string table = request["table"].AsString(); !table.empty()) {
    return ReadCalibrationTable(table, request["path"].AsString());
  }
  CalibrateOptions options = work.Options();
  options.histograms = true;
  return work.Observe(options, engine, progress);
}

// What each layer's figures are in the reply; those of a layer by itself are measured on the way
// where they are asked for.
Result<Json> ExplainLayers(AccuracyExplainer& explainer, bool one_by_one,
                           std::vector<LayerAccuracy>& layers, Progress& progress) {
  LayerProgress quiet(progress);
  const auto count = static_cast<std::int64_t>(layers.size());
  Json list = Json::Array{};
  for (std::size_t i = 0; i < layers.size(); ++i) {
    QB_OK(one_by_one ? explainer.ExplainOne(i, &layers[i], quiet) : Ok());
    progress.Update("explaining", static_cast<std::int64_t>(i) + 1, count);
    list.Append(LayerToJson(layers[i]));
  }
  return list;
}

}  // namespace

Result<Json> ExplainAccuracyInWorker(const Json& request, Engine& engine, Progress& progress) {
  QB_TRY(const CalibrateRequest work, CalibrateRequest::Of(request));
  const auto& [recipe, settings, opened, prepared, threads] = work;
  CompareOptions options;
  options.samples = request["samples"].AsInt();
  options.memory_bytes = settings.memory_bytes;
  options.session.threads = threads;
  AccuracyExplainer explainer(prepared, recipe, engine, *opened.dataset, options);
  std::optional<CalibrationStatistics> seen;
  if (recipe.needs_calibration()) {
    QB_TRY(seen, StatisticsFor(request, work, engine, progress));
  }
  QB_OK(explainer.Start(seen ? &*seen : nullptr, settings.observer));
  LayerProgress quiet(progress);
  QB_TRY(AccuracyExplanation all, explainer.ExplainAll(quiet));
  QB_TRY(Json layers,
         ExplainLayers(explainer, request["one_by_one"].AsBool(), all.layers, progress));
  const std::int64_t used = std::min(options.samples, opened.dataset->size());
  return Json::MakeObject()
      .Set("source", Format("{}, {} samples", opened.source, used))
      .Set("calibrated",
           seen ? Format("{} over {}", Name(settings.observer.observer), seen->source) : "")
      .Set("output_db", DbToJson(all.output_db))
      .Set("output_divergence", all.output_divergence)
      .Set("layers", std::move(layers));
}

Result<AccuracyExplanation> ExplainAccuracy(const ExplainOptions& options,
                                            const WorkerOptions& worker, Progress& progress) {
  const QuantizeOptions& quantize = options.quantize;
  const Json request = Json::MakeObject()
                           .Set("op", "explain-accuracy")
                           .Set("path", quantize.model.string())
                           .Set("recipe", quantize.recipe.ToJson())
                           .Set("input", ToJson(InputOf(quantize)))
                           .Set("settings", SettingsFor(quantize).ToJson())
                           .Set("table", quantize.table.string())
                           .Set("samples", options.samples)
                           .Set("one_by_one", options.one_by_one)
                           .Set("threads", quantize.threads);
  const WorkerResult result = RunWorker(request, worker, progress);
  if (result.outcome != Outcome::kOk) {
    return Error(result.code, Format("explaining {}: {}", quantize.model.string(), result.reason));
  }
  const Json& reply = result.reply;
  AccuracyExplanation explanation;
  explanation.source = reply["source"].AsString();
  explanation.calibrated = reply["calibrated"].AsString();
  explanation.output_db = DbFromJson(reply["output_db"]);
  explanation.output_divergence = reply["output_divergence"].AsDouble();
  for (const Json& layer : reply["layers"].AsArray()) {
    explanation.layers.push_back(LayerFromJson(layer));
  }
  return explanation;
}

}  // namespace quantbench
