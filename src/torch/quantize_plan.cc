#include "torch/quantize_plan.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>

namespace quantbench {
namespace {

// `*`: any text, `?`: any one character.
bool MatchesGlob(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || (pattern[p] == text[t] && pattern[p] != '*'))) {
      ++p;
      ++t;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

bool NamesOperator(std::string_view pattern, std::string_view op) {
  return MatchesGlob(pattern, op) || MatchesGlob(pattern, op.substr(op.rfind(':') + 1));
}

bool HasOperator(torch::jit::Block* block, std::string_view pattern) {
  for (torch::jit::Node* node : block->nodes()) {
    if (NamesOperator(pattern, node->kind().toQualString())) return true;
    for (torch::jit::Block* inner : node->blocks()) {
      if (HasOperator(inner, pattern)) return true;
    }
  }
  return false;
}

}  // namespace

TorchQuantizeOptions ParseQuantizeOptions(const char* json) {
  const auto text = nlohmann::json::parse(json == nullptr ? "{}" : json);
  TorchQuantizeOptions options;
  options.recipe = text.value("recipe", "dynamic-int8");
  options.per_channel = text.value("per_channel", options.recipe == "static-int8");
  options.keep_float = text.value("keep_float", std::vector<std::string>{});
  options.quantized_engine = text.value("quantized_engine", "");
  options.threads = text.value("threads", 0);
  options.made_by = text.value("made_by", "");
  options.reduce_range = text.value("reduce_range", true);
  options.observe = text.value("observe", false);
  options.ranges = text.value("ranges", std::map<std::string, std::pair<double, double>>{});
  return options;
}

nlohmann::ordered_json ToReport(const std::vector<TorchLayerPlan>& layers) {
  auto list = nlohmann::ordered_json::array();
  for (const TorchLayerPlan& layer : layers) {
    list.push_back({{"layer", layer.layer},
                    {"op_type", layer.op},
                    {"scheme", layer.scheme},
                    {"form", layer.form},
                    {"reason", layer.reason},
                    {"per_channel", layer.per_channel},
                    {"bytes_before", layer.bytes_before},
                    {"bytes_after", layer.bytes_after}});
  }
  return list;
}

TorchLayerPlan FloatPlan(const TorchLayer& layer, std::string reason) {
  TorchLayerPlan plan;
  plan.layer = layer.name;
  plan.op = layer.op;
  plan.reason = std::move(reason);
  plan.bytes_before = layer.weight_bytes();
  plan.bytes_after = plan.bytes_before;
  return plan;
}

TorchLayerPlan IntegerPlan(const TorchLayer& layer, std::string scheme, std::string form,
                           bool per_channel) {
  TorchLayerPlan plan = FloatPlan(layer, "");
  plan.scheme = std::move(scheme);
  plan.form = std::move(form);
  plan.per_channel = per_channel;
  plan.bytes_after = 0;
  std::vector<at::Tensor> weights = layer.cells;
  if (layer.weight.defined()) weights.push_back(layer.weight);
  for (const at::Tensor& weight : weights) {
    if (weight.dim() < 2) {  // biases of recurrent layers stay float
      plan.bytes_after += weight.nbytes();
      continue;
    }
    // A scale is a double, a zero point 64 bits.
    const std::int64_t scales = per_channel ? weight.size(0) : 1;
    plan.bytes_after += static_cast<std::uint64_t>(weight.numel() + 16 * scales);
  }
  return plan;
}

bool MatchesOperator(const std::vector<std::string>& patterns, const std::string& op) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return NamesOperator(pattern, op); });
}

std::vector<std::string> KeptFloat(torch::jit::Graph& graph, const std::vector<TorchLayer>& layers,
                                   const std::vector<std::string>& patterns) {
  std::vector<std::string> kept(layers.size());
  for (const std::string& pattern : patterns) {
    bool matched = HasOperator(graph.block(), pattern);
    for (std::size_t i = 0; i < layers.size(); ++i) {
      if (!MatchesGlob(pattern, layers[i].name) && !NamesOperator(pattern, layers[i].op)) continue;
      matched = true;
      if (kept[i].empty()) kept[i] = "kept by keep_float \"" + pattern + "\"";
    }
    if (!matched) {
      throw TorchRefusal("invalid-argument",
                         "keep_float \"" + pattern + "\" matches no layer and no operator");
    }
  }
  return kept;
}

}  // namespace quantbench
