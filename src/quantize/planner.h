// Planner: what the schemes' planners share, and the door through which PlanQuantization calls
// them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "quantbench/graph.h"
#include "quantbench/quantize.h"

#include "quantize/weighted_layer.h"

namespace quantbench {

// A prepared model seen by a planner. Views the model.
class PlanContext {
 public:
  // kInvalidArgument when a pattern of keep_float matches no node.
  [[nodiscard]] static Result<PlanContext> Of(const Model& model, const Recipe& recipe);

  [[nodiscard]] const Model& model() const { return *model_; }
  [[nodiscard]] const Recipe& recipe() const { return *recipe_; }
  [[nodiscard]] const GraphIndex& index() const { return index_; }
  [[nodiscard]] const ElementTypes& types() const { return types_; }
  [[nodiscard]] const std::vector<NodeRef>& nodes() const { return nodes_; }
  // The node at that index of the outer graph.
  [[nodiscard]] const NodeRef& OuterNode(std::int64_t index) const {
    return nodes_[outer_[static_cast<std::size_t>(index)]];
  }
  // The pattern that keeps the node float; null: none does.
  [[nodiscard]] const std::string* KeptBy(const NodeRef& node) const;
  // Float weights that the node reads, from its own graph or one around it; an initializer once.
  [[nodiscard]] std::vector<const Initializer*> WeightsOf(const Node& node) const;

 private:
  PlanContext(const Model& model, const Recipe& recipe);
  const Model* model_;
  const Recipe* recipe_;
  GraphIndex index_;
  ElementTypes types_;
  std::vector<NodeRef> nodes_;
  std::vector<std::size_t> outer_;  // place in nodes_ of each node of the outer graph
  std::unordered_map<std::string_view, const Initializer*> initializers_;  // of all graphs
};

// A layer that stays float, its weights counted.
[[nodiscard]] LayerPlan FloatLayer(const PlanContext& context, const NodeRef& node,
                                   std::string reason);
// A layer whose weight becomes int8 codes and scales.
[[nodiscard]] LayerPlan IntegerLayer(const NodeRef& node, const WeightedLayer& weighted,
                                     Scheme scheme);
// Why a node stays float whatever its operator; empty: nothing stands in the way.
[[nodiscard]] std::string WhyKeptFloat(const PlanContext& context, const NodeRef& node);

// Why a node that reads weights but is no weighted layer stays float.
[[nodiscard]] std::string WhyNotWeighted(const PlanContext& context, const NodeRef& node);

// Weighted layers of the outer graph, embeddings included, by node index: what they are made of,
// with a reason where they stay float. A weight that some reader keeps in float, or that two
// readers want in different layouts, stays float for all. `refuse` adds a scheme's own reasons.
struct WeightedLayers {
  std::map<std::int64_t, WeightedLayer> by_node;
};
using Refusal = std::string (*)(const Node& node, const WeightedLayer& layer, const Model& model);
[[nodiscard]] WeightedLayers FindWeightedLayers(const PlanContext& context, Refusal refuse);

// kMalformed for NaN or infinities among the weights of layers that are quantized.
[[nodiscard]] Status CheckFinite(const Model& model, const std::vector<LayerPlan>& layers);

[[nodiscard]] Result<Plan> PlanDynamic(const PlanContext& context);
[[nodiscard]] Result<Plan> PlanStatic(const PlanContext& context, const CalibrationTable& table);
[[nodiscard]] Result<Plan> PlanHalf(const PlanContext& context);

}  // namespace quantbench
