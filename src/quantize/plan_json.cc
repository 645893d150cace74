// A plan as JSON: every decision, so that it can be printed, compared, edited and applied again.
#include <cmath>

#include "quantbench/base/format.h"
#include "quantbench/quantize.h"

namespace quantbench {
namespace {

Json ToJson(const LayerPlan& layer) {
  Json json = Json::MakeObject()
                  .Set("layer", layer.layer)
                  .Set("op_type", layer.op_type)
                  .Set("scheme", Name(layer.scheme));
  if (!layer.reason.empty()) json.Set("reason", layer.reason);
  if (!layer.form.empty()) json.Set("form", layer.form);
  if (!layer.weight.empty()) {
    json.Set("weight", layer.weight)
        .Set("weight_type", Name(layer.weight_type))
        .Set("weight_axis", layer.weight_axis);
  }
  if (layer.weight_bytes_before > 0) {
    json.Set("weight_bytes_before", layer.weight_bytes_before)
        .Set("weight_bytes_after", layer.weight_bytes_after);
  }
  if (!layer.other_weights.empty()) json.Set("other_weights", Json::List(layer.other_weights));
  if (!layer.tied_to.empty()) json.Set("tied_to", layer.tied_to);
  if (layer.output_quantized) json.Set("output_quantized", true);
  if (layer.block > 0) json.Set("block", layer.block);
  if (layer.format != QuantFormat::kEngine) json.Set("format", Name(layer.format));
  if (!layer.absorbed_by.empty()) json.Set("absorbed_by", layer.absorbed_by);
  if (layer.factor > 0) json.Set("factor", layer.factor);
  if (layer.repaired_channels > 0) json.Set("repaired_channels", layer.repaired_channels);
  return json;
}

Result<LayerPlan> LayerFromJson(const Json& json) {
  LayerPlan layer;
  QB_TRY(layer.layer, json.RequireString("layer", "plan"));
  const std::string where = Format("plan, layer \"{}\"", Printable(layer.layer));
  QB_TRY(layer.op_type, json.RequireString("op_type", where));
  QB_TRY(const std::string scheme, json.RequireString("scheme", where));
  QB_TRY(layer.scheme, ParseScheme(scheme));
  layer.reason = json["reason"].AsString();
  layer.form = json["form"].AsString();
  layer.weight = json["weight"].AsString();
  if (json.Has("weight_type")) {
    const std::string type = json["weight_type"].AsString();
    if (type != Name(DataType::kUndefined)) {
      QB_TRY(layer.weight_type, ParseDataType(type));
    }
  }
  layer.weight_axis = json["weight_axis"].AsInt(-1);
  layer.weight_bytes_before = static_cast<std::uint64_t>(json["weight_bytes_before"].AsInt());
  layer.weight_bytes_after = static_cast<std::uint64_t>(json["weight_bytes_after"].AsInt());
  for (const Json& name : json["other_weights"].AsArray()) {
    layer.other_weights.push_back(name.AsString());
  }
  layer.tied_to = json["tied_to"].AsString();
  layer.output_quantized = json["output_quantized"].AsBool();
  layer.absorbed_by = json["absorbed_by"].AsString();
  layer.block = json["block"].AsInt();
  if (json.Has("format")) {
    QB_TRY(layer.format, ParseQuantFormat(json["format"].AsString()));
  }
  if (json.Has("factor")) layer.factor = json["factor"].AsDouble();
  layer.repaired_channels = json["repaired_channels"].AsInt();
  return layer;
}

Result<ActivationPlan> ActivationFromJson(const Json& json) {
  ActivationPlan activation;
  QB_TRY(activation.tensor, json.RequireString("tensor", "plan"));
  const std::string where = Format("plan, tensor \"{}\"", Printable(activation.tensor));
  QB_TRY(const std::string type, json.RequireString("type", where));
  QB_TRY(activation.type, ParseDataType(type));
  QB_TRY(const double scale, json.RequireDouble("scale", where));
  QB_TRY(const std::int64_t zero_point, json.RequireInt("zero_point", where));
  std::optional<CodeRange> codes = CodesOf(activation.type);
  if (activation.type == DataType::kFloat8E4M3FN || activation.type == DataType::kFloat8E5M2) {
    codes = CodeRange{0, 0};
  }
  if (!codes) {
    return Error(ErrorCode::kMalformed,
                 Format("{}: {} is no type of codes (uint8, int8, uint16, int16)", where, type));
  }
  activation.params.scale = static_cast<float>(scale);
  if (!(activation.params.scale > 0) || !std::isfinite(activation.params.scale) ||
      zero_point < codes->low || zero_point > codes->high) {
    return Error(
        ErrorCode::kMalformed,
        Format("{}: scale {} with zero point {} is not a quantization", where, scale, zero_point));
  }
  activation.params.zero_point = static_cast<std::int32_t>(zero_point);
  return activation;
}

}  // namespace

Json Plan::ToJson() const {
  Json options = Json::MakeObject();
  for (const auto& [key, value] : engine_options) options.Set(key, value);
  Json layer_list = Json::Array{};
  for (const LayerPlan& layer : layers) layer_list.Append(quantbench::ToJson(layer));
  Json activation_list = Json::Array{};
  for (const ActivationPlan& activation : activations) {
    activation_list.Append(Json::MakeObject()
                               .Set("tensor", activation.tensor)
                               .Set("type", Name(activation.type))
                               .Set("scale", double{activation.params.scale})
                               .Set("zero_point", std::int64_t{activation.params.zero_point}));
  }
  return Json::MakeObject()
      .Set("recipe", recipe)
      .Set("calibrated", calibrated)
      .Set("target", Name(target))
      .Set("recovery", recovery.ToJson())
      .Set("engine_options", std::move(options))
      .Set("notes", Json::List(notes))
      .Set("layers", std::move(layer_list))
      .Set("activations", std::move(activation_list));
}

Result<Plan> Plan::FromJson(const Json& json) {
  Plan plan;
  QB_TRY(plan.recipe, json.RequireString("recipe", "plan"));
  plan.calibrated = json["calibrated"].AsBool();
  QB_TRY(const std::string target, json.RequireString("target", "plan"));
  QB_TRY(plan.target, ParseTarget(target));
  QB_TRY(plan.recovery, Recovery::FromJson(json["recovery"]));
  for (const auto& [key, value] : json["engine_options"].AsObject()) {
    plan.engine_options[key] = value.AsString();
  }
  for (const Json& note : json["notes"].AsArray()) plan.notes.push_back(note.AsString());
  for (const Json& entry : json["layers"].AsArray()) {
    QB_TRY(LayerPlan layer, LayerFromJson(entry));
    plan.layers.push_back(std::move(layer));
  }
  for (const Json& entry : json["activations"].AsArray()) {
    QB_TRY(ActivationPlan activation, ActivationFromJson(entry));
    plan.activations.push_back(std::move(activation));
  }
  return plan;
}

}  // namespace quantbench
