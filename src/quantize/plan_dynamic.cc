// Planning dynamic-int8: int8 weights, activations quantized by the engine while it runs.
#include <algorithm>

#include "quantbench/base/format.h"
#include "quantbench/graph.h"

#include "quantize/planner.h"
#include "quantize/rules.h"

namespace quantbench {
namespace {

// Convolutions that the engine's ConvInteger computes slower than its float kernel stay float.
std::string WhyNotDynamic(const Node& node, const WeightedLayer& layer, const Model& model) {
  if (node.Is("Gather")) return "";
  if (std::string reason = WhyNotOpset(model, kDynamicOpset); !reason.empty()) return reason;
  if (!node.Is("Conv")) return "";
  if (node.IntAttribute("group", 1) != 1) {
    return "grouped convolution: the engine's dynamic integer kernel is slower than float";
  }
  if (layer.weight->dims.size() != 4) {
    return Format("{}-dimensional convolution: only two-dimensional ones are quantized dynamically",
                  layer.weight->dims.size() - 2);
  }
  return "";
}

std::string_view FormOf(const Node& node) {
  if (node.Is("Conv")) return "DynamicQuantizeLinear+ConvInteger";
  if (node.Is("Gather")) return "Gather of int8 rows and their scales";
  return "DynamicQuantizeLinear+MatMulInteger";
}

bool IsListed(const PlanContext& context, const NodeRef& node) {
  if (IsWeightedOperator(*node.node)) return true;
  return !context.WeightsOf(*node.node).empty();
}

LayerPlan PlanLayer(const PlanContext& context, const NodeRef& node, const WeightedLayers& layers) {
  const auto found = node.index < 0 ? layers.by_node.end() : layers.by_node.find(node.index);
  if (found == layers.by_node.end()) {
    return FloatLayer(context, node, WhyNotWeighted(context, node));
  }
  if (!found->second.reason.empty()) return FloatLayer(context, node, found->second.reason);
  LayerPlan layer = IntegerLayer(node, found->second, Scheme::kDynamicInt8);
  if (node.node->Is("Conv")) layer.weight_type = DataType::kUint8;
  layer.form = FormOf(*node.node);
  return layer;
}

}  // namespace

Result<Plan> PlanDynamic(const PlanContext& context) {
  Plan plan;
  const WeightedLayers layers = FindWeightedLayers(context, WhyNotDynamic);
  for (const NodeRef& node : context.nodes()) {
    if (IsListed(context, node)) plan.layers.push_back(PlanLayer(context, node, layers));
  }
  const auto convolutions =
      std::count_if(plan.layers.begin(), plan.layers.end(), [](const LayerPlan& layer) {
        return layer.scheme == Scheme::kDynamicInt8 && layer.op_type == "Conv";
      });
  if (convolutions > 0) {
    plan.notes.push_back(
        Format("{} Conv made ConvInteger: smaller, hardly faster; static-int8 is the recipe for "
               "convolutions",
               convolutions));
  }
  QB_OK(CheckFinite(context.model(), plan.layers));
  return plan;
}

}  // namespace quantbench
