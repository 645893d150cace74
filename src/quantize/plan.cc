// Planning: every node's line, from the part of the plan it belongs to.
#include <algorithm>

#include "quantbench/base/format.h"
#include "quantbench/quantize.h"

#include "quantize/plan_float8.h"
#include "quantize/plan_static.h"
#include "quantize/plan_stored.h"
#include "quantize/tied_weights.h"
#include "quantize/weight_scales.h"
#include "quantize/what_pays.h"

namespace quantbench {
namespace {

std::string_view DynamicForm(const Node& node) {
  if (node.Is("Conv")) return "DynamicQuantizeLinear+ConvInteger";
  if (node.Is("LSTM")) return "DynamicQuantizeLSTM";
  if (node.Is("Gather")) return "Gather of int8 rows and their scales";
  return "DynamicQuantizeLinear+MatMulInteger";
}

// Bytes of a matrix in blocks: codes, a float scale a block, packed zero points.
std::uint64_t BlockBytes(const WeightedLayer& layer, const Treatment& treatment, bool is_table) {
  const Shape& dims = layer.weight->dims;
  const bool rows_are_channels = is_table || layer.transposed;
  const auto channels = static_cast<std::uint64_t>(dims[rows_are_channels ? 0 : 1]);
  const auto length = static_cast<std::uint64_t>(dims[rows_are_channels ? 1 : 0]);
  const auto block = static_cast<std::uint64_t>(treatment.block);
  const std::uint64_t blocks = (length + block - 1) / block;
  const auto bits = static_cast<std::uint64_t>(treatment.bits());
  std::uint64_t bytes = channels * blocks * (block * bits / 8 + 4);
  if (!treatment.symmetric()) bytes += channels * ((blocks * bits + 7) / 8);
  return bytes;
}

LayerPlan WeightOnlyLayer(const NodeRef& node, const ChosenLayer& chosen) {
  const Treatment& treatment = *chosen.treatment();
  const bool is_table = node.node->Is("Gather");
  LayerPlan layer = IntegerLayer(node, chosen.layer, Scheme::kWeightOnly);
  layer.weight_type = treatment.weights;
  layer.weight_axis = is_table || chosen.layer.transposed ? 0 : 1;
  layer.block = treatment.block;
  layer.format = treatment.format;
  layer.weight_bytes_after = BlockBytes(chosen.layer, treatment, is_table);
  if (treatment.format == QuantFormat::kQdq) {
    layer.form = "DequantizeLinear in blocks";
  } else {
    layer.form = is_table ? "GatherBlockQuantized" : "MatMulNBits";
  }
  return layer;
}

class LinePlanner {
 public:
  LinePlanner(const PlanContext& context, const LayerChoices& choices, const StaticPart& part,
              const StoredWeights& stored)
      : context_(context), choices_(choices), part_(part), stored_(stored) {}

  // None for nodes that quantization does not concern.
  [[nodiscard]] std::optional<LayerPlan> LineOf(const NodeRef& node) const {
    if (auto line = part_.LineOf(node)) return WithReason(std::move(*line), ChosenReason(node));
    const ChosenLayer* chosen = Chosen(node);
    if (chosen != nullptr && chosen->is_coded() && !chosen->Is(Scheme::kKeepFloat)) {
      return WithReason(Coded(node, *chosen), chosen->reason);
    }
    if (auto line = stored_.LineOf(context_, node)) {
      return WithReason(std::move(*line), WhyStored(node));
    }
    if (!IsListed(node)) return std::nullopt;
    return FloatLayer(context_, node, WhyFloat(node));
  }

 private:
  [[nodiscard]] const ChosenLayer* Chosen(const NodeRef& node) const {
    return choices_.Find(node.id);
  }
  [[nodiscard]] std::string ChosenReason(const NodeRef& node) const {
    const ChosenLayer* chosen = Chosen(node);
    return chosen == nullptr ? "" : chosen->reason;
  }
  static LayerPlan WithReason(LayerPlan line, std::string reason) {
    line.reason = std::move(reason);
    return line;
  }

  [[nodiscard]] LayerPlan Coded(const NodeRef& node, const ChosenLayer& chosen) const {
    if (chosen.Is(Scheme::kWeightOnly)) return WeightOnlyLayer(node, chosen);
    const Scheme scheme = chosen.treatment()->scheme;
    LayerPlan layer = IntegerLayer(node, chosen.layer, scheme);
    if (scheme == Scheme::kDynamicInt8 && node.node->Is("Conv")) {
      layer.weight_type = DataType::kUint8;
    }
    if (scheme == Scheme::kFloat8) {
      layer.weight_type = chosen.treatment()->weights;
      layer.weight_axis = -1;
      layer.form = "QDQ float8";
    } else {
      layer.form = DynamicForm(*node.node);
    }
    return layer;
  }

  [[nodiscard]] bool StoringIsFirst(const NodeRef& node) const {
    const auto treatments = context_.ChoicesOf(node).treatments;
    return !treatments.empty() && treatments.front().scheme == Scheme::kStored;
  }

  // Why a node is merely stored; empty where that was the first choice.
  [[nodiscard]] std::string WhyStored(const NodeRef& node) const {
    if (StoringIsFirst(node)) return "";
    if (const ChosenLayer* chosen = Chosen(node)) return chosen->reason;
    return WhyNotWeighted(context_, node);
  }

  [[nodiscard]] bool IsListed(const NodeRef& node) const {
    if (IsWeightedOperator(*node.node) || !context_.WeightsOf(node).empty()) return true;
    return context_.recipe().needs_calibration() && part_.IsCandidate(node);
  }

  [[nodiscard]] std::string WhyFloat(const NodeRef& node) const {
    if (std::string kept = WhyKeptFloat(context_, node); !kept.empty()) return kept;
    if (const ChosenLayer* chosen = Chosen(node)) {
      if (chosen->Is(Scheme::kStored) && StoringIsFirst(node)) {
        return stored_.WhyNot(context_, node);
      }
      return chosen->reason.empty() ? stored_.WhyNot(context_, node) : chosen->reason;
    }
    if (context_.WeightsOf(node).empty()) return part_.WhyOutside(node);
    if (StoringIsFirst(node)) return stored_.WhyNot(context_, node);
    return WhyNotWeighted(context_, node);
  }

  const PlanContext& context_;
  const LayerChoices& choices_;
  const StaticPart& part_;
  const StoredWeights& stored_;
};

// Fusions that make a form slower. SkipLayerNormalization: 575 us against 113 us of its parts for
// 128 x 768 on AVX2 [measured in whole BERT-base], and the engine fuses it only where products are
// quantized.
void AdviseEngine(const Model& model, Plan* plan) {
  const auto is_product = [](const LayerPlan& layer) {
    return layer.op_type == "MatMul" || layer.op_type == "Gemm";
  };
  const auto is_integer = [&](const LayerPlan& layer) {
    return is_product(layer) && layer.scheme != Scheme::kKeepFloat &&
           layer.scheme != Scheme::kStored;
  };
  const auto normalizes = [](const Node& node) {
    return node.op_type == "LayerNormalization" || node.op_type == "ReduceMean";
  };
  if (std::none_of(plan->layers.begin(), plan->layers.end(), is_integer)) return;
  const std::vector<Node>& nodes = model.graph.nodes;
  if (std::none_of(nodes.begin(), nodes.end(), normalizes)) return;
  plan->engine_options["optimization.disable_specified_optimizers"] = "SkipLayerNormFusion";
  plan->notes.emplace_back(
      "asks the engine not to fuse SkipLayerNormalization, which is slower than its parts; arms "
      "that are compared get the same");
}

Result<StaticPart> PlanStaticPart(const PlanContext& context, const CalibrationTable* table,
                                  LayerChoices* choices) {
  if (!context.recipe().needs_calibration()) return StaticPart::Of(context, *choices);
  return StaticPart::Of(context, choices, *table);
}

// The scales with which a layer's weight will be written.
Result<WeightScales> ScalesToWrite(const PlanContext& context, const NodeRef& node,
                                   const WeightedLayer& layer, const std::string& tied_to,
                                   const Plan& plan, WeightFacts* facts) {
  if (!tied_to.empty()) {
    return TableScales(*context.scopes().FindNamed(tied_to), plan, 0, facts);
  }
  if (node.node->Is("Gather")) return TableScales(*layer.weight, plan, 0, facts);
  return ChooseWeightScales(*node.node, layer, plan.target, 0, facts);
}

// Says of every layer with integer products how many of its channels the prover repairs.
Status CountRepairs(const PlanContext& context, const LayerChoices& choices, WeightFacts* facts,
                    Plan* plan) {
  std::map<std::string, LayerPlan*> lines;
  for (LayerPlan& line : plan->layers) lines.emplace(line.layer, &line);
  std::int64_t layers = 0;
  for (const auto& [id, chosen] : choices.layers()) {
    const NodeRef& node = context.NodeOf(id);
    const auto line = lines.find(node.name);
    if (line == lines.end() || line->second->weight_type != DataType::kInt8) continue;
    if (!chosen.Is(Scheme::kDynamicInt8) && !chosen.Is(Scheme::kStaticInt8)) continue;
    if (node.node->Is("LSTM")) continue;
    QB_TRY(const WeightScales scales,
           ScalesToWrite(context, node, chosen.layer, line->second->tied_to, *plan, facts));
    if (node.node->Is("Gather")) continue;
    line->second->repaired_channels = scales.repaired;
    if (scales.repaired > 0) ++layers;
  }
  if (layers > 0) {
    plan->notes.push_back(
        Format("in {} layers the scales of channels were widened so that no 16-bit sum overflows "
               "on processors without VNNI",
               layers));
  }
  return Ok();
}

}  // namespace

std::vector<std::string> TensorsToObserve(const Model& prepared, const Recipe& recipe) {
  if (!recipe.needs_calibration()) return {};
  const auto context = PlanContext::Of(prepared, recipe);
  if (!context.ok()) return {};  // PlanQuantization says what is wrong
  const LayerChoices choices = ChoicesThatPay(context.value(), nullptr);
  std::set<std::string> tensors = StaticPart::Of(context.value(), choices).region().Activations();
  for (std::string& tensor : Float8Inputs(context.value(), choices)) {
    tensors.insert(std::move(tensor));
  }
  return {tensors.begin(), tensors.end()};
}

Result<Plan> PlanQuantization(const Model& prepared, const Recipe& recipe,
                              const CalibrationTable* table, WeightFacts* shared_facts) {
  WeightFacts unshared;
  WeightFacts* facts = shared_facts != nullptr ? shared_facts : &unshared;
  if (recipe.needs_calibration() && table == nullptr) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("recipe {} needs calibration, and none was given", recipe.name));
  }
  QB_TRY(const PlanContext context, PlanContext::Of(prepared, recipe));
  std::string what_pays;
  LayerChoices choices = ChoicesThatPay(context, &what_pays);
  QB_TRY(const StaticPart part, PlanStaticPart(context, table, &choices));
  Plan plan;
  if (recipe.needs_calibration()) {
    QB_TRY(plan.activations, PlanFloat8(context, *table, &choices));
  }
  QB_TRY(const StoredWeights stored, StoredWeights::Of(context, choices, facts));
  plan.recipe = recipe.name;
  plan.target = recipe.target;
  plan.recovery = recipe.recovery;
  plan.calibrated = recipe.needs_calibration();
  const LinePlanner planner(context, choices, part, stored);
  for (const NodeRef& node : context.nodes()) {
    if (auto line = planner.LineOf(node)) plan.layers.push_back(std::move(*line));
  }
  if (recipe.needs_calibration()) {
    for (ActivationPlan& activation : part.Activations(*table)) {
      plan.activations.push_back(std::move(activation));
    }
  }
  plan.notes = stored.Notes();
  if (!what_pays.empty()) plan.notes.push_back(std::move(what_pays));
  QB_OK(TieWeights(context.scopes(), &plan, facts));
  QB_OK(CountRepairs(context, choices, facts, &plan));
  QB_OK(CheckFinite(context.scopes(), plan.layers, facts));
  AdviseEngine(prepared, &plan);
  return plan;
}

}  // namespace quantbench
