// The JSON Schema of study files: the keys that the parser asks for, with what they mean.
#include <optional>

#include "quantbench/base/format.h"
#include "quantbench/study.h"

#include "study/asked_keys.h"
#include "study/study_keys.h"

namespace quantbench {
namespace {

// Names of the values of an enumeration whose first is 0.
template <typename Enum>
std::vector<std::string> NamesUpTo(Enum last, int first = 0) {
  std::vector<std::string> names;
  for (int i = first; i <= static_cast<int>(last); ++i) {
    names.emplace_back(Name(static_cast<Enum>(i)));
  }
  return names;
}

template <typename Entries>
std::vector<std::string> NamesOf(const Entries& entries) {
  std::vector<std::string> names;
  for (const auto& entry : entries) names.emplace_back(entry.name);
  return names;
}

std::vector<std::string> Words(std::string_view kind) {
  if (kind == "recipes") return NamesOf(Recipes());
  if (kind == "observers") return NamesUpTo(Observer::kMse);
  if (kind == "formats") return NamesUpTo(QuantFormat::kQOperator);
  if (kind == "targets") return NamesUpTo(Target::kPortable);
  if (kind == "tasks") return NamesUpTo(Task::kTranscribe);
  if (kind == "metrics") return NamesUpTo(Metric::kLoadRatio);
  if (kind == "scenarios") return NamesUpTo(Scenario::kEndToEnd, 1);  // single-stream is no other
  if (kind == "kinds") {
    const std::vector<std::string_view> kinds = DataKinds();
    return {kinds.begin(), kinds.end()};
  }
  QB_CHECK(kind == "steps", "a rule of study_keys.cc names words that are not there");
  std::vector<std::string> steps = NamesOf(Steps());
  steps.emplace_back("none");
  return steps;
}

const StudyKey* KeyOf(const AskedKey& asked) {
  for (const StudyKey& key : StudyKeys()) {
    if (key.table == asked.table && key.key == asked.key) return &key;
  }
  return nullptr;
}

Json Typed(std::string_view type) {
  return Json::MakeObject().Set("type", type);
}

Json WholeNumber(const AskedKey& asked) {
  Json schema = Typed("integer");
  if (asked.low != kNoLowest) schema.Set("minimum", asked.low);
  if (asked.high != kNoHighest) schema.Set("maximum", asked.high);
  return schema;
}

Json ListOf(Json items) {
  return Typed("array").Set("items", std::move(items));
}

// What the parser itself says of a key.
Json FromParser(const AskedKey& asked) {
  switch (asked.type) {
    case KeyType::kAny: return Json::MakeObject();
    case KeyType::kString: return Typed("string");
    case KeyType::kBool: return Typed("boolean");
    case KeyType::kInt: return WholeNumber(asked);
    case KeyType::kDouble: return Typed("number");
    case KeyType::kStrings: return ListOf(Typed("string"));
    case KeyType::kDoubles:
      return Json::MakeObject().Set("anyOf", Json::Array{Typed("number"), ListOf(Typed("number"))});
    case KeyType::kInts: return ListOf(WholeNumber(asked)).Set("minItems", 1);
    case KeyType::kTable:
    case KeyType::kFreeTable: return Typed("object");
  }
  return {};
}

// N in the pattern of expectations is a number.
std::string WithNumbers(std::string pattern) {
  constexpr std::string_view kNumber = R"(([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?)";
  for (std::size_t at = pattern.find('N'); at != std::string::npos; at = pattern.find('N', at)) {
    pattern.replace(at, 1, kNumber);
    at += kNumber.size();
  }
  return pattern;
}

void AddRule(const StudyKey& key, Json* schema) {
  if (key.rule.empty()) return;
  const auto rule = Json::Parse(key.rule);
  QB_CHECK(rule.ok(), "a rule of study_keys.cc is no JSON");
  for (const auto& [name, value] : rule.value().AsObject()) {
    if (name == "words") {
      const Json words = Json::List(Words(value.AsString()));
      if ((*schema)["items"].is_null()) {
        schema->Set("enum", words);
      } else {
        schema->Set("items", Typed("string").Set("enum", words));
      }
    } else if (name == "pattern") {
      schema->Set(name, key.key == "expect" ? WithNumbers(value.AsString()) : value.AsString());
    } else {
      schema->Set(name, value);
    }
  }
}

class SchemaMaker {
 public:
  SchemaMaker() : asked_(KeysAskedFor(kEveryTable)) {}

  [[nodiscard]] Json Root() const {
    Json root = Json::MakeObject()
                    .Set("$schema", "http://json-schema.org/draft-07/schema#")
                    .Set("title", "A study of quantbench")
                    .Set("description", "docs/study-file.md explains every key");
    const Json study = Object("the study");
    for (const auto& [name, value] : study.AsObject()) root.Set(name, value);
    return root.Set("required", Json::Array{"study", "model"});
  }

 private:
  [[nodiscard]] Json Object(const std::string& table) const {
    Json properties = Json::MakeObject();
    Json required = Json::Array{};
    for (const AskedKey& asked : asked_) {
      if (asked.table != table) continue;
      properties.Set(asked.key, Property(asked));
      if (asked.need == Need::kRequired) required.Append(asked.key);
    }
    Json schema = Typed("object").Set("properties", std::move(properties));
    if (!required.AsArray().empty()) schema.Set("required", std::move(required));
    return schema.Set("additionalProperties", false);
  }

  [[nodiscard]] Json Property(const AskedKey& asked) const {
    Json schema = FromParser(asked);
    if (const auto nested = Nested(asked)) schema = *nested;
    const StudyKey* key = KeyOf(asked);
    if (key == nullptr) return schema;
    schema.Set("description", key->meaning);
    AddRule(*key, &schema);
    return schema;
  }

  // The keys that hold tables with known keys.
  [[nodiscard]] std::optional<Json> Nested(const AskedKey& asked) const {
    const std::string path = asked.table + "." + asked.key;
    if (path == "the study.study" || path == "the study.sweep" || path == "the study.scenario") {
      Json table = Object("[" + asked.key + "]");
      // What the parser asks for in words of its own.
      if (asked.key == "scenario") table.Set("required", Json::Array{"run"});
      return table;
    }
    if (path == "the study.model") return ListOf(Object("[[model]]")).Set("minItems", 1);
    if (path == "the study.hypothesis") return ListOf(Object("[[hypothesis]]"));
    if (path == "the study.variant") {
      Json variant = Object("[[variant]]");
      const auto needs = [](const char* key) {
        return Json::MakeObject().Set("required", Json::Array{key});
      };
      variant.Set("required", Json::Array{"id"})
          .Set("anyOf", Json::Array{needs("recipe"), needs("path")});
      return ListOf(std::move(variant));
    }
    if (path == "the study.data") return Data();
    if (path == "[[variant]].recipe") {
      return Json::MakeObject().Set(
          "anyOf", Json::Array{Typed("string").Set("enum", Json::List(Words("recipes"))),
                               Object("\"recipe\"")});
    }
    if (path == "[data.x].inputs") {
      return Typed("object").Set(
          "additionalProperties",
          Json::MakeObject().Set(
              "anyOf", Json::Array{Typed("string"), Typed("number"), Object("input \"i\"")}));
    }
    if (asked.type == KeyType::kTable && path != "[sweep].dims") {
      return Object(Format("\"{}\" of {}", asked.key, asked.table));
    }
    return std::nullopt;
  }

  [[nodiscard]] Json Data() const {
    Json data = Object("[data.x]");
    // Only made-up samples need no path; the parser sees that from the kind.
    data.Set("required", Json::Array{"kind"});
    data.Set("if", Json::MakeObject().Set(
                       "properties", Json::MakeObject().Set(
                                         "kind", Json::MakeObject().Set("const", "synthetic"))));
    data.Set("else", Json::MakeObject().Set("required", Json::Array{"path"}));
    return Typed("object")
        .Set("propertyNames", Json::MakeObject()
                                  .Set("pattern", "^[A-Za-z0-9_-][A-Za-z0-9_.-]*$")
                                  .Set("maxLength", 80))
        .Set("additionalProperties", std::move(data));
  }

  std::vector<AskedKey> asked_;
};

}  // namespace

Json StudySchema() {
  return SchemaMaker().Root();
}

}  // namespace quantbench
