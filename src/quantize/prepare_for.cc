// Preparing a model for a recipe.
#include <map>
#include <set>

#include "quantbench/graph.h"
#include "quantbench/quantize.h"

#include "quantize/what_pays.h"

namespace quantbench {

namespace {

using OutputNames = std::set<std::string, std::less<>>;

// What convolutions put out that will compute on floats. None where the recipe does not fit the
// model: planning says why.
OutputNames FloatConvs(const Model& lowered, const Recipe& recipe) {
  OutputNames outputs;
  const auto context = PlanContext::Of(lowered, recipe);
  if (!context.ok()) return outputs;
  const LayerChoices choices = ChoicesThatPay(context.value(), nullptr);
  for (const auto& [id, chosen] : choices.layers()) {
    const Node& node = *context.value().NodeOf(id).node;
    if (node.Is("Conv") && !chosen.Is(Scheme::kStaticInt8)) outputs.insert(node.outputs[0]);
  }
  return outputs;
}

// The same of a plan.
OutputNames FloatConvs(const Model& prepared, const Plan& plan) {
  std::map<std::string_view, Scheme> schemes;
  for (const LayerPlan& layer : plan.layers) schemes.emplace(layer.layer, layer.scheme);
  OutputNames outputs;
  for (const NodeRef& node : ListNodes(prepared.graph)) {
    const auto found = schemes.find(node.name);
    if (!node.node->Is("Conv") || found == schemes.end()) continue;
    if (found->second != Scheme::kStaticInt8) outputs.insert(node.node->outputs[0]);
  }
  return outputs;
}

}  // namespace

Result<Model> PrepareFor(Model model, const Recipe& recipe, std::vector<std::string>* notes) {
  QB_TRY(Model prepared, Prepare(std::move(model), notes));
  if (!recipe.needs_calibration()) {
    QB_OK(RecomposeAttention(&prepared, notes));
    return prepared;
  }
  // What is lowered decides what pays, and what pays what is lowered: until they agree, so that the
  // plan, which is made of the result, leads to it again.
  constexpr int kMostRounds = 4;
  OutputNames floats;
  for (int round = 1;; ++round) {
    Model lowered = prepared;
    std::vector<std::string> lowering;
    QB_OK(LowerForIntegers(&lowered, &lowering, floats));
    OutputNames found = FloatConvs(lowered, recipe);
    if (found == floats || round == kMostRounds) {
      if (notes != nullptr) notes->insert(notes->end(), lowering.begin(), lowering.end());
      return lowered;
    }
    floats = std::move(found);
  }
}

Result<Model> PrepareFor(Model model, const Plan& plan, std::vector<std::string>* notes) {
  QB_TRY(Model prepared, Prepare(std::move(model), notes));
  if (plan.calibrated) {
    QB_OK(LowerForIntegers(&prepared, notes, FloatConvs(prepared, plan)));
  } else {
    QB_OK(RecomposeAttention(&prepared, notes));
  }
  return prepared;
}

}  // namespace quantbench
