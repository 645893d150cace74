// Emitting dynamic layers: DynamicQuantizeLinear -> MatMulInteger or ConvInteger -> Cast -> Mul [->
// Add].
#include <algorithm>
#include <cmath>

#include "quantbench/base/format.h"

#include "quantize/emitter.h"
#include "quantize/layer_bias.h"
#include "quantize/tied_weights.h"
#include "quantize/weight_scales.h"

namespace quantbench {
namespace {

// Codes, scale and zero point of an activation, computed while the model runs; one node however
// many layers read it, and outside of loops that do not change it.
Result<Names> DynamicActivation(const std::string& tensor, Emitter* emitter) {
  const std::string key = "activation " + tensor;
  Emitter* place = emitter->PlaceOf(tensor, key);
  return place->Once(key, [&]() -> Result<Names> {
    Names names = {place->Fresh(tensor + "_quantized"), place->Fresh(tensor + "_scale"),
                   place->Fresh(tensor + "_zero_point")};
    place->Add(MakeNode("DynamicQuantizeLinear", "", {tensor}, names));
    return names;
  });
}

// Scales as they multiply the product: [N] for a matrix, [1, C, 1, 1] for a convolution, [] for
// one.
Shape ScaleShape(const Node& node, const WeightedLayer& layer, std::size_t count) {
  if (layer.scales() == Channels::kNone) return {};
  const auto channels = static_cast<std::int64_t>(count);
  return node.Is("Conv") ? Shape{1, channels, 1, 1} : Shape{channels};
}

Result<Names> Weight(const Node& node, const WeightedLayer& layer, Emitter* emitter) {
  const Initializer& weight = *layer.weight;
  // ConvInteger takes unsigned weights, whose products never saturate.
  const Target target = node.Is("Conv") ? Target::kX64Vnni : emitter->plan().target;
  QB_TRY(WeightScales chosen,
         ChooseWeightScales(node, layer, target, emitter->threads(), &emitter->facts()));
  std::vector<float> scales = std::move(chosen.scales);
  CodeLayout layout{layer.scales()};
  layout.transpose = layer.transposed;
  layout.negate = layer.weight_factor < 0;
  layout.offset = node.Is("Conv");  // the engine's ConvInteger is slow on signed weights
  TensorMaker codes = LaterQuantized(weight, scales, layout, emitter->threads());
  const DataType type = layout.offset ? DataType::kUint8 : DataType::kInt8;
  for (float& scale : scales) scale = static_cast<float>(scale * std::abs(layer.weight_factor));
  emitter->Replaced(weight.name);
  const Shape shape = ScaleShape(node, layer, scales.size());
  return Names{emitter->AddDeferred(weight.name + "_quantized", type, CodeShape(weight, layout),
                                    std::move(codes)),
               emitter->AddInitializer(weight.name + "_scale", Tensor::OfFloats(shape, scales))};
}

Result<Names> WeightOf(const PlannedNode& planned, const WeightedLayer& layer, Emitter* emitter) {
  const std::string& table = planned.plan->tied_to;
  if (!table.empty()) {
    emitter->Replaced(layer.weight->name);
    return TransposedTableCodes(*emitter->index().FindInitializer(table), emitter);
  }
  Emitter* home = emitter->HomeOf(layer.weight->name);
  return home->Once(Format("{} {}", planned.node->op_type, layer.weight->name),
                    [&] { return Weight(*planned.node, layer, home); });
}

// The integer product of codes: int32.
std::string Product(const PlannedNode& planned, const Names& activation, const Names& weight,
                    Emitter* emitter) {
  const std::string output = planned.name + "_product";
  if (!planned.node->Is("Conv")) {
    return emitter->Add("MatMulInteger", {activation[0], weight[0], activation[2]}, output);
  }
  return emitter->Add(
      "ConvInteger",
      {activation[0], weight[0], activation[2], emitter->ZeroPoint(DataType::kUint8, 128)}, output,
      planned.node->attributes);
}

Status EmitProduct(const PlannedNode& planned, Emitter* emitter) {
  const Node& node = *planned.node;
  QB_TRY(WeightedLayer layer, emitter->Inspect(planned));
  layer.ForgetAdder();  // it stays where it is: the engine fuses it
  QB_TRY(const Names weight, WeightOf(planned, layer, emitter));
  QB_TRY(const std::string bias, AddedBias(node, layer, {}, emitter));
  QB_TRY(const Names activation, DynamicActivation(node.inputs[0], emitter));
  const std::string product = Product(planned, activation, weight, emitter);
  const std::string floats =
      emitter->Add("Cast", {product}, planned.name + "_float",
                   {Attribute::Int("to", static_cast<std::int64_t>(DataType::kFloat32))});
  const std::string scale =
      emitter->Add("Mul", {activation[1], weight[1]}, planned.name + "_scales");
  const std::string& output = node.outputs[0];
  if (bias.empty()) {
    emitter->Add(MakeNode("Mul", planned.name, {floats, scale}, {output}));
  } else {
    const std::string scaled = emitter->Add("Mul", {floats, scale}, planned.name + "_scaled");
    emitter->Add(MakeNode("Add", planned.name, {scaled, bias}, {output}));
  }
  return Ok();
}

}  // namespace

Status EmitDynamic(const PlannedNode& planned, Emitter* emitter) {
  if (planned.node->Is("Gather")) return EmitEmbedding(planned, emitter);
  if (planned.node->Is("LSTM")) return EmitLstm(planned, emitter);
  return EmitProduct(planned, emitter);
}

}  // namespace quantbench
