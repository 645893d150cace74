// Applying static-int8: QuantizeLinear and DequantizeLinear around every layer of the plan.
#include <algorithm>
#include <cmath>

#include "quantbench/base/format.h"
#include "quantbench/graph.h"

#include "quantize/emitter.h"
#include "quantize/rules.h"
#include "quantize/static_parameters.h"

namespace quantbench {
namespace {

// The layer writes codes under the old names:
//   layer -> x_float -> QuantizeLinear -> x_quantized -> DequantizeLinear -> x
// and an activation that no layer of the plan makes gets codes beside it, for those that take
// codes:
//   x -> QuantizeLinear -> x_quantized -> DequantizeLinear -> x_dequantized
class StaticApplier {
 public:
  StaticApplier(const Model& model, const Plan& plan, Emitter* emitter)
      : emitter_(*emitter), qdq_(model, emitter) {
    for (const ActivationPlan& activation : plan.activations) {
      activations_.emplace(activation.tensor, &activation);
    }
  }

  [[nodiscard]] Status Apply(const std::vector<PlannedNode>& nodes) {
    QB_OK(FindAbsorbed(nodes));
    for (const PlannedNode& planned : nodes) {
      QB_OK(EmitNode(planned));
    }
    return Ok();
  }
  [[nodiscard]] bool uses_contrib() const { return qdq_.uses_contrib(); }

 private:
  // An activation with codes.
  struct Coded {
    Names names;         // of codes, scale and zero point
    std::string floats;  // of the dequantized value; empty: not made yet
  };

  // Which planned nodes vanish into which layer.
  [[nodiscard]] Status FindAbsorbed(const std::vector<PlannedNode>& nodes) {
    std::map<const Node*, const PlannedNode*> layer_of;  // of layers: themselves
    for (const PlannedNode& planned : nodes) {
      if (planned.plan == nullptr) continue;
      if (planned.plan->absorbed_by.empty()) {
        layer_of.emplace(planned.node, &planned);
        continue;
      }
      const auto before = layer_of.find(OnlySource(*planned.node));
      const bool is_bias = planned.node->Is("Add");
      if (before == layer_of.end() || before->second->name != planned.plan->absorbed_by ||
          (!is_bias && RuleOf(*planned.node).role != Role::kClamp)) {
        return Error(ErrorCode::kInvalidArgument,
                     Format("the plan's layer \"{}\" cannot be absorbed by \"{}\"",
                            Printable(planned.name), Printable(planned.plan->absorbed_by)));
      }
      const PlannedNode* layer = before->second;
      if (is_bias) adders_.insert(layer->node);
      layer_of.emplace(planned.node, layer);
      last_of_[layer->node] = planned.node;
    }
    return Ok();
  }

  // The node whose output this one alone reads; null: none.
  [[nodiscard]] const Node* OnlySource(const Node& node) const {
    for (const std::string& input : node.inputs) {
      const Node* producer = emitter_.index().Producer(input);
      if (producer == nullptr) continue;
      const bool is_alone =
          emitter_.index().Consumers(input).size() == 1 && !emitter_.index().IsGraphOutput(input);
      return is_alone ? producer : nullptr;
    }
    return nullptr;
  }

  // What a layer computes once it has absorbed what it absorbs.
  [[nodiscard]] const Names& OutputsOf(const Node& node) const {
    const auto last = last_of_.find(&node);
    return last == last_of_.end() ? node.outputs : last->second->outputs;
  }

  [[nodiscard]] Result<const ActivationPlan*> ActivationOf(const std::string& tensor) const {
    const auto found = activations_.find(tensor);
    if (found != activations_.end()) return found->second;
    return Error(ErrorCode::kInvalidArgument,
                 Format("the plan has no quantization of tensor \"{}\"", Printable(tensor)));
  }

  // `floats` -> QuantizeLinear -> codes of `tensor`.
  [[nodiscard]] Result<Coded*> Quantize(const std::string& tensor, const std::string& floats) {
    QB_TRY(const ActivationPlan* activation, ActivationOf(tensor));
    Coded coded;
    coded.names = {emitter_.Fresh(tensor + "_quantized"),
                   emitter_.AddInitializer(tensor + "_scale",
                                           Tensor::OfFloats({}, {activation->params.scale})),
                   emitter_.ZeroPoint(activation->type, activation->params.zero_point)};
    qdq_.Quantize(floats, coded.names[0], {coded.names[1], coded.names[2]});
    return &coded_.emplace(tensor, std::move(coded)).first->second;
  }

  // The codes of an activation, made the first time they are wanted.
  [[nodiscard]] Result<Coded*> CodesOf(const std::string& tensor) {
    const auto found = coded_.find(tensor);
    if (found != coded_.end()) return &found->second;
    return Quantize(tensor, tensor);
  }

  void Dequantize(Coded* coded, const std::string& name) {
    if (!coded->floats.empty()) return;
    coded->floats = name;
    qdq_.Dequantize(coded->names[0], name, {coded->names[1], coded->names[2]});
  }

  [[nodiscard]] Status EmitNode(const PlannedNode& planned) {
    if (planned.plan == nullptr) {
      emitter_.Add(*planned.node);
      return Ok();
    }
    if (!planned.plan->absorbed_by.empty()) return Ok();  // its output is its absorber's
    if (planned.node->Is("Gather") && !planned.plan->weight.empty()) {
      return EmitEmbedding(planned, &emitter_);
    }
    if (!planned.node->Is("MatMul") || planned.plan->output_quantized) return EmitMember(planned);
    QB_TRY(const Coded* input, CodesOf(planned.node->inputs[0]));
    return EmitFloatProduct(planned, input->names, adders_.contains(planned.node),
                            OutputsOf(*planned.node)[0], &qdq_);
  }

  [[nodiscard]] Status EmitMember(const PlannedNode& planned) {
    Node node = *planned.node;
    for (const std::size_t input : ActivationInputs(node)) {
      const std::string tensor = node.inputs[input];
      QB_TRY(Coded * coded, CodesOf(tensor));
      if (coded->floats.empty()) Dequantize(coded, emitter_.Fresh(tensor + "_dequantized"));
      node.inputs[input] = coded->floats;
    }
    if (!planned.plan->weight.empty()) {
      QB_TRY(const ActivationPlan* input, ActivationOf(planned.node->inputs[0]));
      QB_OK(QuantizeParameters(planned, input->params.scale, adders_.contains(planned.node), &qdq_,
                               &node));
    }
    if (planned.plan->output_quantized) return EmitCoded(std::move(node), OutputsOf(*planned.node));
    emitter_.Add(std::move(node));
    return Ok();
  }

  // A node whose outputs leave as codes, under the names they had as floats.
  [[nodiscard]] Status EmitCoded(Node node, const Names& outputs) {
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (!node.outputs[i].empty()) node.outputs[i] = emitter_.Fresh(outputs[i] + "_float");
    }
    const Names floats = node.outputs;
    emitter_.Add(std::move(node));
    for (std::size_t i = 0; i < floats.size(); ++i) {
      if (floats[i].empty()) continue;
      QB_TRY(Coded * coded, Quantize(outputs[i], floats[i]));
      Dequantize(coded, outputs[i]);
    }
    return Ok();
  }

  Emitter& emitter_;
  QdqWriter qdq_;
  std::map<std::string, const ActivationPlan*, std::less<>> activations_;
  std::map<std::string, Coded, std::less<>> coded_;
  std::map<const Node*, const Node*> last_of_;  // layer -> the last node it absorbed
  std::unordered_set<const Node*> adders_;      // layers that absorbed the Add with their bias
};

}  // namespace

Result<Model> ApplyStatic(Model model, const Plan& plan, int threads) {
  if (!plan.activations.empty()) {
    const std::int64_t opset = StaticOpset(model);
    if (opset == 0) {
      return Error(ErrorCode::kInvalidArgument, "the plan " + WhyNotOpset(model, kOldestIntegers));
    }
    RaiseOpset(opset, &model);
  }
  Emitter emitter(model, plan, threads);
  QB_TRY(const auto nodes, emitter.PlannedNodes());
  StaticApplier applier(model, plan, &emitter);
  QB_OK(applier.Apply(nodes));
  if (applier.uses_contrib()) model.RequireOpset(kContribDomain, 1);
  return std::move(emitter).Finish(std::move(model));
}

}  // namespace quantbench
