// Planning the static part.
#include "quantize/plan_static.h"

#include <algorithm>

#include "quantbench/base/format.h"

#include "quantize/observed.h"
#include "quantize/rules.h"
#include "quantize/scale_groups.h"

namespace quantbench {
namespace {

// Beyond this, a Concat's smaller input would keep less than four of its eight bits.
constexpr double kWorstSpread = 16;

// The layers that integer parts grow from, each with the Add that holds its bias (-1: none).
std::map<std::int64_t, std::int64_t> AnchorsOf(
    const PlanContext& context, const LayerChoices& choices,
    const std::map<std::int64_t, std::string>& excluded) {
  std::map<std::int64_t, std::int64_t> anchors;
  for (const auto& [node, chosen] : choices.layers()) {
    const Node& operation = *context.NodeOf(node).node;
    if (!chosen.Is(Scheme::kStaticInt8) || !IsWeightedOperator(operation)) continue;
    const bool has_adder = !excluded.contains(chosen.layer.adder);
    anchors.emplace(node, has_adder ? chosen.layer.adder : -1);
  }
  return anchors;
}

// Nodes that the recipe keeps out of any integer part: float ones, and ones it offers no static
// form.
std::map<std::int64_t, std::string> Excluded(const PlanContext& context,
                                             const LayerChoices& choices) {
  std::map<std::int64_t, std::string> excluded;
  for (const NodeRef& node : context.nodes()) {
    if (node.index < 0) continue;
    const ChosenLayer* chosen = choices.Find(node.index);
    if (std::string kept = WhyKeptFloat(context, node); !kept.empty()) {
      excluded.emplace(node.index, std::move(kept));
    } else if (chosen != nullptr && !chosen->Is(Scheme::kStaticInt8)) {
      excluded.emplace(node.index, chosen->reason);
    } else if (chosen == nullptr) {
      const auto treatments = context.ChoicesOf(node).treatments;
      const bool offered = std::any_of(
          treatments.begin(), treatments.end(),
          [](const Treatment& treatment) { return treatment.scheme == Scheme::kStaticInt8; });
      if (!offered) excluded.emplace(node.index, "the recipe offers it no static form");
    }
  }
  return excluded;
}

}  // namespace

StaticPart::StaticPart(const PlanContext& context, const LayerChoices& choices, Reasons excluded)
    : context_(&context),
      choices_(&choices),
      excluded_(std::move(excluded)),
      region_(IntegerRegion::Grow(context, AnchorsOf(context, choices, excluded_), excluded_)) {}

StaticPart StaticPart::Of(const PlanContext& context, const LayerChoices& choices) {
  return {context, choices, Excluded(context, choices)};
}

Result<StaticPart> StaticPart::Of(const PlanContext& context, LayerChoices* choices,
                                  const CalibrationTable& table) {
  Reasons more;
  for (;;) {
    Reasons excluded = Excluded(context, *choices);
    excluded.merge(Reasons(more));
    StaticPart part(context, *choices, std::move(excluded));
    QB_TRY(Reasons misfits, part.Misfits(table));
    if (misfits.empty()) return part;
    for (const auto& [node, reason] : misfits) {
      if (choices->Find(node) != nullptr) choices->Demote(node, reason);
    }
    more.merge(misfits);
  }
}

// Members of the region that must leave it.
Result<StaticPart::Reasons> StaticPart::Misfits(const CalibrationTable& table) const {
  Reasons misfits;
  for (const std::int64_t node : region_.members()) {
    std::vector<std::string> tensors = region_.InputsOf(node);
    if (region_.OutputsCodes(node)) {
      for (std::string& output : region_.OutputsOf(node)) tensors.push_back(std::move(output));
    }
    for (const std::string& tensor : tensors) {
      QB_TRY(std::string reason, WhyNotObserved(tensor, table));
      if (!reason.empty()) misfits.emplace(node, std::move(reason));
    }
  }
  if (!misfits.empty()) return misfits;
  ScaleGroups groups(region_, table);
  JoinMovers(*context_, region_, &groups);
  for (const std::int64_t node : region_.members()) {
    if (!context_->NodeOf(node).node->Is("Concat")) continue;
    const double spread = groups.Spread(region_.InputsOf(node));
    if (spread <= kWorstSpread) continue;
    misfits.emplace(node,
                    Format("the ranges of its inputs differ {:.0f}-fold: one scale would crush "
                           "the smaller",
                           spread));
  }
  return misfits;
}

// The target's 8 bits, or what a layer that touches the tensor asks for.
std::map<std::string, DataType> StaticPart::Types() const {
  const DataType usual =
      context_->recipe().target == Target::kArm ? DataType::kInt8 : DataType::kUint8;
  std::map<std::string, DataType> types;
  for (const std::string& tensor : region_.Activations()) types.emplace(tensor, usual);
  for (const std::int64_t node : region_.members()) {
    const ChosenLayer* chosen = choices_->Find(node);
    if (chosen == nullptr || !chosen->Is(Scheme::kStaticInt8)) continue;
    const DataType wanted = chosen->treatment()->activations;
    if (wanted == DataType::kUndefined) continue;
    for (const std::string& tensor : region_.InputsOf(node)) types[tensor] = wanted;
    if (!region_.OutputsCodes(node)) continue;
    for (const std::string& tensor : region_.OutputsOf(node)) types[tensor] = wanted;
  }
  return types;
}

std::vector<ActivationPlan> StaticPart::Activations(const CalibrationTable& table) const {
  const std::map<std::string, DataType> types = Types();
  const std::set<std::string> tensors = region_.Activations();
  ScaleGroups groups(region_, table);
  JoinMovers(*context_, region_, &groups);
  JoinConcats(*context_, region_, &groups);
  // One scale means one type: the widest that a tensor of the group asks for.
  std::map<std::string, DataType> of_group;
  for (const auto& [tensor, type] : types) {
    DataType& widest = of_group.try_emplace(groups.GroupOf(tensor), type).first->second;
    if (BitsPerElement(type) > BitsPerElement(widest)) widest = type;
  }
  std::vector<ActivationPlan> activations;
  for (const std::string& tensor : tensors) {
    const DataType type = of_group.at(groups.GroupOf(tensor));
    activations.push_back({tensor, type, groups.ParamsOf(tensor, *CodesOf(type))});
  }
  return activations;
}

std::optional<LayerPlan> StaticPart::LineOf(const NodeRef& node) const {
  if (node.index < 0) return std::nullopt;
  if (region_.IsMember(node.index)) return Member(node);
  if (const std::int64_t owner = LayerOfBias(node); owner >= 0) return Bias(node, owner);
  if (region_.AbsorbedBy(node.index) >= 0) return Absorbed(node);
  return std::nullopt;
}

LayerPlan StaticPart::Member(const NodeRef& node) const {
  LayerPlan layer;
  const ChosenLayer* chosen = choices_->Find(node.index);
  if (chosen != nullptr && IsWeightedOperator(*node.node)) {
    layer = IntegerLayer(node, chosen->layer, Scheme::kStaticInt8);
    layer.weight_bytes_after += static_cast<std::uint64_t>(chosen->layer.channel_count());
    if (chosen->treatment()->weights == DataType::kInt4) {
      layer.weight_type = DataType::kInt4;
      layer.weight_bytes_after -= static_cast<std::uint64_t>(Elements(*chosen->layer.weight)) / 2;
    }
    layer.format = chosen->treatment()->format;
  } else {
    layer.layer = node.name;
    layer.op_type = node.node->op_type;
    layer.scheme = Scheme::kStaticInt8;
  }
  layer.output_quantized = region_.OutputsCodes(node.index);
  layer.factor = region_.FactorOf(node.index);
  layer.form = layer.factor > 0         ? "the scale of its input"
               : layer.output_quantized ? "QDQ"
                                        : "QDQ, float output";
  if (layer.format == QuantFormat::kQOperator) {
    layer.form = layer.output_quantized ? "QOperator" : "QOperator, float output";
  }
  if (IsEngineProduct(node.index)) {
    layer.form = "QuantizeLinear+MatMulIntegerToFloat";
  } else if (node.node->Is("MatMul") && !layer.output_quantized) {
    layer.format = QuantFormat::kQdq;
  }
  return layer;
}

// A MatMul with a float output as the engine's own operator, which takes 8-bit codes only.
bool StaticPart::IsEngineProduct(std::int64_t node) const {
  const ChosenLayer* chosen = choices_->Find(node);
  if (chosen == nullptr || !context_->NodeOf(node).node->Is("MatMul")) return false;
  if (!region_.IsMember(node) || region_.OutputsCodes(node)) return false;
  const DataType type = chosen->treatment()->activations;
  const bool is_wide = type != DataType::kUndefined && BitsPerElement(type) > 8;
  return !is_wide && chosen->treatment()->format != QuantFormat::kQdq;
}

// The layer whose bias this Add holds, when that is quantized with it; -1: none.
std::int64_t StaticPart::LayerOfBias(const NodeRef& node) const {
  if (!node.node->Is("Add") || excluded_.contains(node.index)) return -1;
  for (const std::string& input : node.node->inputs) {
    const std::int64_t before = context_->index().ProducerIndex(input);
    const ChosenLayer* chosen = choices_->Find(before);
    if (chosen == nullptr || chosen->layer.adder != node.index) continue;
    const bool is_product = context_->NodeOf(before).node->Is("MatMul");
    if (is_product ? IsEngineProduct(before) : region_.AbsorbedBy(node.index) >= 0) return before;
  }
  return -1;
}

LayerPlan StaticPart::Bias(const NodeRef& node, std::int64_t of) const {
  LayerPlan layer = FloatLayer(*context_, node, "");
  layer.scheme = Scheme::kStaticInt8;
  layer.absorbed_by = context_->NodeOf(of).name;
  layer.form = Format("the bias of \"{}\"", Printable(layer.absorbed_by));
  return layer;
}

LayerPlan StaticPart::Absorbed(const NodeRef& node) const {
  LayerPlan layer;
  layer.layer = node.name;
  layer.op_type = node.node->op_type;
  layer.scheme = Scheme::kStaticInt8;
  layer.absorbed_by = context_->NodeOf(region_.AbsorbedBy(node.index)).name;
  layer.form = Format("the output range of \"{}\"", Printable(layer.absorbed_by));
  return layer;
}

bool StaticPart::IsCandidate(const NodeRef& node) const {
  const Role role = RuleOf(*node.node).role;
  if (node.index < 0 || node.node->inputs.empty()) return false;
  if (role != Role::kCombine && role != Role::kUnary && role != Role::kClamp) return false;
  const auto type = context_->types().find(node.node->inputs[0]);
  return type != context_->types().end() && type->second == DataType::kFloat32;
}

std::string StaticPart::WhyOutside(const NodeRef& node) const {
  const auto excluded = excluded_.find(node.index);
  if (node.index >= 0 && excluded != excluded_.end()) return excluded->second;
  const std::vector<std::string>& inputs = node.node->inputs;
  const bool has_constant = std::any_of(inputs.begin(), inputs.end(), [&](const std::string& name) {
    return context_->index().FindInitializer(name) != nullptr;
  });
  if (has_constant) return WhyNotWeighted(*context_, node);
  return std::string(RuleOf(*node.node).reason);
}

}  // namespace quantbench
