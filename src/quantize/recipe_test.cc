// Recipes and plans as text: names, near misses, JSON there and back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/quantize.h"

namespace quantbench {
namespace recipe_test {

using ::testing::HasSubstr;

TEST(FindRecipe, KnowsEveryRecipeOfTheTable) {
  EXPECT_EQ(Recipes().size(), 12U);
  for (const RecipeEntry& entry : Recipes()) {
    const auto recipe = FindRecipe(entry.name);
    ASSERT_TRUE(recipe.ok());
    EXPECT_EQ(recipe.value().name, entry.name);
    EXPECT_FALSE(recipe.value().choices.empty());
    EXPECT_FALSE(entry.summary.empty());
  }
}

TEST(FindRecipe, WeighsCostsWhereSpeedIsWhatItIsFor) {
  for (const RecipeEntry& entry : Recipes()) {
    EXPECT_EQ(FindRecipe(entry.name).value().weighs_costs, entry.name.starts_with("static-int8"));
  }
}

TEST(FindRecipe, NamesTheNearestForAMistake) {
  const auto recipe = FindRecipe("static-int9");
  ASSERT_FALSE(recipe.ok());
  EXPECT_EQ(recipe.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(recipe.error().message(), HasSubstr("did you mean \"static-int8\"?"));
}

TEST(FindRecipe, ListsAllWhereNothingIsNear) {
  EXPECT_THAT(FindRecipe("x").error().message(), HasSubstr("known: static-int8, static-int8-fast"));
}

TEST(Recipe, SurvivesJson) {
  Recipe recipe;
  recipe.name = "custom";
  recipe.choices = {FindTreatment("dynamic-int8").value(), FindTreatment("stored-int8").value()};
  recipe.SetPerChannel(false);
  recipe.embeddings = {FindTreatment("weight-int4").value()};
  RecipeRule rule;
  rule.match = "*/attention/*";
  rule.choices = {FindTreatment("float16").value()};
  rule.min_weights = 4096;
  rule.max_weights = 1 << 20;
  recipe.rules = {rule};
  recipe.keep_float = {"fc*", "Gather"};
  recipe.quantize_embeddings = false;
  recipe.weighs_costs = true;
  recipe.target = Target::kArm;
  const auto back = Recipe::FromJson(recipe.ToJson());
  ASSERT_TRUE(back.ok()) << back.error().message();
  EXPECT_EQ(back.value().ToJson(), recipe.ToJson());
  EXPECT_EQ(back.value().keep_float, recipe.keep_float);
  EXPECT_EQ(back.value().choices, recipe.choices);
  EXPECT_EQ(back.value().embeddings, recipe.embeddings);
  ASSERT_EQ(back.value().rules.size(), 1U);
  EXPECT_EQ(back.value().rules[0].choices, rule.choices);
  EXPECT_EQ(back.value().rules[0].max_weights, 1 << 20);
  EXPECT_EQ(back.value().target, Target::kArm);
}

TEST(Recipe, RefusesAnUnknownScheme) {
  Json treatment = FindTreatment("dynamic-int8").value().ToJson();
  treatment.Set("scheme", "dynamic-int9");
  Json json = FindRecipe("dynamic-int8").value().ToJson();
  json.Set("choices", Json::Array{treatment});
  EXPECT_THAT(Recipe::FromJson(json).error().message(), HasSubstr("did you mean \"dynamic-int8\""));
}

TEST(Treatment, IsDescribedByItsName) {
  for (const std::string_view name : {"float", "stored-int8", "float16", "bfloat16", "dynamic-int8",
                                      "static-int8", "w4a8", "static-int16", "float8"}) {
    EXPECT_EQ(Describe(FindTreatment(name).value()), name);
  }
  EXPECT_EQ(Describe(FindTreatment("weight-int4").value()), "weight-int4 block 32");
  EXPECT_THAT(FindTreatment("weight-int5").error().message(), HasSubstr("did you mean"));
}

TEST(Treatment, UnsignedWeightsAreAsymmetric) {
  Treatment treatment = FindTreatment("weight-int4").value();
  EXPECT_TRUE(treatment.symmetric());
  EXPECT_EQ(treatment.bits(), 4);
  treatment.weights = DataType::kUint8;
  EXPECT_FALSE(treatment.symmetric());
  EXPECT_EQ(treatment.bits(), 8);
}

Plan EveryField() {
  Plan plan;
  plan.recipe = "static-int8";
  plan.target = Target::kArm;
  plan.calibrated = true;
  plan.engine_options = {{"optimization.x", "1"}};
  plan.notes = {"a note"};
  plan.recovery = {{Step::kClip, Step::kGptq}, 0.05, true};
  LayerPlan layer;
  layer.layer = "conv1";
  layer.op_type = "Conv";
  layer.scheme = Scheme::kStaticInt8;
  layer.weight = "w";
  layer.other_weights = {"b"};
  layer.weight_type = DataType::kInt8;
  layer.weight_axis = 0;
  layer.weight_bytes_before = 400;
  layer.weight_bytes_after = 110;
  layer.form = "QDQ";
  layer.block = 64;
  layer.format = QuantFormat::kQOperator;
  layer.factor = 0.125;
  layer.repaired_channels = 3;
  layer.output_quantized = true;
  LayerPlan absorbed;
  absorbed.layer = "relu1";
  absorbed.op_type = "Relu";
  absorbed.scheme = Scheme::kStaticInt8;
  absorbed.absorbed_by = "conv1";
  LayerPlan kept;
  kept.layer = "softmax";
  kept.op_type = "Softmax";
  kept.reason = "no kernel";
  plan.layers = {layer, absorbed, kept};
  plan.activations = {{"x", DataType::kInt8, {0.1F, -3}},
                      {"y", DataType::kUint8, {1e-20F, 255}},
                      {"z", DataType::kUint16, {0.5F, 65535}}};
  return plan;
}

TEST(Plan, SurvivesJsonText) {
  const Plan plan = EveryField();
  const auto json = Json::Parse(plan.ToJson().Dump());
  ASSERT_TRUE(json.ok());
  const auto back = Plan::FromJson(json.value());
  ASSERT_TRUE(back.ok()) << back.error().message();
  EXPECT_EQ(back.value(), plan);
}

TEST(Plan, RefusesQuantizationsThatAreNone) {
  struct Fault {
    const char* key;
    Json value;
    const char* message;
  };
  const std::vector<Fault> faults = {
      {"scale", 0.0, "is not a quantization"},      {"scale", -1.0, "is not a quantization"},
      {"scale", 1e300, "is not a quantization"},    {"scale", nullptr, ""},
      {"zero_point", 256, "is not a quantization"}, {"zero_point", -1, "is not a quantization"},
      {"type", "int32", "no type of codes"},        {"type", "int9", ""},
  };
  for (const Fault& fault : faults) {
    Json activation = Json::MakeObject();
    activation.Set("tensor", "y").Set("type", "uint8").Set("scale", 0.5).Set("zero_point", 3);
    activation.Set(fault.key, fault.value);
    Json json = EveryField().ToJson();
    json.Set("activations", Json::Array{activation});
    const auto plan = Plan::FromJson(json);
    ASSERT_FALSE(plan.ok()) << fault.key;
    EXPECT_THAT(plan.error().message(), HasSubstr(fault.message));
  }
}

}  // namespace recipe_test
}  // namespace quantbench
