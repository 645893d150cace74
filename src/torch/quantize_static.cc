#include "torch/quantize_static.h"

#include <stdexcept>

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/runtime/custom_operator.h>

namespace quantbench {
namespace {

// Has an effect, so that nothing optimizes it away.
const torch::jit::RegisterOperators kWatchOperators({torch::jit::Operator(
    "quantbench::watch(Tensor value, int see, int index) -> ()",
    [](torch::jit::Stack& stack) {
      const std::int64_t index = torch::jit::pop(stack).toInt();
      const auto* see = reinterpret_cast<const StaticSee*>(torch::jit::pop(stack).toInt());
      const at::Tensor value = torch::jit::pop(stack).toTensor();
      (*see)(static_cast<std::size_t>(index), value);
    },
    c10::AliasAnalysisKind::CONSERVATIVE)});

// Right behind what makes the value.
class BehindValue {
 public:
  BehindValue(torch::jit::Graph& graph, const torch::jit::Value* value)
      : guard_(value->node()->kind() == torch::jit::prim::Param ? *graph.nodes().begin()
                                                                : value->node()->next()) {}

 private:
  torch::jit::WithInsertPoint guard_;
};

class StaticRewriter {
 public:
  StaticRewriter(const StaticPlan& plan, const StaticSettings& settings, TorchRewriter* rewriter)
      : settings_(&settings), rewriter_(rewriter) {
    for (std::size_t i = 0; i < plan.observed.size(); ++i) names_[plan.observed[i]] = plan.names[i];
  }

  void Take(const StaticStep& step) {
    switch (step.kind) {
      case StaticKind::kLayer: return TakeLayer(step);
      case StaticKind::kAdd: return TakeBinary(step, "quantized::add");
      case StaticKind::kMul: return TakeBinary(step, "quantized::mul");
      case StaticKind::kCat: return TakeCat(step);
      case StaticKind::kPass: return Done(step, CloneOnto(step.node, Codes(step.inputs[0])));
    }
  }

  // Whoever still reads a value as float reads it from its codes.
  void Finish() {
    for (const auto& [value, codes] : outputs_) {
      const torch::jit::WithInsertPoint behind(codes->node()->next());
      torch::jit::Value* plain = rewriter_->Insert("aten::dequantize", {codes});
      plain->setType(value->type());
      value->replaceAllUsesWith(plain);
    }
  }

  std::map<std::string, std::string> forms;

 private:
  [[nodiscard]] TorchRange RangeOf(const torch::jit::Value* value) const {
    const auto found = settings_->ranges.find(names_.at(value));
    if (found == settings_->ranges.end()) {
      throw std::runtime_error("value " + names_.at(value) +
                               " was never seen: its layer did not run");
    }
    return RangeOfCodes(found->second.first, found->second.second, settings_->levels);
  }

  // The value's codes; of one that no step made, quantized where it is made.
  torch::jit::Value* Codes(torch::jit::Value* value) {
    if (const auto found = codes_.find(value); found != codes_.end()) return found->second;
    const TorchRange range = RangeOf(value);
    const BehindValue behind(*rewriter_->graph(), value);
    torch::jit::Value* codes = rewriter_->Insert(
        "aten::quantize_per_tensor",
        {value, range.scale, range.zero_point, static_cast<std::int64_t>(at::kQUInt8)});
    codes_.emplace(value, codes);
    return codes;
  }

  // The same operator, reading codes.
  torch::jit::Value* CloneOnto(torch::jit::Node* node, torch::jit::Value* codes) {
    torch::jit::Graph& graph = *rewriter_->graph();
    const torch::jit::WithInsertPoint here(node);
    torch::jit::Node* copy =
        graph.createClone(node, [](torch::jit::Value* value) { return value; });
    copy->replaceInput(0, codes);
    graph.insertNode(copy);
    copy->output()->setType(c10::TensorType::get());
    return copy->output();
  }

  void Done(const StaticStep& step, torch::jit::Value* codes) {
    codes_.emplace(step.output, codes);
    outputs_.emplace_back(step.output, codes);
  }

  // Relu is part of the operator; what else an activation cuts off is cut off from the codes.
  void DoneActivated(const StaticStep& step, torch::jit::Value* codes) {
    const std::string name =
        step.activation == nullptr ? "" : step.activation->kind().toQualString();
    if (name.empty() || name == "aten::relu_" || name == "aten::relu") return Done(step, codes);
    Done(step, CloneOnto(step.activation, codes));
  }

  void TakeLayer(const StaticStep& step) {
    const TorchLayer& layer = *step.layer;
    const bool conv = layer.kind == TorchKind::kConv;
    const std::pair<const void*, const void*> key(
        layer.weight_key, layer.bias.defined() ? layer.bias.unsafeGetTensorImpl() : nullptr);
    torch::jit::Value* packed = conv ? nullptr : rewriter_->Find(key);
    if (packed == nullptr) {
      const at::Tensor weight = QuantizeTorchWeight(layer.weight, settings_->per_channel);
      packed = conv ? rewriter_->Attribute({layer.node, nullptr}, PackConv(layer, weight))
                    : rewriter_->Attribute(key, PackLinear(weight, layer.bias));
    }
    std::string op = "quantized::linear";
    if (conv) op = layer.weight.dim() == 3 ? "quantized::conv1d" : "quantized::conv2d";
    if (step.activation != nullptr) op += "_relu";
    const TorchRange range = RangeOf(step.output);
    torch::jit::Value* codes = Codes(step.inputs[0]);
    const torch::jit::WithInsertPoint here(layer.output->node());
    forms[layer.name] = op;
    DoneActivated(step,
                  rewriter_->Insert(op.c_str(), {codes, packed, range.scale, range.zero_point}));
  }

  static c10::IValue PackConv(const TorchLayer& layer, const at::Tensor& weight) {
    const char* op =
        layer.weight.dim() == 3 ? "quantized::conv1d_prepack" : "quantized::conv2d_prepack";
    return CallOperator(op, {weight, layer.bias.defined() ? c10::IValue(layer.bias) : c10::IValue(),
                             layer.stride, layer.padding, layer.dilation, layer.groups});
  }

  void TakeBinary(const StaticStep& step, std::string op) {
    if (step.activation != nullptr) op += "_relu";
    const TorchRange range = RangeOf(step.output);
    torch::jit::Value* a = Codes(step.inputs[0]);
    torch::jit::Value* b = Codes(step.inputs[1]);
    const torch::jit::WithInsertPoint here(step.node);
    DoneActivated(step, rewriter_->Insert(op.c_str(), {a, b, range.scale, range.zero_point}));
  }

  void TakeCat(const StaticStep& step) {
    const TorchRange range = RangeOf(step.output);
    std::vector<torch::jit::Value*> parts;
    for (torch::jit::Value* input : step.inputs) parts.push_back(Codes(input));
    const torch::jit::WithInsertPoint here(step.node);
    torch::jit::Graph& graph = *rewriter_->graph();
    torch::jit::Value* list =
        graph.insertNode(graph.createList(c10::TensorType::get(), parts))->output();
    const char* op = step.activation == nullptr ? "quantized::cat" : "quantized::cat_relu";
    DoneActivated(
        step, rewriter_->Insert(op, {list, step.node->input(1), range.scale, range.zero_point}));
  }

  const StaticSettings* settings_;
  TorchRewriter* rewriter_;
  std::map<const torch::jit::Value*, std::string> names_;
  std::map<torch::jit::Value*, torch::jit::Value*> codes_;
  std::vector<std::pair<torch::jit::Value*, torch::jit::Value*>> outputs_;
};

}  // namespace

void InsertWatches(torch::jit::Graph& graph, const StaticPlan& plan, const StaticSee* see) {
  for (std::size_t i = 0; i < plan.observed.size(); ++i) {
    const BehindValue behind(graph, plan.observed[i]);
    graph.insert(
        c10::Symbol::fromQualString("quantbench::watch"),
        {plan.observed[i], reinterpret_cast<std::int64_t>(see), static_cast<std::int64_t>(i)});
  }
}

std::map<std::string, std::string> ApplyStatic(const StaticPlan& plan,
                                               const StaticSettings& settings,
                                               TorchRewriter* rewriter) {
  StaticRewriter work(plan, settings, rewriter);
  for (const StaticStep& step : plan.steps) work.Take(step);
  work.Finish();
  return work.forms;
}

}  // namespace quantbench
