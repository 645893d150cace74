// Data specifications as JSON, for worker messages and records.
#include "quantbench/base/format.h"
#include "quantbench/data.h"

namespace quantbench {
namespace {

Json ToJson(const Preprocess& preprocess) {
  return Json::MakeObject()
      .Set("resize", preprocess.resize)
      .Set("crop", preprocess.crop)
      .Set("scale", preprocess.scale ? Json(*preprocess.scale) : Json())
      .Set("mean", Json::List(preprocess.mean))
      .Set("std", Json::List(preprocess.std))
      .Set("channels", preprocess.channels)
      .Set("layout", preprocess.layout)
      .Set("stored", preprocess.stored);
}

Preprocess PreprocessFromJson(const Json& json) {
  Preprocess preprocess;
  preprocess.resize = static_cast<int>(json["resize"].AsInt());
  preprocess.crop = static_cast<int>(json["crop"].AsInt());
  if (json["scale"].is_number()) preprocess.scale = json["scale"].AsDouble();
  for (const Json& value : json["mean"].AsArray()) preprocess.mean.push_back(value.AsDouble());
  for (const Json& value : json["std"].AsArray()) preprocess.std.push_back(value.AsDouble());
  preprocess.channels = json["channels"].AsString();
  preprocess.layout = json["layout"].AsString();
  preprocess.stored = json["stored"].AsString();
  return preprocess;
}

}  // namespace

Json DataSpec::ToJson() const {
  Json rules = Json::MakeObject();
  for (const auto& [input, rule] : inputs) {
    rules.Set(input, Json::MakeObject()
                         .Set("array", rule.array)
                         .Set("nonzero_of", rule.nonzero_of)
                         .Set("constant", rule.constant ? Json(*rule.constant) : Json()));
  }
  return Json::MakeObject()
      .Set("id", id)
      .Set("kind", kind)
      .Set("path", path.string())
      .Set("labels", labels.string())
      .Set("inputs", std::move(rules))
      .Set("preprocess", quantbench::ToJson(preprocess))
      .Set("limit", limit)
      .Set("shuffle", shuffle)
      .Set("seed", seed);
}

Result<DataSpec> DataSpec::FromJson(const Json& json) {
  DataSpec spec;
  QB_TRY(spec.kind, json.RequireString("kind", "data"));
  spec.id = json["id"].AsString();
  spec.path = json["path"].AsString();
  spec.labels = json["labels"].AsString();
  for (const auto& [input, rule] : json["inputs"].AsObject()) {
    InputRule& target = spec.inputs[input];
    target.array = rule["array"].AsString();
    target.nonzero_of = rule["nonzero_of"].AsString();
    if (rule["constant"].is_number()) target.constant = rule["constant"].AsDouble();
  }
  spec.preprocess = PreprocessFromJson(json["preprocess"]);
  spec.limit = json["limit"].AsInt();
  spec.shuffle = json["shuffle"].AsBool();
  spec.seed = static_cast<std::uint64_t>(json["seed"].AsInt(1));
  return spec;
}

}  // namespace quantbench
