// Emitting static layers.
#include "quantize/emit_static.h"

#include <algorithm>
#include <cmath>

#include "quantbench/base/format.h"

#include "quantize/rules.h"

namespace quantbench {
namespace {

template <typename Code>
Tensor CodesAs(const std::vector<float>& values, const Shape& dims, const QuantParams& params,
               DataType type) {
  const CodeRange range = *CodesOf(type);
  std::vector<Code> codes;
  codes.reserve(values.size());
  for (const float value : values) {
    const double steps = std::nearbyint(double{value} / params.scale) + params.zero_point;
    codes.push_back(static_cast<Code>(
        std::clamp(steps, static_cast<double>(range.low), static_cast<double>(range.high))));
  }
  return Tensor::Of(type, dims, codes);
}

Tensor QuantizeConstant(const std::vector<float>& values, const Shape& dims,
                        const QuantParams& params, DataType type) {
  switch (type) {
    case DataType::kInt8: return CodesAs<std::int8_t>(values, dims, params, type);
    case DataType::kInt16: return CodesAs<std::int16_t>(values, dims, params, type);
    case DataType::kUint16: return CodesAs<std::uint16_t>(values, dims, params, type);
    default: return CodesAs<std::uint8_t>(values, dims, params, type);
  }
}

}  // namespace

StaticEmitter::StaticEmitter(Emitter* emitter) : emitter_(emitter), qdq_(emitter) {
  for (const ActivationPlan& activation : emitter->plan().activations) {
    activations_.emplace(activation.tensor, &activation);
  }
  const std::vector<LayerPlan>& layers = emitter->plan().layers;
  computes_scales_ = std::all_of(layers.begin(), layers.end(), [](const LayerPlan& layer) {
    return layer.scheme != Scheme::kStaticInt8 || layer.format == QuantFormat::kEngine;
  });
}

Result<StaticEmitter> StaticEmitter::Of(const std::vector<PlannedNode>& nodes, Emitter* emitter) {
  StaticEmitter result(emitter);
  QB_OK(result.FindAbsorbed(nodes));
  return result;
}

Status StaticEmitter::FindAbsorbed(const std::vector<PlannedNode>& nodes) {
  std::map<const Node*, const PlannedNode*> layer_of;  // of layers: themselves
  for (const PlannedNode& planned : nodes) {
    if (planned.plan == nullptr || planned.plan->scheme != Scheme::kStaticInt8) continue;
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

const Node* StaticEmitter::OnlySource(const Node& node) const {
  for (const std::string& input : node.inputs) {
    const Node* producer = emitter_->index().Producer(input);
    if (producer == nullptr) continue;
    const bool is_alone =
        emitter_->index().Consumers(input).size() == 1 && !emitter_->index().IsGraphOutput(input);
    return is_alone ? producer : nullptr;
  }
  return nullptr;
}

const Names& StaticEmitter::OutputsOf(const Node& node) const {
  const auto last = last_of_.find(&node);
  return last == last_of_.end() ? node.outputs : last->second->outputs;
}

Result<const ActivationPlan*> StaticEmitter::ActivationOf(const std::string& tensor) const {
  const auto found = activations_.find(tensor);
  if (found != activations_.end()) return found->second;
  return Error(ErrorCode::kInvalidArgument,
               Format("the plan has no quantization of tensor \"{}\"", Printable(tensor)));
}

Result<StaticEmitter::Coded*> StaticEmitter::Quantize(const std::string& tensor,
                                                      const std::string& floats) {
  QB_TRY(const ActivationPlan* activation, ActivationOf(tensor));
  Coded coded;
  coded.type = activation->type;
  coded.names = {
      emitter_->Fresh(tensor + "_quantized"),
      emitter_->AddInitializer(tensor + "_scale", Tensor::OfFloats({}, {activation->params.scale})),
      emitter_->ZeroPoint(activation->type, activation->params.zero_point)};
  qdq_.Quantize(floats, coded.names[0], {coded.names[1], coded.names[2]}, activation->type);
  return &coded_.emplace(tensor, std::move(coded)).first->second;
}

Result<StaticEmitter::Coded*> StaticEmitter::CodesOf(const std::string& tensor) {
  const auto found = coded_.find(tensor);
  if (found != coded_.end()) return &found->second;
  return Quantize(tensor, tensor);
}

void StaticEmitter::Dequantize(Coded* coded, const std::string& name) {
  if (!coded->floats.empty()) return;
  coded->floats = name;
  qdq_.Dequantize(coded->names[0], name, {coded->names[1], coded->names[2]}, coded->type);
}

Status StaticEmitter::Emit(const PlannedNode& planned) {
  if (!planned.plan->absorbed_by.empty()) return Ok();  // its output is its absorber's
  if (planned.node->Is("Gather") && !planned.plan->weight.empty()) {
    return EmitEmbedding(planned, emitter_);
  }
  const bool is_engine_product = planned.node->Is("MatMul") && !planned.plan->output_quantized &&
                                 planned.plan->format != QuantFormat::kQdq;
  if (!is_engine_product) return EmitMember(planned);
  QB_TRY(const Coded* input, CodesOf(planned.node->inputs[0]));
  return EmitFloatProduct(planned, input->names, adders_.contains(planned.node),
                          OutputsOf(*planned.node)[0], &qdq_);
}

Result<bool> StaticEmitter::EmitMover(const PlannedNode& planned) {
  const Node& node = *planned.node;
  QB_TRY(const ActivationPlan* input, ActivationOf(node.inputs[0]));
  if (!MovesCodes(node, input->type, OnnxOpset(emitter_->model()))) return false;
  for (const std::string& output : node.outputs) {
    if (output.empty()) continue;
    QB_TRY(const ActivationPlan* activation, ActivationOf(output));
    if (activation->type != input->type || activation->params != input->params) return false;
  }
  QB_TRY(const Coded* coded, CodesOf(node.inputs[0]));
  const Names names = coded->names;
  Node mover = node;
  mover.inputs[0] = names[0];
  if (node.Is("Pad")) {
    mover.inputs.resize(std::max<std::size_t>(3, mover.inputs.size()));
    mover.inputs[2] = names[2];  // zeros are the zero point
  }
  for (std::string& output : mover.outputs) {
    if (!output.empty()) output = emitter_->Fresh(Format("{}_quantized", output));
  }
  const Names codes = mover.outputs;
  emitter_->Add(std::move(mover));
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (codes[i].empty()) continue;
    Coded output;
    output.type = input->type;
    output.names = {codes[i], names[1], names[2]};
    Dequantize(&coded_.emplace(node.outputs[i], std::move(output)).first->second, node.outputs[i]);
  }
  return true;
}

// The output is the input's codes with a scale of its own: no node computes it.
Status StaticEmitter::EmitRescaled(const PlannedNode& planned) {
  const Node& node = *planned.node;
  const bool is_left = emitter_->index().FindInitializer(node.inputs[0]) == nullptr;
  QB_TRY(const Coded* input, CodesOf(node.inputs[is_left ? 0 : 1]));
  const std::string& output = node.outputs[0];
  QB_TRY(const ActivationPlan* activation, ActivationOf(output));
  if (activation->type != input->type) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("the plan's layer \"{}\" has codes of two types", Printable(planned.name)));
  }
  Coded coded;
  coded.type = input->type;
  coded.names = {
      input->names[0],
      emitter_->AddInitializer(output + "_scale", Tensor::OfFloats({}, {activation->params.scale})),
      input->names[2]};
  Dequantize(&coded_.emplace(output, std::move(coded)).first->second, output);
  return Ok();
}

// A constant operand as codes of the activations' type, one scale for all of it.
Result<std::string> StaticEmitter::Constant(const std::string& name, DataType type) {
  QB_TRY(const Names made, emitter_->Once("constant " + name, [&]() -> Result<Names> {
    const Initializer& constant = *emitter_->index().FindInitializer(name);
    QB_TRY(const FloatValues values, FloatValues::Of(constant));
    const std::vector<float> numbers = values.All();
    const auto [low, high] = std::minmax_element(numbers.begin(), numbers.end());
    if (!std::all_of(numbers.begin(), numbers.end(), [](float v) { return std::isfinite(v); })) {
      return Error(ErrorCode::kMalformed,
                   Format("initializer \"{}\" holds NaN or infinities", Printable(name)));
    }
    const QuantParams params = ChooseAsymmetric(*low, *high, *quantbench::CodesOf(type));
    Names coded = {emitter_->AddInitializer(name + "_quantized",
                                            QuantizeConstant(numbers, constant.dims, params, type)),
                   emitter_->AddInitializer(name + "_scale", Tensor::OfFloats({}, {params.scale})),
                   emitter_->ZeroPoint(type, params.zero_point)};
    emitter_->Replaced(name);
    const std::string floats = emitter_->Fresh(name + "_dequantized");
    qdq_.Dequantize(coded[0], floats, {coded[1], coded[2]}, type);
    return Names{floats};
  }));
  return made[0];
}

Status StaticEmitter::EmitMember(const PlannedNode& planned) {
  if (planned.plan->factor > 0) return EmitRescaled(planned);
  if (RuleOf(*planned.node).role == Role::kMover) {
    QB_TRY(const bool moved, EmitMover(planned));
    if (moved) return Ok();
  }
  Node node = *planned.node;
  DataType type = DataType::kUint8;  // of the activations, and so of constant operands
  for (const std::size_t input : ActivationInputs(node)) {
    const std::string tensor = node.inputs[input];
    if (emitter_->index().FindInitializer(tensor) != nullptr) continue;
    QB_TRY(Coded * coded, CodesOf(tensor));
    type = coded->type;
    if (coded->floats.empty()) Dequantize(coded, emitter_->Fresh(tensor + "_dequantized"));
    node.inputs[input] = coded->floats;
  }
  for (const std::size_t input : ActivationInputs(node)) {
    if (emitter_->index().FindInitializer(node.inputs[input]) == nullptr) continue;
    QB_TRY(node.inputs[input], Constant(node.inputs[input], type));
  }
  if (!planned.plan->weight.empty()) {
    const std::string& tensor = planned.node->inputs[0];
    QB_TRY(const ActivationPlan* input, ActivationOf(tensor));
    QB_TRY(const Coded* coded, CodesOf(tensor));
    const InputScale scale{input->params.scale, computes_scales_ ? coded->names[1] : std::string()};
    QB_OK(QuantizeParameters(planned, scale, adders_.contains(planned.node), &qdq_, &node));
  }
  if (planned.plan->output_quantized) return EmitCoded(std::move(node), OutputsOf(*planned.node));
  emitter_->Add(std::move(node));
  return Ok();
}

Status StaticEmitter::EmitCoded(Node node, const Names& outputs) {
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (!node.outputs[i].empty()) node.outputs[i] = emitter_->Fresh(outputs[i] + "_float");
  }
  const Names floats = node.outputs;
  emitter_->Add(std::move(node));
  for (std::size_t i = 0; i < floats.size(); ++i) {
    if (floats[i].empty()) continue;
    QB_TRY(Coded * coded, Quantize(outputs[i], floats[i]));
    Dequantize(coded, outputs[i]);
  }
  return Ok();
}

}  // namespace quantbench
