// Emitting weights in blocks: the engine's MatMulNBits and GatherBlockQuantized, or
// DequantizeLinear in blocks before the product. [ONNX Runtime ContribOperators.md]
#include <functional>

#include "quantbench/base/format.h"

#include "quantize/block_coded.h"
#include "quantize/emitter.h"
#include "quantize/layer_bias.h"
#include "quantize/tied_weights.h"

namespace quantbench {
namespace {

// The engine multiplies with 8-bit activations; left out, it would decode to float in every run.
constexpr std::int64_t kAccuracyLevel = 4;

// Gemm's alpha belongs to the scales.
BlockWeights Scaled(double factor, BlockWeights blocks) {
  if (factor == 1) return blocks;
  for (float& scale : blocks.scales.As<float>()) scale = static_cast<float>(scale * factor);
  return blocks;
}

using BlockMaker = std::function<Result<BlockWeights>()>;

// Codes, scales and, when asymmetric, zero points, made together when the model is written.
Names AddBlocks(const std::string& base, const BlockShapes& shapes, const BlockMaker& make,
                Emitter* emitter) {
  std::vector<Promise> promises = {{base + "_blocks", shapes.type, shapes.codes},
                                   {base + "_block_scales", DataType::kFloat32, shapes.scales}};
  if (!shapes.zero_points.empty()) {
    promises.push_back({base + "_block_zero_points", shapes.type, shapes.zero_points});
  }
  emitter->Replaced(base);
  return emitter->AddTogether(std::move(promises), [make](std::span<Tensor> made) -> Status {
    QB_TRY(BlockWeights blocks, make());
    made[0] = std::move(blocks.codes);
    made[1] = std::move(blocks.scales);
    if (made.size() > 2) made[2] = std::move(*blocks.zero_points);
    return Ok();
  });
}

std::string KeyOf(std::string_view form, const Initializer& weight, const BlockSpec& spec,
                  double factor) {
  return Format("{} {} {} {} {} {}", form, weight.name, spec.bits, spec.block, spec.symmetric,
                factor);
}

// Of weights that no step has solved.
BlockSpec SpecFor(const PlannedNode& planned, const Emitter& emitter) {
  BlockSpec spec = BlockSpecOf(*planned.plan);
  spec.clip = emitter.plan().recovery.Has(Step::kClip);
  return spec;
}

// Of the rows of a matrix as MatMulNBits reads them.
Result<Names> RowBlocks(const Initializer& weight, Channels channels, double factor,
                        const BlockSpec& spec, Emitter* reader) {
  Emitter* emitter = reader->HomeOf(weight.name);
  return emitter->Once(KeyOf("MatMulNBits", weight, spec, factor), [&]() -> Result<Names> {
    const std::size_t outputs = channels == Channels::kRows ? 0 : 1;
    const BlockMaker make = [weight, channels, factor, spec, solved = emitter->Solved(weight.name),
                             threads = emitter->threads()]() -> Result<BlockWeights> {
      if (solved != nullptr) return Scaled(factor, CodedForMatMulNBits(*solved, spec));
      QB_TRY(BlockWeights blocks, QuantizeForMatMulNBits(weight, channels, spec, threads));
      return Scaled(factor, std::move(blocks));
    };
    return AddBlocks(weight.name,
                     MatMulNBitsShapes(weight.dims[outputs], weight.dims[1 - outputs], spec), make,
                     emitter);
  });
}

Result<Names> ProductBlocks(const PlannedNode& planned, const WeightedLayer& layer,
                            Emitter* emitter) {
  const BlockSpec spec = SpecFor(planned, *emitter);
  const std::string& table = planned.plan->tied_to;
  if (table.empty() || emitter->Solved(layer.weight->name) != nullptr) {
    return RowBlocks(*layer.weight, layer.channels, layer.weight_factor, spec, emitter);
  }
  emitter->Replaced(layer.weight->name);
  return RowBlocks(*emitter->index().FindInitializer(table), Channels::kRows, 1, spec, emitter);
}

// As GatherBlockQuantized reads them: two-dimensional.
Result<Names> TableBlocks(const Initializer& table, const BlockSpec& spec, Emitter* reader) {
  Emitter* emitter = reader->HomeOf(table.name);
  const BlockShapes shapes = GatherShapes(table.dims[0], table.dims[1], spec);
  if (!IsTied(emitter->plan(), table.name)) {
    return emitter->Once(KeyOf("Gather", table, spec, 1), [&]() -> Result<Names> {
      const BlockMaker make = [table, spec, solved = emitter->Solved(table.name),
                               threads = emitter->threads()]() -> Result<BlockWeights> {
        if (solved != nullptr) return CodedForGather(*solved, spec);
        return QuantizeForGather(table, spec, threads);
      };
      return AddBlocks(table.name, shapes, make, emitter);
    });
  }
  return emitter->Once(KeyOf("tied Gather", table, spec, 1), [&]() -> Result<Names> {
    QB_TRY(Names names, RowBlocks(table, Channels::kRows, 1, spec, emitter));
    const std::string shape = emitter->AddInitializer(
        table.name + "_shape", Tensor::Of(DataType::kInt64, {2}, shapes.codes));
    names[0] = emitter->Add("Reshape", {names[0], shape}, table.name + "_codes");
    return names;
  });
}

Status EmitMatMulNBits(const PlannedNode& planned, const WeightedLayer& layer, Emitter* emitter) {
  const BlockSpec spec = SpecFor(planned, *emitter);
  const std::int64_t inputs = layer.weight->dims[layer.transposed ? 1 : 0];
  QB_TRY(const Names names, ProductBlocks(planned, layer, emitter));
  QB_TRY(const std::string bias,
         AddedBias(*planned.node, layer, emitter->BiasShift(planned), emitter));
  Node node = MakeNode("MatMulNBits", planned.name, {planned.node->inputs[0], names[0], names[1]},
                       {planned.node->outputs[0]},
                       {Attribute::Int("K", inputs), Attribute::Int("N", layer.outputs),
                        Attribute::Int("bits", spec.bits), Attribute::Int("block_size", spec.block),
                        Attribute::Int("accuracy_level", kAccuracyLevel)});
  if (names.size() > 2) node.inputs.push_back(names[2]);
  if (!bias.empty()) {
    node.inputs.resize(6);  // A, B, scales, zero_points, g_idx, bias
    node.inputs[5] = bias;
  }
  emitter->AddContrib(std::move(node));
  return Ok();
}

Status EmitGather(const PlannedNode& planned, const WeightedLayer& layer, Emitter* emitter) {
  const BlockSpec spec = SpecFor(planned, *emitter);
  QB_TRY(const Names names, TableBlocks(*layer.weight, spec, emitter));
  Node node =
      MakeNode("GatherBlockQuantized", planned.name, {names[0], planned.node->inputs[1], names[1]},
               {planned.node->outputs[0]},
               {Attribute::Int("gather_axis", 0), Attribute::Int("quantize_axis", 1),
                Attribute::Int("bits", spec.bits), Attribute::Int("block_size", spec.block)});
  if (names.size() > 2) node.inputs.push_back(names[2]);
  emitter->AddContrib(std::move(node));
  return Ok();
}

// The weight decoded by DequantizeLinear, which the engine wants in the graph of its codes.
Result<Names> Dequantized(const Initializer& weight, Channels outputs, const BlockSpec& spec,
                          Emitter* reader) {
  Emitter* emitter = reader->HomeOf(weight.name);
  return emitter->Once(KeyOf("blocks", weight, spec, 1), [&]() -> Result<Names> {
    const BlockMaker make = [weight, outputs, spec, solved = emitter->Solved(weight.name),
                             threads = emitter->threads()]() -> Result<BlockWeights> {
      if (solved != nullptr) return CodedForDequantize(*solved, weight.dims, outputs, spec);
      return QuantizeForBlockDequantize(weight, outputs, spec, threads);
    };
    const Names params =
        AddBlocks(weight.name, DequantizeShapes(weight.dims, outputs, spec), make, emitter);
    return Names{emitter->Add("DequantizeLinear", params, weight.name + "_dequantized",
                              {Attribute::Int("axis", outputs == Channels::kRows ? 1 : 0),
                               Attribute::Int("block_size", spec.block)})};
  });
}

// The product as it was, of a decoded weight.
Status EmitDequantized(const PlannedNode& planned, const WeightedLayer& layer, Emitter* emitter) {
  const Channels outputs = planned.node->Is("Gather") ? Channels::kRows : layer.channels;
  QB_TRY(const Names names,
         Dequantized(*layer.weight, outputs, SpecFor(planned, *emitter), emitter));
  Node node = *planned.node;
  node.inputs[node.Is("Gather") ? 0 : 1] = names[0];
  emitter->Add(std::move(node));
  return Ok();
}

}  // namespace

Status EmitWeightOnly(const PlannedNode& planned, Emitter* emitter) {
  if (auto sound = CheckBlockSpec(BlockSpecOf(*planned.plan)); !sound.ok()) {
    return sound.error().Within(Format("the plan's layer \"{}\"", Printable(planned.name)));
  }
  QB_TRY(WeightedLayer layer, emitter->Inspect(planned));
  layer.ForgetAdder();  // it stays where it is: the engine fuses it
  if (planned.plan->format == QuantFormat::kQdq) return EmitDequantized(planned, layer, emitter);
  return planned.node->Is("Gather") ? EmitGather(planned, layer, emitter)
                                    : EmitMatMulNBits(planned, layer, emitter);
}

}  // namespace quantbench
