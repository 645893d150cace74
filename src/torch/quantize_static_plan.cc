#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include <torch/csrc/jit/ir/alias_analysis.h>
#include <torch/csrc/jit/ir/constants.h>

#include "torch/quantize_static.h"

namespace quantbench {
namespace {

// Operators that libtorch computes on codes as they are; the scale stays.
constexpr std::array<std::string_view, 24> kPassing = {
    "aten::max_pool1d", "aten::max_pool2d", "aten::avg_pool2d", "aten::adaptive_avg_pool2d",
    "aten::flatten",    "aten::reshape",    "aten::view",       "aten::permute",
    "aten::transpose",  "aten::squeeze",    "aten::unsqueeze",  "aten::slice",
    "aten::select",     "aten::contiguous", "aten::dropout",    "aten::feature_dropout",
    "aten::relu",       "aten::relu6",      "aten::hardtanh",   "aten::clamp",
    "aten::mean",       "aten::expand",     "aten::clone",      "aten::upsample_nearest2d"};

std::string NameOf(const torch::jit::Node* node) {
  return node->kind().toQualString();
}

bool ConstantIs(const torch::jit::Value* value, double expected) {
  const auto constant = torch::jit::toIValue(value);
  if (!constant) return false;
  if (constant->isInt()) return static_cast<double>(constant->toInt()) == expected;
  return constant->isDouble() && constant->toDouble() == expected;
}

// Relu, Relu6 and Hardtanh from 0.
bool CutsAtZero(const torch::jit::Node* node) {
  const std::string name = NameOf(node);
  if (name == "aten::relu" || name == "aten::relu_" || name == "aten::relu6") return true;
  return name == "aten::hardtanh" && ConstantIs(node->input(1), 0);
}

class StaticPlanner {
 public:
  StaticPlanner(const std::shared_ptr<torch::jit::Graph>& graph,
                const std::vector<TorchLayer>& layers, const std::vector<std::string>& kept,
                const std::function<bool(const std::string&)>& kept_op)
      : graph_(graph.get()), kept_op_(&kept_op), aliases_(graph) {
    for (std::size_t i = 0; i < layers.size(); ++i) {
      std::string reason = kept[i].empty() ? WhyNot(layers[i]) : kept[i];
      if (!reason.empty()) {
        plan_.why_float.emplace(&layers[i], std::move(reason));
      } else {
        layers_.emplace(layers[i].node, &layers[i]);
      }
    }
  }

  StaticPlan Plan() {
    for (torch::jit::Node* node : graph_->block()->nodes()) {
      if (const auto layer = layers_.find(node); layer != layers_.end()) {
        TakeLayer(*layer->second);
      } else if (done_.count(node) == 0 && !(*kept_op_)(NameOf(node))) {
        TakeOther(node);
      }
    }
    return std::move(plan_);
  }

 private:
  std::string WhyNot(const TorchLayer& layer) const {
    if (!layer.why_float.empty()) return layer.why_float;
    if (layer.kind == TorchKind::kRecurrent) {
      return "recurrent layers have no static form in PyTorch; dynamic-int8 quantizes them";
    }
    if (layer.nested) return "it stands in a branch or a loop";
    if (aliases_.hasWriters(layer.input()) || aliases_.hasWriters(layer.output)) {
      return "its values are changed in place";
    }
    return "";
  }

  void Observe(torch::jit::Value* value, std::string name) {
    if (!observed_.insert(value).second) return;
    plan_.observed.push_back(value);
    plan_.names.push_back(std::move(name));
  }

  // An activation that reads nothing but `value` and is the only one that does.
  torch::jit::Node* ActivationOf(torch::jit::Value* value) const {
    if (value->uses().size() != 1) return nullptr;
    torch::jit::Node* user = value->uses().front().user;
    const bool fits = user->owningBlock() == graph_->block() && CutsAtZero(user) &&
                      !aliases_.hasWriters(user->output());
    return fits && !(*kept_op_)(NameOf(user)) ? user : nullptr;
  }

  void Finish(StaticStep step, torch::jit::Value* output, const std::string& name) {
    step.activation = ActivationOf(output);
    step.output = output;
    if (step.activation != nullptr) {
      done_.insert(step.activation);
      step.output = step.activation->output();
    }
    Observe(step.output, name + ".output");
    codes_.insert(step.output);
    plan_.steps.push_back(std::move(step));
  }

  void TakeLayer(const TorchLayer& layer) {
    StaticStep step;
    step.kind = StaticKind::kLayer;
    step.node = layer.node;
    step.layer = &layer;
    step.inputs = {layer.input()};
    if (codes_.count(layer.input()) == 0) Observe(layer.input(), layer.name + ".input");
    done_.insert(layer.output->node());  // the addition of its bias
    Finish(std::move(step), layer.output, layer.name);
  }

  // Operators between layers have no name: the first of its kind, the second ...
  std::string Numbered(const std::string& op) { return op + "#" + std::to_string(++counts_[op]); }

  bool AreCodes(at::ArrayRef<torch::jit::Value*> values) const {
    return std::all_of(values.begin(), values.end(),
                       [&](torch::jit::Value* value) { return codes_.count(value) != 0; });
  }

  void TakeOther(torch::jit::Node* node) {
    const std::string name = NameOf(node);
    if (node->outputs().size() != 1 || aliases_.hasWriters(node->output())) return;
    StaticStep step;
    step.node = node;
    const bool add =
        name == "aten::add" && node->inputs().size() == 3 && ConstantIs(node->input(2), 1);
    if ((add || name == "aten::mul") && AreCodes(node->inputs().slice(0, 2))) {
      step.kind = add ? StaticKind::kAdd : StaticKind::kMul;
      step.inputs = {node->input(0), node->input(1)};
      return Finish(std::move(step), node->output(), Numbered(name));
    }
    if (name == "aten::cat" && node->input(0)->node()->kind() == torch::jit::prim::ListConstruct) {
      const at::ArrayRef<torch::jit::Value*> parts = node->input(0)->node()->inputs();
      if (!AreCodes(parts)) return;
      step.kind = StaticKind::kCat;
      step.inputs.assign(parts.begin(), parts.end());
      return Finish(std::move(step), node->output(), Numbered(name));
    }
    TakePassing(std::move(step), name);
  }

  void TakePassing(StaticStep step, const std::string& name) {
    torch::jit::Node* node = step.node;
    if (std::find(kPassing.begin(), kPassing.end(), name) == kPassing.end()) return;
    if (node->inputs().empty() || codes_.count(node->input(0)) == 0) return;
    if (name == "aten::mean" && node->inputs().size() != 4) return;  // of everything
    step.inputs = {node->input(0)};
    step.output = node->output();
    codes_.insert(step.output);
    plan_.steps.push_back(std::move(step));
  }

  torch::jit::Graph* graph_;
  const std::function<bool(const std::string&)>* kept_op_;
  torch::jit::AliasDb aliases_;
  std::map<const torch::jit::Node*, const TorchLayer*> layers_;
  std::set<torch::jit::Value*> codes_;
  std::set<torch::jit::Value*> observed_;
  std::set<const torch::jit::Node*> done_;  // part of a step that was taken
  std::map<std::string, int> counts_;
  StaticPlan plan_;
};

}  // namespace

StaticPlan PlanStatic(const std::shared_ptr<torch::jit::Graph>& graph,
                      const std::vector<TorchLayer>& layers, const std::vector<std::string>& kept,
                      const std::function<bool(const std::string& op)>& kept_op) {
  return StaticPlanner(graph, layers, kept, kept_op).Plan();
}

}  // namespace quantbench
