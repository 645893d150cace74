// Where a recipe loses accuracy: models with one layer quantized, with all, and with all but one.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "quantbench/base/format.h"
#include "quantbench/calibrate.h"
#include "quantbench/graph.h"
#include "quantbench/run.h"

#include "run/arms.h"
#include "run/calibrate_model.h"
#include "run/calibrate_request.h"
#include "run/protocol.h"
#include "run/verify_model.h"

namespace quantbench {
namespace {

constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();

// The outputs of a model against the float one's.
struct OutputAccuracy {
  double db = std::numeric_limits<double>::infinity();  // worst
  double divergence = 0;                                // worst mean of an output
};

// JSON has no infinity: equal tensors are said in words.
Json DbToJson(double db) {
  return std::isinf(db) && db > 0 ? Json("equal") : Json(db);
}
double DbFromJson(const Json& json) {
  return json.is_string() ? std::numeric_limits<double>::infinity() : json.AsDouble();
}

class AccuracyExplainer {
 public:
  AccuracyExplainer(const Model& prepared, const Recipe& recipe, Engine& engine,
                    const Dataset& dataset, const CompareOptions& options)
      : prepared_(prepared),
        recipe_(recipe),
        engine_(engine),
        dataset_(dataset),
        options_(options) {}

  // Plans all layers. `seen` may be null where nothing is calibrated.
  Status Start(const CalibrationStatistics* seen, const ObserverOptions& observer) {
    seen_ = seen;
    if (seen != nullptr) {
      QB_TRY(table_, ChooseRanges(*seen, observer));
    }
    QB_TRY(plan_, PlanQuantization(prepared_, recipe_, table()));
    for (const NodeRef& ref : ListNodes(prepared_.graph)) nodes_.emplace(ref.name, ref.node);
    for (const LayerPlan& layer : plan_.layers) {
      if (layer.scheme != Scheme::kKeepFloat) quantized_.push_back(layer.layer);
      if (layer.scheme != Scheme::kKeepFloat && !layer.weight.empty()) layers_.push_back(&layer);
    }
    return Ok();
  }

  [[nodiscard]] const CalibrationTable* table() const { return table_ ? &*table_ : nullptr; }

  // All layers quantized: the outputs, and every layer's output on the way.
  Result<AccuracyExplanation> ExplainAll(Progress& progress) {
    AccuracyExplanation all;
    std::vector<TensorPair> pairs = Outputs();
    QB_TRY(const Model model, ApplyPlan(prepared_, plan_));
    std::vector<std::size_t> pair_of;
    for (const LayerPlan* layer : layers_) {
      LayerAccuracy accuracy = Describe(*layer);
      const std::string output = OutputOf(*layer);
      pair_of.push_back(Makes(model, output) ? pairs.size() : SIZE_MAX);
      if (pair_of.back() != SIZE_MAX) pairs.push_back({output, output});
      all.layers.push_back(std::move(accuracy));
    }
    QB_TRY(const auto errors, Compare(model, pairs, progress));
    const OutputAccuracy outputs = OfOutputs(errors);
    all.output_db = outputs.db;
    all.output_divergence = outputs.divergence;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      all.layers[i].accumulated_db =
          pair_of[i] == SIZE_MAX ? kNotMeasured : errors[pair_of[i]].SqnrDb();
    }
    return all;
  }

  // A layer alone, and all but it.
  Status ExplainOne(std::size_t i, LayerAccuracy* accuracy, Progress& progress) {
    const std::string& name = layers_[i]->layer;
    std::vector<std::string> others;
    std::copy_if(quantized_.begin(), quantized_.end(), std::back_inserter(others),
                 [&](const std::string& other) { return other != name; });
    QB_TRY(const Model only, Variant(std::move(others)));
    std::vector<TensorPair> pairs = Outputs();
    const std::string output = OutputOf(*layers_[i]);
    const bool has_output = Makes(only, output);
    if (has_output) pairs.push_back({output, output});
    QB_TRY(const auto errors, Compare(only, pairs, progress));
    const OutputAccuracy outputs = OfOutputs(errors);
    accuracy->only_db = outputs.db;
    accuracy->only_divergence = outputs.divergence;
    accuracy->local_db = has_output ? errors.back().SqnrDb() : kNotMeasured;
    QB_TRY(const Model without, Variant({name}));
    QB_TRY(const auto rest, Compare(without, Outputs(), progress));
    accuracy->without_db = OfOutputs(rest).db;
    accuracy->without_divergence = OfOutputs(rest).divergence;
    return Ok();
  }

 private:
  [[nodiscard]] std::vector<TensorPair> Outputs() const {
    std::vector<TensorPair> pairs;
    for (const ValueInfo& output : prepared_.graph.outputs) {
      if (IsFloatingPoint(output.type)) pairs.push_back({output.name, output.name, true});
    }
    return pairs;
  }

  [[nodiscard]] OutputAccuracy OfOutputs(const std::vector<TensorError>& errors) const {
    OutputAccuracy accuracy;
    const std::size_t count = Outputs().size();
    for (std::size_t i = 0; i < count; ++i) {
      accuracy.db = std::min(accuracy.db, errors[i].SqnrDb());
      if (errors[i].rows == 0) continue;
      accuracy.divergence =
          std::max(accuracy.divergence, errors[i].divergence / static_cast<double>(errors[i].rows));
    }
    return accuracy;
  }

  [[nodiscard]] Result<std::vector<TensorError>> Compare(const Model& model,
                                                         const std::vector<TensorPair>& pairs,
                                                         Progress& progress) const {
    CompareOptions options = options_;
    options.session.config = EngineOptionsOf(model);
    return CompareTensors(prepared_, model, {engine_, dataset_}, pairs, options, progress);
  }

  // The model with these layers left as they are.
  [[nodiscard]] Result<Model> Variant(std::vector<std::string> in_float) const {
    Recipe recipe = recipe_;
    for (std::string& layer : in_float) recipe.keep_float.push_back(std::move(layer));
    QB_TRY(const Plan plan, PlanQuantization(prepared_, recipe, table()));
    return ApplyPlan(prepared_, plan);
  }

  // The layer's output, behind what it absorbs.
  [[nodiscard]] std::string OutputOf(const LayerPlan& layer) const {
    const LayerPlan* last = &layer;
    for (const LayerPlan& other : plan_.layers) {
      if (other.absorbed_by == layer.layer) last = &other;
    }
    const auto node = nodes_.find(last->layer);
    return node == nodes_.end() || node->second->outputs.empty() ? "" : node->second->outputs[0];
  }

  static bool Makes(const Model& model, const std::string& tensor) {
    return std::any_of(model.graph.nodes.begin(), model.graph.nodes.end(), [&](const Node& node) {
      return std::find(node.outputs.begin(), node.outputs.end(), tensor) != node.outputs.end();
    });
  }

  [[nodiscard]] LayerAccuracy Describe(const LayerPlan& layer) const {
    LayerAccuracy accuracy;
    accuracy.layer = layer.layer;
    accuracy.op_type = layer.op_type;
    accuracy.treatment = Format("{} {}", Name(layer.scheme), Name(layer.weight_type));
    for (double* db : {&accuracy.local_db, &accuracy.only_db, &accuracy.without_db,
                       &accuracy.only_divergence, &accuracy.without_divergence}) {
      *db = kNotMeasured;
    }
    accuracy.weights = WeightRange(layer.weight);
    const auto node = nodes_.find(layer.layer);
    if (seen_ == nullptr || node == nodes_.end() || node->second->inputs.empty()) return accuracy;
    const auto seen = seen_->tensors.find(node->second->inputs[0]);
    const auto chosen = table_->ranges.find(node->second->inputs[0]);
    if (seen == seen_->tensors.end() || chosen == table_->ranges.end()) return accuracy;
    accuracy.observed = true;
    accuracy.input = {chosen->second.min, chosen->second.max};
    accuracy.clipped = ClippedShare(seen->second, accuracy.input);
    return accuracy;
  }

  [[nodiscard]] Range WeightRange(const std::string& name) const {
    Range range;
    const Initializer* weight = prepared_.graph.FindInitializer(name);
    if (weight == nullptr || weight->type != DataType::kFloat32) return range;
    const auto values = FloatValues::Of(*weight);
    if (!values.ok() || values.value().size() == 0) return range;
    values.value().Read(0, values.value().size(), [&](std::span<const float> numbers) {
      const auto [low, high] = std::minmax_element(numbers.begin(), numbers.end());
      range = {*low, *high};
    });
    return range;
  }

  const Model& prepared_;
  const Recipe& recipe_;
  Engine& engine_;
  const Dataset& dataset_;
  CompareOptions options_;
  const CalibrationStatistics* seen_ = nullptr;
  std::optional<CalibrationTable> table_;
  Plan plan_;
  std::map<std::string, const Node*, std::less<>> nodes_;
  std::vector<std::string> quantized_;
  std::vector<const LayerPlan*> layers_;
};

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
