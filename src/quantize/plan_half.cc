// Planning float16: weights stored in half the bytes, arithmetic as before.
#include <algorithm>
#include <array>
#include <cmath>

#include "quantbench/base/format.h"

#include "quantize/planner.h"

namespace quantbench {
namespace {

// A Cast node and the names it adds take about a hundred bytes.
constexpr std::int64_t kMinHalfElements = 64;
constexpr float kLargestHalf = 65504.0F;

// Operators whose float parameters the engine wants as initializers, not as values.
constexpr std::array<std::string_view, 4> kWantsInitializers = {
    "Resize", "Upsample", "QuantizeLinear", "DequantizeLinear"};

std::string WhyNotRange(float largest) {
  if (std::isnan(largest)) return "its weights hold NaN";
  if (largest <= kLargestHalf) return "";
  return Format("its weights reach {}, beyond float16's 65504", largest);
}

// What becomes of every float initializer: the reason it stays float32, empty for float16.
class HalfDecisions {
 public:
  [[nodiscard]] static Result<HalfDecisions> Of(const PlanContext& context) {
    HalfDecisions decisions;
    for (const NodeRef& node : context.nodes()) {
      QB_OK(decisions.Consider(context, node));
    }
    return decisions;
  }

  [[nodiscard]] const std::string& WhyNot(const Initializer& weight) const {
    return reasons_.at(&weight);
  }
  // Numbers in weights that become float16, and those of them below float16's normal range.
  [[nodiscard]] std::int64_t numbers() const { return numbers_; }
  [[nodiscard]] std::int64_t small() const { return small_; }

 private:
  [[nodiscard]] Status Consider(const PlanContext& context, const NodeRef& node) {
    for (const Initializer* weight : context.WeightsOf(*node.node)) {
      QB_OK(Consider(context, node, *weight));
    }
    return Ok();
  }

  [[nodiscard]] Status Consider(const PlanContext& context, const NodeRef& node,
                                const Initializer& weight) {
    const auto [entry, is_new] = reasons_.try_emplace(&weight);
    std::string& reason = entry->second;
    if (is_new) {
      QB_TRY(reason, Measure(context.model(), weight));
    }
    const auto& wants = kWantsInitializers;
    if (const std::string* pattern = context.KeptBy(node)) {
      reason = Format("kept by keep_float \"{}\"", Printable(*pattern));
    } else if (std::find(wants.begin(), wants.end(), node.node->op_type) != wants.end()) {
      reason = Format("{} wants its parameters as initializers", node.node->op_type);
    }
    return Ok();
  }

  [[nodiscard]] Result<std::string> Measure(const Model& model, const Initializer& weight) {
    if (Elements(weight) < kMinHalfElements) {
      return Format("fewer than {} numbers: the cast would be larger", kMinHalfElements);
    }
    QB_TRY(const HalfSurvey survey, SurveyForHalf(model, weight));
    std::string reason = WhyNotRange(survey.largest);
    if (reason.empty()) {
      numbers_ += Elements(weight);
      small_ += survey.small;
    }
    return reason;
  }

  std::map<const Initializer*, std::string> reasons_;
  std::int64_t numbers_ = 0;
  std::int64_t small_ = 0;
};

LayerPlan PlanLayer(const PlanContext& context, const NodeRef& node,
                    const HalfDecisions& decisions) {
  LayerPlan layer = FloatLayer(context, node, "");
  std::vector<const Initializer*> weights = context.WeightsOf(*node.node);
  std::stable_sort(weights.begin(), weights.end(), [](const Initializer* a, const Initializer* b) {
    return Elements(*a) > Elements(*b);
  });
  for (const Initializer* weight : weights) {
    if (!decisions.WhyNot(*weight).empty()) continue;
    layer.weight_bytes_after -= weight->stored_bytes() / 2;
    if (layer.weight.empty()) {
      layer.weight = weight->name;
    } else {
      layer.other_weights.push_back(weight->name);
    }
  }
  if (layer.weight.empty()) {
    layer.reason = decisions.WhyNot(*weights.front());
    return layer;
  }
  layer.scheme = Scheme::kFloat16;
  layer.weight_type = DataType::kFloat16;
  layer.form = "float16 storage+Cast";
  return layer;
}

}  // namespace

Result<Plan> PlanHalf(const PlanContext& context) {
  Plan plan;
  QB_TRY(const HalfDecisions decisions, HalfDecisions::Of(context));
  for (const NodeRef& node : context.nodes()) {
    if (context.WeightsOf(*node.node).empty()) continue;
    plan.layers.push_back(PlanLayer(context, node, decisions));
  }
  const double share = decisions.numbers() == 0 ? 0
                                                : static_cast<double>(decisions.small()) /
                                                      static_cast<double>(decisions.numbers());
  if (share > 0.01) {
    plan.notes.push_back(
        Format("{:.1f} % of the weights are below 2^-14: float16 keeps few of "
               "their digits, or none",
               100 * share));
  }
  plan.notes.emplace_back("weights are stored as float16 and computed with as float32");
  return plan;
}

}  // namespace quantbench
