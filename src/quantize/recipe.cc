// Recipes: the named ways to quantize, and what a user may change about them.
#include <array>

#include "quantbench/base/format.h"
#include "quantbench/quantize.h"

namespace quantbench {
namespace {

// What a recipe is made of: names of treatments and of steps, separated by spaces, the best first.
struct Ingredients {
  RecipeEntry entry;
  std::string_view choices;
  std::string_view embeddings;
  std::string_view steps;
  Observer observer = Observer::kMinMax;
};

constexpr std::string_view kStatic = "static-int8 dynamic-int8 stored-int8";

constexpr std::array kIngredients = {
    Ingredients{{"static-int8",
                 "int8 weights and activations; needs calibration data; fastest for convolutions"},
                kStatic,
                "",
                "reconstruct bias",
                Observer::kMse},
    Ingredients{{"static-int8-fast", "the same without steps: one pass over the data"},
                kStatic,
                "",
                "",
                Observer::kMse},
    Ingredients{{"static-int8-best", "the same, slower: scales and codes chosen by what they cost"},
                kStatic,
                "",
                "clip gptq reconstruct bias",
                Observer::kMse},
    Ingredients{
        {"w4a8", "4-bit weights, 8-bit integer arithmetic; needs calibration data; smallest CNNs"},
        "w4a8 static-int8 dynamic-int8 stored-int8",
        "",
        "clip gptq reconstruct bias",
        Observer::kMse},
    Ingredients{{"dynamic-int8",
                 "int8 weights, activations measured while running; no data; for transformers"},
                "dynamic-int8 stored-int8",
                "",
                ""},
    Ingredients{
        {"weight-int8", "8-bit weights in blocks, float activations; no data; for language models"},
        "weight-int8 stored-int8",
        "weight-int8",
        ""},
    Ingredients{
        {"weight-int4", "4-bit weights in blocks; smallest; no data; for one token at a time"},
        "weight-int4 stored-int8",
        "weight-int4",
        "clip"},
    Ingredients{{"weight-int4-best",
                 "the same size, codes chosen by what the outputs lose; needs calibration data"},
                "weight-int4 stored-int8",
                "weight-int4",
                "clip gptq reconstruct"},
    Ingredients{
        {"float16", "weights stored as float16: half the file, float32 arithmetic, no data needed"},
        "float16",
        "",
        ""},
    Ingredients{{"bfloat16",
                 "weights stored as bfloat16: half the file, 8 digits of 24, no overflow, no data"},
                "bfloat16",
                "",
                ""},
    Ingredients{{"static-int16",
                 "int8 weights, 16-bit activations as QDQ: for accuracy studies and accelerators"},
                "static-int16 stored-int8",
                "",
                ""},
    Ingredients{{"float8", "float8 weights and activations as QDQ: for accelerators; slow here"},
                "float8 stored-int8",
                "",
                ""},
};

constexpr auto kEntries = [] {
  std::array<RecipeEntry, kIngredients.size()> entries;
  for (std::size_t i = 0; i < entries.size(); ++i) entries[i] = kIngredients[i].entry;
  return entries;
}();

std::vector<Treatment> ParseChoices(std::string_view names) {
  std::vector<Treatment> choices;
  while (!names.empty()) {
    const std::size_t end = std::min(names.find(' '), names.size());
    const auto treatment = FindTreatment(names.substr(0, end));
    QB_CHECK(treatment.ok(), "the table of recipes names a treatment that is not there");
    choices.push_back(treatment.value());
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return choices;
}

std::vector<Step> StepsNamed(std::string_view text) {
  std::vector<std::string> names;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    names.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  auto steps = ParseSteps(names);
  QB_CHECK(steps.ok(), "the table of recipes names a step that is not there");
  return std::move(steps).value();
}

Json ToJson(const std::vector<Treatment>& choices) {
  Json list = Json::Array{};
  for (const Treatment& treatment : choices) list.Append(treatment.ToJson());
  return list;
}

Result<std::vector<Treatment>> ChoicesFromJson(const Json& json) {
  std::vector<Treatment> choices;
  for (const Json& entry : json.AsArray()) {
    QB_TRY(const Treatment treatment, Treatment::FromJson(entry));
    choices.push_back(treatment);
  }
  return choices;
}

Result<RecipeRule> RuleFromJson(const Json& json) {
  RecipeRule rule;
  QB_TRY(rule.match, json.RequireString("match", "rule"));
  QB_TRY(rule.choices, ChoicesFromJson(json["choices"]));
  rule.min_weights = json["min_weights"].AsInt(rule.min_weights);
  rule.max_weights = json["max_weights"].AsInt(rule.max_weights);
  return rule;
}

bool NeedsCalibration(const std::vector<Treatment>& choices) {
  return std::any_of(choices.begin(), choices.end(), [](const Treatment& treatment) {
    return treatment.scheme == Scheme::kStaticInt8 || treatment.scheme == Scheme::kFloat8;
  });
}

}  // namespace

std::span<const RecipeEntry> Recipes() {
  return kEntries;
}

Result<Recipe> FindRecipe(std::string_view name) {
  std::array<std::string_view, kEntries.size()> names;
  for (std::size_t i = 0; i < kEntries.size(); ++i) {
    names[i] = kEntries[i].name;
    if (kEntries[i].name != name) continue;
    Recipe recipe;
    recipe.name = name;
    recipe.choices = ParseChoices(kIngredients[i].choices);
    recipe.embeddings = ParseChoices(kIngredients[i].embeddings);
    recipe.recovery.steps = StepsNamed(kIngredients[i].steps);
    recipe.observer = kIngredients[i].observer;
    recipe.weighs_costs = kIngredients[i].choices == kStatic;
    return recipe;
  }
  const std::string_view nearest = Nearest(name, names);
  std::string all;
  for (const std::string_view known : names) all += Format("{}{}", all.empty() ? "" : ", ", known);
  return Error(ErrorCode::kInvalidArgument,
               Format("unknown recipe \"{}\"{}", Printable(name),
                      nearest.empty() ? Format("; known: {}", all)
                                      : Format("; did you mean \"{}\"?", nearest)));
}

bool Recipe::needs_calibration() const {
  return NeedsCalibration(choices) ||
         std::any_of(rules.begin(), rules.end(),
                     [](const RecipeRule& rule) { return NeedsCalibration(rule.choices); });
}

namespace {

template <typename Change>
void ForEachTreatment(Recipe* recipe, const Change& change) {
  for (auto* list : {&recipe->choices, &recipe->embeddings}) {
    for (Treatment& treatment : *list) change(&treatment);
  }
  for (RecipeRule& rule : recipe->rules) {
    for (Treatment& treatment : rule.choices) change(&treatment);
  }
}

}  // namespace

void Recipe::SetPerChannel(bool per_channel) {
  ForEachTreatment(this, [&](Treatment* treatment) { treatment->per_channel = per_channel; });
}

void Recipe::SetBlock(std::int64_t block) {
  ForEachTreatment(this, [&](Treatment* treatment) {
    if (treatment->scheme == Scheme::kWeightOnly) treatment->block = block;
  });
}

void Recipe::SetSymmetric(bool symmetric) {
  ForEachTreatment(this, [&](Treatment* treatment) {
    if (treatment->scheme != Scheme::kWeightOnly) return;
    const bool is_nibble = treatment->bits() == 4;
    treatment->weights = symmetric ? (is_nibble ? DataType::kInt4 : DataType::kInt8)
                                   : (is_nibble ? DataType::kUint4 : DataType::kUint8);
  });
}

void Recipe::SetFormat(QuantFormat format) {
  ForEachTreatment(this, [&](Treatment* treatment) {
    const bool is_integer =
        treatment->scheme == Scheme::kWeightOnly || treatment->scheme == Scheme::kStaticInt8;
    if (is_integer) treatment->format = format;
  });
}

Result<std::vector<Treatment>> ParseTreatments(std::string_view text) {
  std::vector<Treatment> treatments;
  while (true) {
    const std::size_t end = std::min(text.find(','), text.size());
    QB_TRY(Treatment treatment, FindTreatment(text.substr(0, end)));
    treatments.push_back(treatment);
    if (end == text.size()) return treatments;
    text.remove_prefix(end + 1);
  }
}

Result<RecipeRule> ParseRule(std::string_view text) {
  const std::size_t equals = text.rfind('=');
  if (equals == std::string_view::npos || equals == 0) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("rule \"{}\" is not PATTERN=TREATMENT", Printable(text)));
  }
  RecipeRule rule;
  rule.match = text.substr(0, equals);
  QB_TRY(rule.choices, ParseTreatments(text.substr(equals + 1)));
  return rule;
}

Json Recipe::ToJson() const {
  Json rule_list = Json::Array{};
  for (const RecipeRule& rule : rules) {
    Json json = Json::MakeObject().Set("match", rule.match).Set("min_weights", rule.min_weights);
    if (rule.max_weights != INT64_MAX) json.Set("max_weights", rule.max_weights);
    rule_list.Append(json.Set("choices", quantbench::ToJson(rule.choices)));
  }
  return Json::MakeObject()
      .Set("name", name)
      .Set("choices", quantbench::ToJson(choices))
      .Set("embeddings", quantbench::ToJson(embeddings))
      .Set("rules", std::move(rule_list))
      .Set("keep_float", Json::List(keep_float))
      .Set("quantize_embeddings", quantize_embeddings)
      .Set("weighs_costs", weighs_costs)
      .Set("target", Name(target))
      .Set("observer", Name(observer))
      .Set("recovery", recovery.ToJson());
}

Result<Recipe> Recipe::FromJson(const Json& json) {
  Recipe recipe;
  QB_TRY(recipe.name, json.RequireString("name", "recipe"));
  QB_TRY(recipe.choices, ChoicesFromJson(json["choices"]));
  QB_TRY(recipe.embeddings, ChoicesFromJson(json["embeddings"]));
  for (const Json& entry : json["rules"].AsArray()) {
    QB_TRY(RecipeRule rule, RuleFromJson(entry));
    recipe.rules.push_back(std::move(rule));
  }
  for (const Json& pattern : json["keep_float"].AsArray()) {
    recipe.keep_float.push_back(pattern.AsString());
  }
  recipe.quantize_embeddings = json["quantize_embeddings"].AsBool(recipe.quantize_embeddings);
  recipe.weighs_costs = json["weighs_costs"].AsBool(recipe.weighs_costs);
  if (json.Has("target")) {
    QB_TRY(recipe.target, ParseTarget(json["target"].AsString()));
  }
  QB_TRY(recipe.observer, ParseObserver(json["observer"].AsString()));
  QB_TRY(recipe.recovery, Recovery::FromJson(json["recovery"]));
  return recipe;
}

}  // namespace quantbench
