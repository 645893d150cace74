// Emitting float8: QuantizeLinear and DequantizeLinear of float8 around the inputs of a layer.
// [ONNX QuantizeLinear-19: y = saturate(x / scale), zero point 0]
#include <cmath>

#include "quantbench/base/format.h"

#include "quantize/emitter.h"
#include "quantize/plan_float8.h"

namespace quantbench {
namespace {

std::string ZeroOf(DataType type, Emitter* emitter) {
  return emitter->ZeroPoint(type, 0);
}

// The weight decoded from float8. For MatMul by Cast and Mul: between two DequantizeLinear the
// engine would fuse it to its integer product, which does not take float8, and refuse the model.
Result<Names> Weight(const WeightedLayer& layer, DataType type, bool is_product, Emitter* emitter) {
  const Initializer& weight = *layer.weight;
  QB_TRY(const auto maxima, ChannelMaxima(weight, Channels::kNone, emitter->threads()));
  const QuantParams params = ChooseSymmetric(0, maxima[0] / LargestFloat8(type) / 2, {0, 1});
  emitter->Replaced(weight.name);
  const std::string stored =
      emitter->AddDeferred(weight.name + "_float8", type, weight.dims,
                           [weight, type, scale = params.scale, threads = emitter->threads()] {
                             return Float8Weights(weight, type, scale, threads);
                           });
  const std::string scale =
      emitter->AddInitializer(weight.name + "_scale", Tensor::OfFloats({}, {params.scale}));
  const std::string wanted = weight.name + "_dequantized";
  if (!is_product) {
    return Names{emitter->Add("DequantizeLinear", {stored, scale, ZeroOf(type, emitter)}, wanted)};
  }
  const std::string floats =
      emitter->Add("Cast", {stored}, weight.name + "_float",
                   {Attribute::Int("to", static_cast<std::int64_t>(DataType::kFloat32))});
  return Names{emitter->Add("Mul", {floats, scale}, wanted)};
}

Result<Names> Float8Activation(const std::string& tensor, Emitter* emitter) {
  for (const ActivationPlan& activation : emitter->plan().activations) {
    if (activation.tensor != tensor) continue;
    const std::string scale =
        emitter->AddInitializer(tensor + "_scale", Tensor::OfFloats({}, {activation.params.scale}));
    const std::string zero = ZeroOf(activation.type, emitter);
    const std::string codes =
        emitter->Add("QuantizeLinear", {tensor, scale, zero}, tensor + "_float8");
    return Names{emitter->Add("DequantizeLinear", {codes, scale, zero}, tensor + "_dequantized")};
  }
  return Error(ErrorCode::kInvalidArgument,
               Format("the plan has no quantization of tensor \"{}\"", Printable(tensor)));
}

}  // namespace

Status EmitFloat8(const PlannedNode& planned, Emitter* emitter) {
  QB_TRY(const WeightedLayer layer, emitter->Inspect(planned));
  Node node = *planned.node;
  QB_TRY(const Names input, emitter->Once("float8 activation " + node.inputs[0], [&] {
    return Float8Activation(node.inputs[0], emitter);
  }));
  QB_TRY(const Names weight,
         emitter->Once(Format("float8 {} {}", node.op_type, layer.weight->name), [&] {
           return Weight(layer, planned.plan->weight_type, node.Is("MatMul"), emitter);
         }));
  node.inputs[0] = input[0];
  node.inputs[1] = weight[0];
  emitter->Add(std::move(node));
  return Ok();
}

}  // namespace quantbench
