// Recipes: the named ways to quantize, and what a user may change about them.
#include <array>

#include "quantbench/base/format.h"
#include "quantbench/quantize.h"

namespace quantbench {
namespace {

constexpr std::array kRecipes = {
    RecipeEntry{
        "dynamic-int8",
        "int8 weights, activations measured while running; no data needed; for transformers",
        Scheme::kDynamicInt8},
    RecipeEntry{"static-int8",
                "int8 weights and activations; needs calibration data; fastest for convolutions",
                Scheme::kStaticInt8},
    RecipeEntry{"float16",
                "weights stored as float16: half the file, float32 arithmetic, no data needed",
                Scheme::kFloat16},
};

constexpr std::array<std::string_view, 4> kSchemeNames = {"float", "dynamic-int8", "static-int8",
                                                          "float16"};

std::string_view TargetName(Target target) {
  return target == Target::kArm ? "arm" : "x64";
}

Result<Target> ParseTarget(std::string_view name) {
  if (name == "x64") return Target::kX64;
  if (name == "arm") return Target::kArm;
  return Error(ErrorCode::kInvalidArgument,
               Format("unknown target \"{}\"; known: x64, arm", Printable(name)));
}

}  // namespace

Target HostTarget() {
#if defined(__aarch64__) || defined(__arm__)
  return Target::kArm;
#else
  return Target::kX64;
#endif
}

std::string_view Name(Scheme scheme) {
  return kSchemeNames[static_cast<std::size_t>(scheme)];
}

Result<Scheme> ParseScheme(std::string_view name) {
  for (std::size_t i = 0; i < kSchemeNames.size(); ++i) {
    if (kSchemeNames[i] == name) return static_cast<Scheme>(i);
  }
  const std::string_view nearest = Nearest(name, kSchemeNames);
  return Error(ErrorCode::kInvalidArgument,
               Format("unknown scheme \"{}\"{}", Printable(name),
                      nearest.empty() ? "; known: float, dynamic-int8, static-int8, float16"
                                      : Format("; did you mean \"{}\"?", nearest)));
}

std::span<const RecipeEntry> Recipes() {
  return kRecipes;
}

Result<Recipe> FindRecipe(std::string_view name) {
  std::array<std::string_view, kRecipes.size()> names;
  for (std::size_t i = 0; i < kRecipes.size(); ++i) {
    names[i] = kRecipes[i].name;
    if (kRecipes[i].name != name) continue;
    Recipe recipe;
    recipe.name = kRecipes[i].name;
    recipe.scheme = kRecipes[i].scheme;
    return recipe;
  }
  const std::string_view nearest = Nearest(name, names);
  return Error(ErrorCode::kInvalidArgument,
               Format("unknown recipe \"{}\"{}", Printable(name),
                      nearest.empty() ? "; known: dynamic-int8, static-int8, float16"
                                      : Format("; did you mean \"{}\"?", nearest)));
}

Json Recipe::ToJson() const {
  return Json::MakeObject()
      .Set("name", name)
      .Set("scheme", Name(scheme))
      .Set("per_channel", per_channel)
      .Set("keep_float", Json::List(keep_float))
      .Set("quantize_embeddings", quantize_embeddings)
      .Set("target", TargetName(target));
}

Result<Recipe> Recipe::FromJson(const Json& json) {
  Recipe recipe;
  QB_TRY(recipe.name, json.RequireString("name", "recipe"));
  QB_TRY(const std::string scheme, json.RequireString("scheme", "recipe"));
  QB_TRY(recipe.scheme, ParseScheme(scheme));
  recipe.per_channel = json["per_channel"].AsBool(recipe.per_channel);
  for (const Json& pattern : json["keep_float"].AsArray()) {
    recipe.keep_float.push_back(pattern.AsString());
  }
  recipe.quantize_embeddings = json["quantize_embeddings"].AsBool(recipe.quantize_embeddings);
  if (json.Has("target")) {
    QB_TRY(recipe.target, ParseTarget(json["target"].AsString()));
  }
  return recipe;
}

}  // namespace quantbench
