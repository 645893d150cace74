// Comparing variants of a model, layer by layer.
#include "run/accuracy_explainer.h"

#include <algorithm>
#include <limits>

#include "quantbench/base/format.h"
#include "quantbench/graph.h"

namespace quantbench {
namespace {

constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();

// The outputs of a model against the float one's.
struct OutputAccuracy {
  double db = std::numeric_limits<double>::infinity();  // worst
  double divergence = 0;                                // worst mean of an output
};

OutputAccuracy OfOutputs(const std::vector<TensorError>& errors, std::size_t count) {
  OutputAccuracy accuracy;
  for (std::size_t i = 0; i < count; ++i) {
    accuracy.db = std::min(accuracy.db, errors[i].SqnrDb());
    if (errors[i].rows == 0) continue;
    accuracy.divergence =
        std::max(accuracy.divergence, errors[i].divergence / static_cast<double>(errors[i].rows));
  }
  return accuracy;
}

bool Makes(const Model& model, const std::string& tensor) {
  return std::any_of(model.graph.nodes.begin(), model.graph.nodes.end(), [&](const Node& node) {
    return std::find(node.outputs.begin(), node.outputs.end(), tensor) != node.outputs.end();
  });
}

bool IsQuantized(const Plan& plan, std::string_view name) {
  return std::any_of(plan.layers.begin(), plan.layers.end(), [&](const LayerPlan& layer) {
    return layer.layer == name && layer.scheme != Scheme::kKeepFloat;
  });
}

// What did not pay in the whole network is not weighed again without parts of it.
void KeepChoices(const Plan& plan, Recipe* recipe) {
  if (!recipe->weighs_costs) return;
  recipe->weighs_costs = false;
  for (const LayerPlan& layer : plan.layers) {
    const bool is_stored = layer.scheme == Scheme::kStored;
    if (!is_stored && layer.scheme != Scheme::kKeepFloat) continue;
    RecipeRule rule;
    rule.match = layer.layer;
    Treatment treatment;
    treatment.scheme = layer.scheme;
    treatment.weights = layer.weight_type;
    treatment.per_channel = layer.weight_axis >= 0;
    rule.choices = {treatment};
    recipe->rules.push_back(std::move(rule));
  }
}

}  // namespace

AccuracyExplainer::AccuracyExplainer(const Model& prepared, const Recipe& recipe, Engine& engine,
                                     const Dataset& dataset, const CompareOptions& options)
    : prepared_(prepared), recipe_(recipe), engine_(engine), dataset_(dataset), options_(options) {}

Status AccuracyExplainer::Start(const CalibrationStatistics* seen,
                                const ObserverOptions& observer) {
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

Result<AccuracyExplanation> AccuracyExplainer::ExplainAll(Progress& progress) {
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
  const OutputAccuracy outputs = OfOutputs(errors, Outputs().size());
  all.output_db = outputs.db;
  all.output_divergence = outputs.divergence;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    all.layers[i].accumulated_db =
        pair_of[i] == SIZE_MAX ? kNotMeasured : errors[pair_of[i]].SqnrDb();
  }
  return all;
}

Status AccuracyExplainer::ExplainAlone(std::size_t i, LayerAccuracy* accuracy, Progress& progress) {
  const std::string& name = layers_[i]->layer;
  std::vector<std::string> others;
  std::copy_if(quantized_.begin(), quantized_.end(), std::back_inserter(others),
               [&](const std::string& other) { return other != name; });
  QB_TRY(const Plan plan, PlanWithout(std::move(others)));
  if (!IsQuantized(plan, name)) return Ok();
  QB_TRY(const Model only, ApplyPlan(prepared_, plan));
  std::vector<TensorPair> pairs = Outputs();
  const std::string output = OutputOf(*layers_[i]);
  const bool has_output = Makes(only, output);
  if (has_output) pairs.push_back({output, output});
  QB_TRY(const auto errors, Compare(only, pairs, progress));
  const OutputAccuracy outputs = OfOutputs(errors, Outputs().size());
  accuracy->only_db = outputs.db;
  accuracy->only_divergence = outputs.divergence;
  accuracy->local_db = has_output ? errors.back().SqnrDb() : kNotMeasured;
  return Ok();
}

Status AccuracyExplainer::ExplainOne(std::size_t i, LayerAccuracy* accuracy, Progress& progress) {
  QB_OK(ExplainAlone(i, accuracy, progress));
  QB_TRY(const Plan plan, PlanWithout({layers_[i]->layer}));
  QB_TRY(const Model without, ApplyPlan(prepared_, plan));
  QB_TRY(const auto rest, Compare(without, Outputs(), progress));
  const OutputAccuracy outputs = OfOutputs(rest, Outputs().size());
  accuracy->without_db = outputs.db;
  accuracy->without_divergence = outputs.divergence;
  return Ok();
}

std::vector<TensorPair> AccuracyExplainer::Outputs() const {
  std::vector<TensorPair> pairs;
  for (const ValueInfo& output : prepared_.graph.outputs) {
    if (IsFloatingPoint(output.type)) pairs.push_back({output.name, output.name, true});
  }
  return pairs;
}

Result<std::vector<TensorError>> AccuracyExplainer::Compare(const Model& model,
                                                            const std::vector<TensorPair>& pairs,
                                                            Progress& progress) const {
  CompareOptions options = options_;
  options.session.config = EngineOptionsOf(model);
  return CompareTensors(prepared_, model, {engine_, dataset_}, pairs, options, progress);
}

Result<Plan> AccuracyExplainer::PlanWithout(std::vector<std::string> in_float) const {
  Recipe recipe = recipe_;
  KeepChoices(plan_, &recipe);
  for (std::string& layer : in_float) recipe.keep_float.push_back(std::move(layer));
  return PlanQuantization(prepared_, recipe, table());
}

std::string AccuracyExplainer::OutputOf(const LayerPlan& layer) const {
  const LayerPlan* last = &layer;
  for (const LayerPlan& other : plan_.layers) {
    if (other.absorbed_by == layer.layer) last = &other;
  }
  const auto node = nodes_.find(last->layer);
  return node == nodes_.end() || node->second->outputs.empty() ? "" : node->second->outputs[0];
}

LayerAccuracy AccuracyExplainer::Describe(const LayerPlan& layer) const {
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

Range AccuracyExplainer::WeightRange(const std::string& name) const {
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

}  // namespace quantbench
