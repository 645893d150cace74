// Chains of convolutions, linear layers and what stands between them, computed with 8-bit codes.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "torch/quantize_layers.h"
#include "torch/quantize_rewrite.h"
#include "torch/quantize_weights.h"

namespace quantbench {

// What one node of the graph becomes.
enum class StaticKind : std::uint8_t {
  kLayer,  // a convolution or linear layer
  kAdd,    // an addition, product or concatenation of codes
  kMul,
  kCat,
  kPass  // moves, picks or limits codes: its output has the scale of its input
};

struct StaticStep {
  StaticKind kind = StaticKind::kPass;
  torch::jit::Node* node = nullptr;
  const TorchLayer* layer = nullptr;       // kLayer
  torch::jit::Node* activation = nullptr;  // a Relu or Relu6 that nothing but it feeds
  std::vector<torch::jit::Value*> inputs;  // that arrive as codes
  torch::jit::Value* output = nullptr;     // that leaves as codes
};

struct StaticPlan {
  std::vector<StaticStep> steps;             // in graph order
  std::vector<torch::jit::Value*> observed;  // values whose ranges are needed, each once
  // Of them: "conv1.input", "aten::add#2.output". The graph's own names differ from load to load.
  std::vector<std::string> names;
  std::map<const TorchLayer*, std::string> why_float;  // layers without a step
};

// `kept`: for each layer why the user keeps it float, "" where not; operators between layers follow
// the layers around them unless `kept_op` names them.
[[nodiscard]] StaticPlan PlanStatic(const std::shared_ptr<torch::jit::Graph>& graph,
                                    const std::vector<TorchLayer>& layers,
                                    const std::vector<std::string>& kept,
                                    const std::function<bool(const std::string& op)>& kept_op);

// Makes every observed value known to `see` while the graph runs. The pointer must live as long as
// the graph does, and is not saved with it.
using StaticSee = std::function<void(std::size_t index, const at::Tensor& value)>;
void InsertWatches(torch::jit::Graph& graph, const StaticPlan& plan, const StaticSee* see);

struct StaticSettings {
  bool per_channel = true;
  int levels = 128;  // of activations: 128, or 256 where sums cannot saturate
  std::map<std::string, std::pair<double, double>> ranges;  // by name of the value
};
// Puts integer operators in the place of the steps. Returns the form of each layer by its name.
// Throws when a range is missing.
std::map<std::string, std::string> ApplyStatic(const StaticPlan& plan,
                                               const StaticSettings& settings,
                                               TorchRewriter* rewriter);

}  // namespace quantbench
