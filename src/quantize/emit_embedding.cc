// Embeddings: rows of int8 codes, one scale a row.
#include "quantize/tied_weights.h"

namespace quantbench {
Status EmitEmbedding(const PlannedNode& planned, Emitter* emitter) {
  QB_TRY(const WeightedLayer layer, emitter->Inspect(planned));
  QB_TRY(const Names table, TableCodes(*layer.weight, emitter));
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
