// Embeddings: rows of int8 codes, one scale a row.
#include "quantbench/base/format.h"

#include "quantize/emitter.h"

namespace quantbench {
namespace {

// Codes and scales of a table, made once however many nodes read it.
Result<Names> TableOf(const WeightedLayer& layer, Emitter* emitter) {
  const Initializer& table = *layer.weight;
  QB_TRY(const auto maxima, ChannelMaxima(table, Channels::kRows, emitter->threads()));
  const std::vector<float> scales = SymmetricScales(maxima);
  TensorMaker codes = LaterQuantized(table, scales, {Channels::kRows}, emitter->threads());
  emitter->Replaced(table.name);
  return Names{
      emitter->AddDeferred(table.name + "_quantized", DataType::kInt8, table.dims,
                           std::move(codes)),
      emitter->AddInitializer(table.name + "_scale", Tensor::OfFloats({table.dims[0], 1}, scales))};
}

}  // namespace

Status EmitEmbedding(const PlannedNode& planned, Emitter* emitter) {
  QB_TRY(const WeightedLayer layer, emitter->Inspect(planned));
  QB_TRY(const Names table,
         emitter->Once("table " + layer.weight->name, [&] { return TableOf(layer, emitter); }));
  const Node& gather = *planned.node;
  const std::string& indices = gather.inputs[1];
  const std::string codes = emitter->Add("Gather", {table[0], indices}, planned.name + "_codes",
                                         {Attribute::Int("axis", 0)});
  const std::string scales = emitter->Add("Gather", {table[1], indices}, planned.name + "_scales",
                                          {Attribute::Int("axis", 0)});
  const std::string floats =
      emitter->Add("Cast", {codes}, planned.name + "_float",
                   {Attribute::Int("to", static_cast<std::int64_t>(DataType::kFloat32))});
  emitter->Add(MakeNode("Mul", planned.name, {floats, scales}, {gather.outputs[0]}));
  return Ok();
}

}  // namespace quantbench
