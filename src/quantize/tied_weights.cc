// Finding what can be tied, and the int8 codes that are read both ways.
#include "quantize/tied_weights.h"

#include <algorithm>

#include "quantbench/base/format.h"

#include "quantize/weight_scales.h"

namespace quantbench {
namespace {

bool Reads(const LayerPlan& layer, std::string_view weight) {
  return layer.weight == weight || std::find(layer.other_weights.begin(), layer.other_weights.end(),
                                             weight) != layer.other_weights.end();
}

// Whether both become codes of one kind, with scales along the same axis of the table.
bool AlikeAs(const LayerPlan& product, const LayerPlan& table, std::int64_t table_columns) {
  if (product.scheme != table.scheme || product.weight_type != table.weight_type) return false;
  switch (product.scheme) {
    case Scheme::kStored:
      return product.weight_type != DataType::kInt8 ||
             (product.weight_axis == 1 && table.weight_axis == 0);
    case Scheme::kDynamicInt8: return product.weight_axis == 1;
    case Scheme::kWeightOnly:
      // The table's rows are packed without padding.
      return product.format == QuantFormat::kEngine && table.format == QuantFormat::kEngine &&
             product.block == table.block && table_columns % table.block == 0;
    default: return false;
  }
}

// The layers that read a weight, when nothing else of the model does.
std::vector<LayerPlan*> LayersReading(const Scopes& scopes, const Initializer& weight,
                                      std::string_view op_type, Plan* plan) {
  std::vector<LayerPlan*> layers;
  for (LayerPlan& layer : plan->layers) {
    if (!Reads(layer, weight.name)) continue;
    if (layer.op_type != op_type || layer.weight != weight.name) return {};
    layers.push_back(&layer);
  }
  if (layers.size() != scopes.ReadersOf(weight).size() || scopes.IsOutput(weight)) return {};
  return layers;
}

// Whether each product can read the codes of each embedding of so many columns.
bool AllAlike(const std::vector<LayerPlan*>& products, const std::vector<LayerPlan*>& gathers,
              std::int64_t columns) {
  return std::all_of(products.begin(), products.end(), [&](const LayerPlan* product) {
    return std::all_of(gathers.begin(), gathers.end(), [&](const LayerPlan* gather) {
      return AlikeAs(*product, *gather, columns);
    });
  });
}

// Ties the products that allow it to a table that only `gathers` read; how many.
Result<std::int64_t> TieTo(const Initializer& table, const std::vector<LayerPlan*>& gathers,
                           const Scopes& scopes, Plan* plan, WeightFacts* facts) {
  std::int64_t tied = 0;
  for (const Initializer* weight : scopes.initializers()) {
    if (weight->dims != Shape{table.dims[1], table.dims[0]}) continue;
    const auto products = LayersReading(scopes, *weight, "MatMul", plan);
    if (products.empty() || !AllAlike(products, gathers, table.dims[1])) continue;
    if (!scopes.SeesToo(*weight, table)) continue;
    QB_TRY(const bool same, facts->AreTransposes(table, *weight));
    if (!same) continue;
    for (LayerPlan* product : products) {
      product->tied_to = table.name;
      product->weight_bytes_after = 0;
      ++tied;
    }
  }
  return tied;
}

std::string ReasonNotTied(const Scopes& scopes, const LayerPlan& layer, WeightFacts* facts) {
  const Initializer* table = scopes.FindNamed(layer.tied_to);
  const Initializer* weight = scopes.FindNamed(layer.weight);
  if (table == nullptr || weight == nullptr) return "which is not in the model";
  if (!scopes.SeesToo(*weight, *table)) return "which is in another graph";
  const auto same = facts->AreTransposes(*table, *weight);
  if (!same.ok()) return same.error().message();
  return same.value() ? "" : "whose transpose its weight is not";
}

}  // namespace

Status TieWeights(const Scopes& scopes, Plan* plan, WeightFacts* facts) {
  std::int64_t tied = 0;
  for (const Initializer* table : scopes.initializers()) {
    if (table->dims.size() != 2) continue;
    const auto gathers = LayersReading(scopes, *table, "Gather", plan);
    if (gathers.empty()) continue;
    QB_TRY(const std::int64_t products, TieTo(*table, gathers, scopes, plan, facts));
    tied += products;
  }
  if (tied > 0) {
    plan->notes.push_back(
        Format("{} layers multiply with the transpose of an embedding table: the "
               "codes are stored once",
               tied));
  }
  return Ok();
}

Status CheckTied(const Model& prepared, const Plan& plan, WeightFacts* facts) {
  const auto is_tied = [](const LayerPlan& layer) { return !layer.tied_to.empty(); };
  if (std::none_of(plan.layers.begin(), plan.layers.end(), is_tied)) return Ok();
  const Scopes scopes(prepared.graph);
  for (const LayerPlan& layer : plan.layers) {
    if (layer.tied_to.empty()) continue;
    const std::string reason = ReasonNotTied(scopes, layer, facts);
    if (reason.empty()) continue;
    return Error(ErrorCode::kInvalidArgument,
                 Format("the plan ties layer \"{}\" to \"{}\", {}", Printable(layer.layer),
                        Printable(layer.tied_to), reason));
  }
  return Ok();
}

bool IsTied(const Plan& plan, std::string_view table) {
  return std::any_of(plan.layers.begin(), plan.layers.end(),
                     [&](const LayerPlan& layer) { return layer.tied_to == table; });
}

Result<WeightScales> TableScales(const Initializer& table, const Plan& plan, int threads,
                                 WeightFacts* facts) {
  if (!IsTied(plan, table.name)) return facts->Scales(table, Channels::kRows, {}, threads);
  return ChooseRowScales(table, true, plan.target, threads, facts);
}

Result<Names> TableCodes(const Initializer& table, Emitter* reader) {
  Emitter* emitter = reader->HomeOf(table.name);
  return emitter->Once("table " + table.name, [&]() -> Result<Names> {
    const int threads = emitter->threads();
    QB_TRY(WeightScales chosen, TableScales(table, emitter->plan(), threads, &emitter->facts()));
    const std::vector<float> scales = std::move(chosen.scales);
    emitter->Replaced(table.name);
    const Shape shape = {table.dims[0], 1};
    TensorMaker codes = LaterQuantized(table, scales, {Channels::kRows}, threads);
    return Names{emitter->AddDeferred(table.name + "_quantized", DataType::kInt8, table.dims,
                                      std::move(codes)),
                 emitter->AddInitializer(table.name + "_scale", Tensor::OfFloats(shape, scales))};
  });
}

Result<Names> TransposedTableCodes(const Initializer& table, Emitter* reader) {
  Emitter* emitter = reader->HomeOf(table.name);
  return emitter->Once("transposed table " + table.name, [&]() -> Result<Names> {
    QB_TRY(const Names codes, TableCodes(table, emitter));
    const std::string flat = emitter->AddInitializer(
        table.name + "_rows", Tensor::Of(DataType::kInt64, {1}, std::vector{INT64_C(-1)}));
    return Names{emitter->Add("Transpose", {codes[0]}, table.name + "_transposed",
                              {Attribute::Ints("perm", {1, 0})}),
                 emitter->Add("Reshape", {codes[1], flat}, table.name + "_scales")};
  });
}

}  // namespace quantbench
