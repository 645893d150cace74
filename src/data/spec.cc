// Data specifications as JSON, for worker messages and records.
#include <array>

#include "quantbench/base/format.h"
#include "quantbench/data.h"

namespace quantbench {
namespace {

constexpr std::array<std::string_view, 4> kTasks = {"classify", "language-model", "detect",
                                                    "transcribe"};

// Writes each member of an options struct that it visits.
struct ToJsonVisitor {
  Json* json;
  void operator()(std::string_view key, const std::vector<std::string>& value) const {
    json->Set(key, Json::List(value));
  }
  void operator()(std::string_view key, const std::filesystem::path& value) const {
    json->Set(key, value.string());
  }
  template <typename T>
  void operator()(std::string_view key, const T& value) const {
    json->Set(key, value);
  }
};

// Reads each member that the object has.
struct FromJsonVisitor {
  const Json* json;
  void operator()(std::string_view key, std::string& value) const {
    if (json->Has(key)) value = (*json)[key].AsString();
  }
  void operator()(std::string_view key, std::filesystem::path& value) const {
    if (json->Has(key)) value = (*json)[key].AsString();
  }
  void operator()(std::string_view key, std::int64_t& value) const {
    value = (*json)[key].AsInt(value);
  }
  void operator()(std::string_view key, double& value) const {
    if (json->Has(key)) value = (*json)[key].AsDouble(value);
  }
  void operator()(std::string_view key, bool& value) const { value = (*json)[key].AsBool(value); }
  void operator()(std::string_view key, std::vector<std::string>& value) const {
    if (!json->Has(key)) return;
    value.clear();
    for (const Json& text : (*json)[key].AsArray()) value.push_back(text.AsString());
  }
};

template <typename Options>
Json OptionsToJson(const Options& options) {
  Json json = Json::MakeObject();
  Options::Visit(options, ToJsonVisitor{&json});
  return json;
}

template <typename Options>
void OptionsFromJson(const Json& json, Options* options) {
  Options::Visit(*options, FromJsonVisitor{&json});
}

Json ToJson(const Preprocess& preprocess) {
  return Json::MakeObject()
      .Set("resize", preprocess.resize)
      .Set("crop", preprocess.crop)
      .Set("size", Json::List(preprocess.size))
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
  for (const Json& value : json["size"].AsArray()) preprocess.size.push_back(value.AsInt());
  if (json["scale"].is_number()) preprocess.scale = json["scale"].AsDouble();
  for (const Json& value : json["mean"].AsArray()) preprocess.mean.push_back(value.AsDouble());
  for (const Json& value : json["std"].AsArray()) preprocess.std.push_back(value.AsDouble());
  preprocess.channels = json["channels"].AsString();
  preprocess.layout = json["layout"].AsString();
  preprocess.stored = json["stored"].AsString();
  return preprocess;
}

}  // namespace

std::string_view Name(Task task) {
  return kTasks[static_cast<std::size_t>(task)];
}

Result<Task> ParseTask(std::string_view name) {
  for (std::size_t i = 0; i < kTasks.size(); ++i) {
    if (kTasks[i] == name) return static_cast<Task>(i);
  }
  std::string message = Format("unknown task \"{}\"", Printable(name));
  if (const auto nearest = Nearest(name, kTasks); !nearest.empty()) {
    message += Format("; did you mean \"{}\"?", nearest);
  }
  return Error(ErrorCode::kInvalidArgument, message);
}

Task DataSpec::TaskOf() const {
  if (const auto named = ParseTask(task); named.ok()) return named.value();
  if (kind == "tokens") return Task::kLanguageModel;
  return kind == "coco" ? Task::kDetect : Task::kClassify;
}

Json DataSpec::ToJson() const {
  Json rules = Json::MakeObject();
  for (const auto& [input, rule] : inputs) {
    rules.Set(input, Json::MakeObject()
                         .Set("array", rule.array)
                         .Set("nonzero_of", rule.nonzero_of)
                         .Set("constant", rule.constant ? Json(*rule.constant) : Json())
                         .Set("feedback", rule.feedback));
  }
  return Json::MakeObject()
      .Set("id", id)
      .Set("kind", kind)
      .Set("path", path.string())
      .Set("labels", labels.string())
      .Set("inputs", std::move(rules))
      .Set("preprocess", quantbench::ToJson(preprocess))
      .Set("text", OptionsToJson(text))
      .Set("audio", OptionsToJson(audio))
      .Set("answer", OptionsToJson(answer))
      .Set("task", task)
      .Set("skip_bad", skip_bad)
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
    target.feedback = rule["feedback"].AsString();
  }
  spec.preprocess = PreprocessFromJson(json["preprocess"]);
  OptionsFromJson(json["text"], &spec.text);
  OptionsFromJson(json["audio"], &spec.audio);
  OptionsFromJson(json["answer"], &spec.answer);
  spec.task = json["task"].AsString();
  spec.skip_bad = json["skip_bad"].AsBool();
  spec.limit = json["limit"].AsInt();
  spec.shuffle = json["shuffle"].AsBool();
  spec.seed = static_cast<std::uint64_t>(json["seed"].AsInt(1));
  return spec;
}

}  // namespace quantbench
