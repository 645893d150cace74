// Planner: context, layers, patterns, and weights that several layers share.
#include "quantize/planner.h"

#include <algorithm>

#include "quantbench/base/format.h"

#include "quantize/rules.h"

namespace quantbench {
namespace {

// Shell patterns: * for any run of characters, ? for one.
bool Matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool Matches(std::string_view pattern, const NodeRef& node) {
  return Matches(pattern, node.name) || Matches(pattern, node.node->op_type);
}

Error UnknownPattern(const std::string& pattern, const std::vector<NodeRef>& nodes) {
  std::vector<std::string_view> names;
  for (const NodeRef& node : nodes) {
    names.push_back(node.name);
    names.push_back(node.node->op_type);
  }
  const std::string_view nearest = Nearest(pattern, names);
  return {ErrorCode::kInvalidArgument,
          Format("keep_float \"{}\" matches no layer and no operator{}", Printable(pattern),
                 nearest.empty() ? "" : Format("; did you mean \"{}\"?", Printable(nearest)))};
}

constexpr std::string_view kConstantOperand = "one operand is a constant: stays float";

// Readers of one kind with the same settings want the same codes.
bool SameLayout(const NodeRef& a, const WeightedLayer& of_a, const NodeRef& b,
                const WeightedLayer& of_b) {
  return a.node->op_type == b.node->op_type && of_a.axis() == of_b.axis() &&
         of_a.transposed == of_b.transposed && of_a.weight_factor == of_b.weight_factor;
}

// A reader of the weight of the layer at `first` that does not want the codes this one wants; -1:
// all do.
std::int64_t Dissenter(const PlanContext& context, const WeightedLayers& layers,
                       std::int64_t first) {
  const WeightedLayer& layer = layers.by_node.at(first);
  for (const std::int64_t reader : context.index().Consumers(layer.weight->name)) {
    const auto found = layers.by_node.find(reader);
    if (found == layers.by_node.end() || !found->second.reason.empty() ||
        found->second.weight != layer.weight ||
        !SameLayout(context.OuterNode(first), layer, context.OuterNode(reader), found->second)) {
      return reader;
    }
  }
  return -1;
}

void AgreeOnShared(const PlanContext& context, WeightedLayers* layers) {
  struct Verdict {
    std::int64_t first;
    std::int64_t dissenter;
    bool dissenter_is_float;
  };
  std::map<const Initializer*, Verdict> verdicts;
  for (const auto& [node, layer] : layers->by_node) {
    if (!layer.reason.empty() || verdicts.contains(layer.weight)) continue;
    const std::int64_t dissenter = Dissenter(context, *layers, node);
    const auto other = layers->by_node.find(dissenter);
    const bool is_float = other == layers->by_node.end() || !other->second.reason.empty() ||
                          other->second.weight != layer.weight;
    verdicts.emplace(layer.weight, Verdict{node, dissenter, is_float});
  }
  for (auto& [node, layer] : layers->by_node) {
    const auto found = verdicts.find(layer.weight);
    if (!layer.reason.empty() || found == verdicts.end() || found->second.dissenter < 0) continue;
    const Verdict& verdict = found->second;
    const std::int64_t other = node == verdict.dissenter ? verdict.first : verdict.dissenter;
    layer.reason =
        Format("its weight is also read by \"{}\"{}", Printable(context.OuterNode(other).name),
               verdict.dissenter_is_float ? ", which stays float" : " in another layout");
  }
}

}  // namespace

PlanContext::PlanContext(const Model& model, const Recipe& recipe)
    : model_(&model),
      recipe_(&recipe),
      index_(model.graph),
      types_(InferElementTypes(model.graph)),
      nodes_(ListNodes(model.graph)) {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].index >= 0) outer_.push_back(i);
  }
  ForEachGraph(model.graph, [&](const Graph& graph) {
    for (const Initializer& tensor : graph.initializers)
      initializers_.emplace(tensor.name, &tensor);
  });
}

Result<PlanContext> PlanContext::Of(const Model& model, const Recipe& recipe) {
  PlanContext context(model, recipe);
  for (const std::string& pattern : recipe.keep_float) {
    const auto matches = [&](const NodeRef& node) { return Matches(pattern, node); };
    if (std::none_of(context.nodes_.begin(), context.nodes_.end(), matches)) {
      return UnknownPattern(pattern, context.nodes_);
    }
  }
  return context;
}

const std::string* PlanContext::KeptBy(const NodeRef& node) const {
  for (const std::string& pattern : recipe_->keep_float) {
    if (Matches(pattern, node)) return &pattern;
  }
  return nullptr;
}

std::vector<const Initializer*> PlanContext::WeightsOf(const Node& node) const {
  std::vector<const Initializer*> weights;
  for (const std::string& input : node.inputs) {
    const auto found = initializers_.find(input);
    if (found == initializers_.end() || !IsFloatWeights(*found->second)) continue;
    if (std::find(weights.begin(), weights.end(), found->second) == weights.end()) {
      weights.push_back(found->second);
    }
  }
  return weights;
}

LayerPlan FloatLayer(const PlanContext& context, const NodeRef& node, std::string reason) {
  LayerPlan layer;
  layer.layer = node.name;
  layer.op_type = node.node->op_type;
  layer.reason = std::move(reason);
  for (const Initializer* weight : context.WeightsOf(*node.node)) {
    layer.weight_bytes_before += weight->stored_bytes();
  }
  layer.weight_bytes_after = layer.weight_bytes_before;
  return layer;
}

LayerPlan IntegerLayer(const NodeRef& node, const WeightedLayer& weighted, Scheme scheme) {
  LayerPlan layer;
  layer.layer = node.name;
  layer.op_type = node.node->op_type;
  layer.scheme = scheme;
  layer.weight = weighted.weight->name;
  layer.weight_type = DataType::kInt8;
  layer.weight_axis = weighted.axis();
  layer.weight_bytes_before = weighted.weight->stored_bytes();
  const auto codes = static_cast<std::uint64_t>(Elements(*weighted.weight));
  layer.weight_bytes_after = codes + 4 * static_cast<std::uint64_t>(weighted.channel_count());
  return layer;
}

std::string WhyKeptFloat(const PlanContext& context, const NodeRef& node) {
  if (const std::string* pattern = context.KeptBy(node)) {
    return Format("kept by keep_float \"{}\"", Printable(*pattern));
  }
  if (node.index < 0) return "inside a subgraph (If, Loop): not quantized there yet";
  return "";
}

std::string WhyNotWeighted(const PlanContext& context, const NodeRef& node) {
  if (std::string reason = WhyKeptFloat(context, node); !reason.empty()) return reason;
  if (node.node->Is("Gather")) return "only rows of a two-dimensional table are quantized";
  const OperatorRule& rule = RuleOf(*node.node);
  return std::string(rule.role == Role::kCombine ? kConstantOperand : rule.reason);
}

WeightedLayers FindWeightedLayers(const PlanContext& context, Refusal refuse) {
  WeightedLayers layers;
  for (const NodeRef& node : context.nodes()) {
    if (node.index < 0) continue;
    const bool is_embedding = IsEmbedding(*node.node, context.index());
    if (!IsWeightedOperator(*node.node) && !is_embedding) continue;
    WeightedLayer layer = InspectLayer(*node.node, context.model().graph, context.index(),
                                       context.types(), context.recipe().per_channel);
    if (std::string kept = WhyKeptFloat(context, node); !kept.empty()) layer.reason = kept;
    if (layer.reason.empty() && is_embedding && !context.recipe().quantize_embeddings) {
      layer.reason = "the recipe keeps embeddings float";
    }
    if (layer.reason.empty()) layer.reason = refuse(*node.node, layer, context.model());
    layers.by_node.emplace(node.index, std::move(layer));
  }
  AgreeOnShared(context, &layers);
  return layers;
}

Status CheckFinite(const Model& model, const std::vector<LayerPlan>& layers) {
  std::unordered_set<std::string_view> wanted;
  for (const LayerPlan& layer : layers) {
    if (!layer.weight.empty() && layer.scheme != Scheme::kKeepFloat) wanted.insert(layer.weight);
  }
  for (const Initializer& tensor : model.graph.initializers) {
    if (!wanted.contains(tensor.name)) continue;
    QB_TRY(const auto maxima, ChannelMaxima(model, tensor, Channels::kNone, 0));
  }
  return Ok();
}

}  // namespace quantbench
