// Planner: context, patterns, choices, and the lines of layers.
#include "quantize/planner.h"

#include <algorithm>

#include "quantbench/base/format.h"

#include "quantize/rules.h"
#include "quantize/weight_facts.h"

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

Error UnknownPattern(std::string_view what, const std::string& pattern,
                     const std::vector<NodeRef>& nodes) {
  std::vector<std::string_view> names;
  for (const NodeRef& node : nodes) {
    names.push_back(node.name);
    names.push_back(node.node->op_type);
  }
  const std::string_view nearest = Nearest(pattern, names);
  return {ErrorCode::kInvalidArgument,
          Format("{} \"{}\" matches no layer and no operator{}", what, Printable(pattern),
                 nearest.empty() ? "" : Format("; did you mean \"{}\"?", Printable(nearest)))};
}

constexpr std::string_view kConstantOperand = "one operand is a constant: stays float";

}  // namespace

PlanContext::PlanContext(const Model& model, const Recipe& recipe)
    : model_(&model), recipe_(&recipe), scopes_(model.graph) {}

Result<PlanContext> PlanContext::Of(const Model& model, const Recipe& recipe) {
  PlanContext context(model, recipe);
  const auto check = [&](std::string_view what, const std::string& pattern) -> Status {
    const auto matches = [&](const NodeRef& node) { return Matches(pattern, node); };
    if (std::any_of(context.nodes().begin(), context.nodes().end(), matches)) return Ok();
    return UnknownPattern(what, pattern, context.nodes());
  };
  for (const std::string& pattern : recipe.keep_float) QB_OK(check("keep_float", pattern));
  for (const RecipeRule& rule : recipe.rules) QB_OK(check("rule", rule.match));
  return context;
}

const std::string* PlanContext::KeptBy(const NodeRef& node) const {
  for (const std::string& pattern : recipe_->keep_float) {
    if (Matches(pattern, node)) return &pattern;
  }
  return nullptr;
}

std::vector<const Initializer*> PlanContext::WeightsOf(const NodeRef& node) const {
  std::vector<const Initializer*> weights;
  const GraphIndex& index = scopes_.Of(node).index;
  for (const std::string& input : node.node->inputs) {
    const Initializer* found = index.FindInitializer(input);
    if (found == nullptr || !IsFloatWeights(*found)) continue;
    if (std::find(weights.begin(), weights.end(), found) == weights.end()) {
      weights.push_back(found);
    }
  }
  return weights;
}

bool PlanContext::Fits(const RecipeRule& rule, const NodeRef& node) const {
  if (!Matches(rule.match, node)) return false;
  std::int64_t count = 0;
  for (const Initializer* weight : WeightsOf(node)) count += Elements(*weight);
  return count >= rule.min_weights && count <= rule.max_weights;
}

PlanContext::Choices PlanContext::ChoicesOf(const NodeRef& node) const {
  if (KeptBy(node) != nullptr) return {};
  for (auto rule = recipe_->rules.rbegin(); rule != recipe_->rules.rend(); ++rule) {
    if (Fits(*rule, node)) return {rule->choices, true};
  }
  if (!recipe_->embeddings.empty() && IsEmbedding(*node.node, scopes_.Of(node).index)) {
    return {recipe_->embeddings, false};
  }
  return {recipe_->choices, false};
}

LayerPlan FloatLayer(const PlanContext& context, const NodeRef& node, std::string reason) {
  LayerPlan layer;
  layer.layer = node.name;
  layer.op_type = node.node->op_type;
  layer.reason = std::move(reason);
  for (const Initializer* weight : context.WeightsOf(node)) {
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
  return "";
}

std::string WhyNotWeighted(const PlanContext& context, const NodeRef& node) {
  if (std::string reason = WhyKeptFloat(context, node); !reason.empty()) return reason;
  if (node.node->Is("Gather")) return "only rows of a two-dimensional table are quantized";
  const OperatorRule& rule = RuleOf(*node.node);
  return std::string(rule.role == Role::kCombine ? kConstantOperand : rule.reason);
}

Status CheckFinite(const Scopes& scopes, const std::vector<LayerPlan>& layers, WeightFacts* facts) {
  std::unordered_set<std::string_view> wanted;
  for (const LayerPlan& layer : layers) {
    if (layer.weight.empty() || layer.scheme == Scheme::kKeepFloat) continue;
    if (layer.scheme != Scheme::kStored) wanted.insert(layer.weight);
  }
  for (const Initializer* tensor : scopes.initializers()) {
    if (!wanted.contains(tensor->name) || facts->KnowsFinite(*tensor)) continue;
    QB_TRY(const auto maxima, facts->Maxima(*tensor, Channels::kNone, 0));
  }
  return Ok();
}

}  // namespace quantbench
