// Planning stored weights: one decision for each initializer.
#include "quantize/plan_stored.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "quantbench/base/format.h"

#include "quantize/weight_facts.h"

namespace quantbench {
namespace {

// A Cast node and the names it adds take about a hundred bytes.
constexpr std::int64_t kMinHalfElements = 64;
// int8 adds a Mul and the scales.
constexpr std::int64_t kMinIntegerElements = 1024;
constexpr float kLargestHalf = 65504.0F;
constexpr float kLargestBfloat = 0x1.FEp127F;

// Operators whose float parameters the engine wants as initializers, not as values.
constexpr std::array<std::string_view, 4> kWantsInitializers = {
    "Resize", "Upsample", "QuantizeLinear", "DequantizeLinear"};

std::string WhyNotRange(float largest, DataType type) {
  if (std::isnan(largest)) return "its weights hold NaN";
  if (std::isinf(largest)) return "its weights hold infinities";
  if (type == DataType::kFloat16 && largest > kLargestHalf) {
    return Format("its weights reach {}, beyond float16's 65504", largest);
  }
  if (type == DataType::kBfloat16 && largest > kLargestBfloat) {
    return Format("its weights reach {}, beyond bfloat16's largest number", largest);
  }
  return "";
}

// What does not depend on the numbers.
std::string WhyNotShape(const Initializer& weight, DataType type) {
  if (type != DataType::kInt8) {
    if (Elements(weight) >= kMinHalfElements) return "";
    return Format("fewer than {} numbers: the cast would be larger", kMinHalfElements);
  }
  if (weight.dims.size() < 2) return "a vector: as int8 it would lose digits and save little";
  if (Elements(weight) >= kMinIntegerElements) return "";
  return Format("fewer than {} weights: the scales would be larger", kMinIntegerElements);
}

bool IsRecurrent(const Node& node) {
  return node.Is("LSTM") || node.Is("GRU") || node.Is("RNN");
}

// The axis along which outputs lie: each has a scale of its own.
std::int64_t AxisOf(const Node& node, const ChosenLayer* chosen, const Treatment& treatment) {
  if (treatment.weights != DataType::kInt8 || !treatment.per_channel) return -1;
  if (IsRecurrent(node)) return 1;  // [directions, gates, inputs]
  if (chosen == nullptr || !chosen->layer.reason.empty()) return 0;
  return chosen->layer.axis();
}

// The first stored form on offer from where the layer stands; null: none.
const Treatment* StoringOf(const PlanContext& context, const ChosenLayer* chosen,
                           const NodeRef& node) {
  if (chosen != nullptr) return chosen->Is(Scheme::kStored) ? chosen->treatment() : nullptr;
  for (const Treatment& treatment : context.ChoicesOf(node).treatments) {
    if (treatment.scheme == Scheme::kStored) return &treatment;
  }
  return nullptr;
}

std::string_view FormOf(DataType type) {
  if (type == DataType::kInt8) return "int8 storage, decoded at load";
  return type == DataType::kFloat16 ? "float16 storage+Cast" : "bfloat16 storage+Cast";
}

std::uint64_t StoredBytes(const Initializer& weight, DataType type, std::int64_t axis) {
  const auto count = static_cast<std::uint64_t>(Elements(weight));
  if (type != DataType::kInt8) return 2 * count;
  std::uint64_t scales = 1;
  if (axis >= 0) scales = static_cast<std::uint64_t>(weight.dims[static_cast<std::size_t>(axis)]);
  if (axis == 1 && weight.dims.size() == 3) scales *= static_cast<std::uint64_t>(weight.dims[0]);
  return count + 4 * scales;
}

}  // namespace

void StoredWeights::Refuse(const Initializer& weight, std::string reason) {
  Decision& decision = decisions_[&weight];
  decision.treatment = nullptr;
  if (decision.reason.empty()) decision.reason = std::move(reason);
}

void StoredWeights::Want(const NodeRef& node, const Initializer& weight, const Treatment& treatment,
                         std::int64_t axis) {
  const auto [entry, is_new] = decisions_.try_emplace(&weight);
  Decision& decision = entry->second;
  std::string reason = WhyNotShape(weight, treatment.weights);
  const auto& wants = kWantsInitializers;
  if (std::find(wants.begin(), wants.end(), node.node->op_type) != wants.end()) {
    reason = Format("{} wants its parameters as initializers", node.node->op_type);
  } else if (!is_new && decision.treatment != nullptr && *decision.treatment != treatment) {
    reason = "its readers want it stored in different ways";
  }
  if (!reason.empty()) return Refuse(weight, std::move(reason));
  if (!is_new) return;  // as an earlier reader wanted it, or refused
  decision.treatment = &treatment;
  decision.axis = axis;
}

Status StoredWeights::Consider(const PlanContext& context, const LayerChoices& choices,
                               const NodeRef& node) {
  const ChosenLayer* chosen = choices.Find(node.id);
  const Treatment* treatment = StoringOf(context, chosen, node);
  for (const Initializer* weight : context.WeightsOf(node)) {
    if (!context.scopes().IsNamedOnce(*weight)) {
      Refuse(*weight, std::string(kNamedTwice));
    } else if (treatment != nullptr) {
      Want(node, *weight, *treatment, AxisOf(*node.node, chosen, *treatment));
    } else if (const std::string* pattern = context.KeptBy(node)) {
      Refuse(*weight, Format("kept by keep_float \"{}\"", Printable(*pattern)));
    } else {
      Refuse(*weight, "");
    }
  }
  return Ok();
}

Status StoredWeights::CheckNumbers(WeightFacts* facts) {
  for (auto& [weight, decision] : decisions_) {
    if (decision.treatment == nullptr) continue;
    QB_TRY(const HalfSurvey survey, facts->ForHalf(*weight));
    const DataType type = decision.treatment->weights;
    std::string reason = WhyNotRange(survey.largest, type);
    if (!reason.empty()) {
      decision = {nullptr, -1, std::move(reason)};
    } else if (type == DataType::kFloat16) {
      halves_ += Elements(*weight);
      small_ += survey.small;
    }
  }
  return Ok();
}

Result<StoredWeights> StoredWeights::Of(const PlanContext& context, const LayerChoices& choices,
                                        WeightFacts* facts) {
  StoredWeights stored;
  for (const NodeRef& node : context.nodes()) {
    QB_OK(stored.Consider(context, choices, node));
  }
  QB_OK(stored.CheckNumbers(facts));
  return stored;
}

std::optional<LayerPlan> StoredWeights::LineOf(const PlanContext& context,
                                               const NodeRef& node) const {
  LayerPlan layer = FloatLayer(context, node, "");
  std::vector<const Initializer*> weights = context.WeightsOf(node);
  std::stable_sort(weights.begin(), weights.end(), [](const Initializer* a, const Initializer* b) {
    return Elements(*a) > Elements(*b);
  });
  for (const Initializer* weight : weights) {
    const auto found = decisions_.find(weight);
    if (found == decisions_.end() || found->second.treatment == nullptr) continue;
    const Decision& decision = found->second;
    const DataType type = decision.treatment->weights;
    layer.weight_bytes_after -= weight->stored_bytes();
    layer.weight_bytes_after += StoredBytes(*weight, type, decision.axis);
    if (!layer.weight.empty()) {
      layer.other_weights.push_back(weight->name);
      continue;
    }
    layer.weight = weight->name;
    layer.weight_type = type;
    layer.weight_axis = decision.axis;
  }
  if (layer.weight.empty()) return std::nullopt;
  layer.scheme = Scheme::kStored;
  layer.form = FormOf(layer.weight_type);
  return layer;
}

std::string StoredWeights::WhyNot(const PlanContext& context, const NodeRef& node) const {
  const Initializer* largest = nullptr;
  for (const Initializer* weight : context.WeightsOf(node)) {
    if (largest == nullptr || Elements(*weight) > Elements(*largest)) largest = weight;
  }
  const auto found = decisions_.find(largest);
  return found == decisions_.end() ? "" : found->second.reason;
}

std::vector<std::string> StoredWeights::Notes() const {
  std::vector<std::string> notes;
  if (halves_ == 0) return notes;
  const double share = static_cast<double>(small_) / static_cast<double>(halves_);
  if (share > 0.01) {
    notes.push_back(
        Format("{:.1f} % of the weights are below 2^-14: float16 keeps few of "
               "their digits, or none",
               100 * share));
  }
  notes.emplace_back("weights are stored as float16 and computed with as float32");
  return notes;
}

}  // namespace quantbench
