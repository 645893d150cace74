// Planning static-int8: the integer region of the graph, and a scale for every activation in it.
#include <algorithm>

#include "quantbench/base/format.h"
#include "quantbench/graph.h"

#include "quantize/integer_region.h"
#include "quantize/planner.h"
#include "quantize/rules.h"
#include "quantize/scale_groups.h"

namespace quantbench {
namespace {

// Beyond this, a Concat's smaller input would keep less than four of its eight bits.
constexpr double kWorstSpread = 16;

using Reasons = std::map<std::int64_t, std::string>;

std::string WhyNotStatic(const Node& node, const WeightedLayer& /*layer*/, const Model& model) {
  if (node.Is("Gather") || StaticOpset(model) > 0) return "";
  return WhyNotOpset(model, kOldestIntegers);
}

// The layers that integer parts grow from, each with the Add it absorbs (-1: none).
std::map<std::int64_t, std::int64_t> AnchorsOf(const PlanContext& context,
                                               const WeightedLayers& layers,
                                               const Reasons& excluded) {
  std::map<std::int64_t, std::int64_t> anchors;
  for (const auto& [node, layer] : layers.by_node) {
    if (!layer.reason.empty() || excluded.contains(node)) continue;
    const Node& operation = *context.OuterNode(node).node;
    if (!IsWeightedOperator(operation)) continue;
    const bool absorbs = operation.Is("Conv") && !excluded.contains(layer.adder);
    anchors.emplace(node, absorbs ? layer.adder : -1);
  }
  return anchors;
}

// Nodes that the recipe keeps float, and weighted operators that cannot be quantized.
Reasons FirstExclusions(const PlanContext& context, const WeightedLayers& layers) {
  Reasons excluded;
  for (const NodeRef& node : context.nodes()) {
    if (node.index < 0) continue;
    if (std::string kept = WhyKeptFloat(context, node); !kept.empty()) {
      excluded.emplace(node.index, std::move(kept));
    }
  }
  for (const auto& [node, layer] : layers.by_node) {
    if (!layer.reason.empty()) excluded.emplace(node, layer.reason);
  }
  return excluded;
}

// Why a tensor cannot be quantized; empty: it can. kMalformed for NaN or infinities in it.
Result<std::string> WhyNotTensor(const std::string& tensor, const CalibrationTable& table) {
  const auto seen = table.ranges.find(tensor);
  if (seen == table.ranges.end() || seen->second.count == 0) {
    return Format("its activation \"{}\" was not seen during calibration", Printable(tensor));
  }
  if (seen->second.type != DataType::kFloat32) {
    return Format("its activation \"{}\" is {}, not float32", Printable(tensor),
                  Name(seen->second.type));
  }
  if (seen->second.nonfinite > 0) {
    return Error(
        ErrorCode::kMalformed,
        Format("tensor \"{}\" held {} NaN or infinities during calibration; keep the layer "
               "that makes it float, or mend the data",
               Printable(tensor), seen->second.nonfinite));
  }
  return std::string();
}

// Members of the region that must leave it.
Result<Reasons> Misfits(const PlanContext& context, const IntegerRegion& region,
                        const CalibrationTable& table) {
  Reasons misfits;
  for (const std::int64_t node : region.members()) {
    std::vector<std::string> tensors = region.InputsOf(node);
    if (region.OutputsCodes(node)) {
      for (std::string& output : region.OutputsOf(node)) tensors.push_back(std::move(output));
    }
    for (const std::string& tensor : tensors) {
      QB_TRY(std::string reason, WhyNotTensor(tensor, table));
      if (!reason.empty()) misfits.emplace(node, std::move(reason));
    }
  }
  if (!misfits.empty()) return misfits;
  ScaleGroups groups(region.Activations(), table);
  JoinMovers(context, region, &groups);
  for (const std::int64_t node : region.members()) {
    if (!context.OuterNode(node).node->Is("Concat")) continue;
    const double spread = groups.Spread(region.InputsOf(node));
    if (spread <= kWorstSpread) continue;
    misfits.emplace(node,
                    Format("the ranges of its inputs differ {:.0f}-fold: one scale would crush "
                           "the smaller",
                           spread));
  }
  return misfits;
}

std::vector<ActivationPlan> PlanActivations(const PlanContext& context, const IntegerRegion& region,
                                            const CalibrationTable& table) {
  const std::set<std::string> tensors = region.Activations();
  ScaleGroups groups(tensors, table);
  JoinMovers(context, region, &groups);
  JoinConcats(context, region, &groups);
  const bool is_arm = context.recipe().target == Target::kArm;
  const CodeRange codes = is_arm ? CodeRange{-128, 127} : CodeRange{0, 255};
  std::vector<ActivationPlan> activations;
  for (const std::string& tensor : tensors) {
    const ScaleGroups::Range range = groups.RangeOf(tensor);
    activations.push_back({tensor, is_arm ? DataType::kInt8 : DataType::kUint8,
                           ChooseAsymmetric(range.low, range.high, codes)});
  }
  return activations;
}

// One layer's line in the plan, or none: operators far from weights and integers are not listed.
class LayerWriter {
 public:
  LayerWriter(const PlanContext& context, const WeightedLayers& layers, const IntegerRegion& region,
              const Reasons& excluded)
      : context_(context), layers_(layers), region_(region), excluded_(excluded) {}

  void Write(const NodeRef& node, std::vector<LayerPlan>* list) const {
    if (region_.IsMember(node.index)) {
      list->push_back(Member(node));
    } else if (const std::int64_t owner = LayerOfBias(node); owner >= 0) {
      list->push_back(Bias(node, owner));
    } else if (region_.AbsorbedBy(node.index) >= 0) {
      list->push_back(Absorbed(node));
    } else if (IsQuantizedEmbedding(node)) {
      LayerPlan layer = IntegerLayer(node, layers_.by_node.at(node.index), Scheme::kStaticInt8);
      layer.form = "Gather of int8 rows and their scales";
      list->push_back(std::move(layer));
    } else if (IsCandidate(node)) {
      list->push_back(FloatLayer(context_, node, WhyFloat(node)));
    }
  }

 private:
  [[nodiscard]] LayerPlan Member(const NodeRef& node) const {
    LayerPlan layer;
    const auto weighted = layers_.by_node.find(node.index);
    if (weighted != layers_.by_node.end() && IsWeightedOperator(*node.node)) {
      layer = IntegerLayer(node, weighted->second, Scheme::kStaticInt8);
      layer.weight_bytes_after += static_cast<std::uint64_t>(weighted->second.channel_count());
    } else {
      layer.layer = node.name;
      layer.op_type = node.node->op_type;
      layer.scheme = Scheme::kStaticInt8;
    }
    layer.output_quantized = region_.OutputsCodes(node.index);
    layer.form = layer.output_quantized ? "QDQ" : "QDQ, float output";
    if (node.node->Is("MatMul") && !layer.output_quantized) {
      layer.form = "QuantizeLinear+MatMulIntegerToFloat";
    }
    return layer;
  }

  // The layer whose bias this Add holds, when that is quantized with it; -1: none.
  [[nodiscard]] std::int64_t LayerOfBias(const NodeRef& node) const {
    if (!node.node->Is("Add") || node.index < 0 || excluded_.contains(node.index)) return -1;
    for (const std::string& input : node.node->inputs) {
      const std::int64_t before = context_.index().ProducerIndex(input);
      const auto layer = layers_.by_node.find(before);
      if (layer == layers_.by_node.end() || layer->second.adder != node.index) continue;
      const bool is_product = context_.OuterNode(before).node->Is("MatMul");
      if (is_product ? region_.IsMember(before) : region_.AbsorbedBy(node.index) >= 0)
        return before;
    }
    return -1;
  }

  [[nodiscard]] LayerPlan Bias(const NodeRef& node, std::int64_t of) const {
    LayerPlan layer = FloatLayer(context_, node, "");
    layer.scheme = Scheme::kStaticInt8;
    layer.absorbed_by = context_.OuterNode(of).name;
    layer.form = Format("the bias of \"{}\"", Printable(layer.absorbed_by));
    return layer;
  }

  [[nodiscard]] LayerPlan Absorbed(const NodeRef& node) const {
    LayerPlan layer;
    layer.layer = node.name;
    layer.op_type = node.node->op_type;
    layer.scheme = Scheme::kStaticInt8;
    layer.absorbed_by = context_.OuterNode(region_.AbsorbedBy(node.index)).name;
    layer.form = Format("the output range of \"{}\"", Printable(layer.absorbed_by));
    return layer;
  }

  [[nodiscard]] bool IsQuantizedEmbedding(const NodeRef& node) const {
    const auto layer = node.index < 0 ? layers_.by_node.end() : layers_.by_node.find(node.index);
    return layer != layers_.by_node.end() && layer->second.reason.empty() &&
           node.node->Is("Gather");
  }

  // Weighted operators, readers of weights, and operators with kernels on codes that work on
  // floats.
  [[nodiscard]] bool IsCandidate(const NodeRef& node) const {
    if (IsWeightedOperator(*node.node) || !context_.WeightsOf(*node.node).empty()) return true;
    const Role role = RuleOf(*node.node).role;
    if (node.index < 0 || node.node->inputs.empty()) return false;
    if (role != Role::kCombine && role != Role::kUnary && role != Role::kClamp) return false;
    const auto type = context_.types().find(node.node->inputs[0]);
    return type != context_.types().end() && type->second == DataType::kFloat32;
  }

  [[nodiscard]] std::string WhyFloat(const NodeRef& node) const {
    if (node.index < 0) return WhyKeptFloat(context_, node);
    const auto excluded = excluded_.find(node.index);
    if (excluded != excluded_.end()) return excluded->second;
    const std::vector<std::string>& inputs = node.node->inputs;
    const bool has_constant = std::any_of(
        inputs.begin(), inputs.end(),
        [&](const std::string& name) { return context_.index().FindInitializer(name) != nullptr; });
    if (has_constant) return WhyNotWeighted(context_, node);
    return std::string(RuleOf(*node.node).reason);
  }

  const PlanContext& context_;
  const WeightedLayers& layers_;
  const IntegerRegion& region_;
  const Reasons& excluded_;
};

}  // namespace

std::vector<std::string> TensorsToObserve(const Model& prepared, const Recipe& recipe) {
  if (!recipe.needs_calibration()) return {};
  const auto context = PlanContext::Of(prepared, recipe);
  if (!context.ok()) return {};  // PlanQuantization says what is wrong
  const WeightedLayers layers = FindWeightedLayers(context.value(), WhyNotStatic);
  const Reasons excluded = FirstExclusions(context.value(), layers);
  const IntegerRegion region =
      IntegerRegion::Grow(context.value(), AnchorsOf(context.value(), layers, excluded), excluded);
  const std::set<std::string> tensors = region.Activations();
  return {tensors.begin(), tensors.end()};
}

Result<Plan> PlanStatic(const PlanContext& context, const CalibrationTable& table) {
  const WeightedLayers layers = FindWeightedLayers(context, WhyNotStatic);
  Reasons excluded = FirstExclusions(context, layers);
  IntegerRegion region =
      IntegerRegion::Grow(context, AnchorsOf(context, layers, excluded), excluded);
  for (;;) {
    QB_TRY(Reasons misfits, Misfits(context, region, table));
    if (misfits.empty()) break;
    excluded.merge(misfits);
    region = IntegerRegion::Grow(context, AnchorsOf(context, layers, excluded), excluded);
  }
  Plan plan;
  const LayerWriter writer(context, layers, region, excluded);
  for (const NodeRef& node : context.nodes()) writer.Write(node, &plan.layers);
  plan.activations = PlanActivations(context, region, table);
  QB_OK(CheckFinite(context.model(), plan.layers));
  return plan;
}

}  // namespace quantbench
