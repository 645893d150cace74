// Planner: a prepared model seen through a recipe, and what the schemes' planners share.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/graph.h"
#include "quantbench/quantize.h"

#include "quantize/scopes.h"
#include "quantize/weighted_layer.h"

namespace quantbench {

// A prepared model seen by a planner. Views model and recipe.
class PlanContext {
 public:
  // kInvalidArgument when a pattern of keep_float or of a rule matches no node.
  [[nodiscard]] static Result<PlanContext> Of(const Model& model, const Recipe& recipe);

  [[nodiscard]] const Model& model() const { return *model_; }
  [[nodiscard]] const Recipe& recipe() const { return *recipe_; }
  [[nodiscard]] const Scopes& scopes() const { return scopes_; }
  // Of the outer graph.
  [[nodiscard]] const GraphIndex& index() const { return scopes_.outermost().index; }
  [[nodiscard]] const ElementTypes& types() const { return scopes_.outermost().types; }
  [[nodiscard]] const std::vector<NodeRef>& nodes() const { return scopes_.nodes(); }
  [[nodiscard]] const NodeRef& NodeOf(std::int64_t id) const { return scopes_.NodeOf(id); }
  // The pattern that keeps the node float; null: none does.
  [[nodiscard]] const std::string* KeptBy(const NodeRef& node) const;
  // Float weights that the node reads, from its own graph or one around it; an initializer once.
  [[nodiscard]] std::vector<const Initializer*> WeightsOf(const NodeRef& node) const;

  // What the recipe offers the node, the best first.
  struct Choices {
    std::span<const Treatment> treatments;
    bool by_rule = false;  // asked for by name: taken even where it does not pay
  };
  [[nodiscard]] Choices ChoicesOf(const NodeRef& node) const;

 private:
  PlanContext(const Model& model, const Recipe& recipe);
  [[nodiscard]] bool Fits(const RecipeRule& rule, const NodeRef& node) const;
  const Model* model_;
  const Recipe* recipe_;
  Scopes scopes_;
};

// A layer that stays float, its weights counted.
[[nodiscard]] LayerPlan FloatLayer(const PlanContext& context, const NodeRef& node,
                                   std::string reason);
// A layer whose weight becomes int8 codes and scales.
[[nodiscard]] LayerPlan IntegerLayer(const NodeRef& node, const WeightedLayer& weighted,
                                     Scheme scheme);
// Why a node stays float whatever its operator; empty: nothing stands in the way.
[[nodiscard]] std::string WhyKeptFloat(const PlanContext& context, const NodeRef& node);
// Why a node that reads weights but is no weighted layer has no integer form.
[[nodiscard]] std::string WhyNotWeighted(const PlanContext& context, const NodeRef& node);

// kMalformed for NaN or infinities among the weights of layers that become integers.
[[nodiscard]] Status CheckFinite(const Scopes& scopes, const std::vector<LayerPlan>& layers,
                                 WeightFacts* facts);

}  // namespace quantbench
