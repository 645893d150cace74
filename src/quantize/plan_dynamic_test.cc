// Planning dynamic-int8: what becomes what, and the reason for everything that does not.
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/quantize.h"

#include "model_builder.h"
#include "quantize_model.h"

namespace quantbench {
namespace plan_dynamic_test {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::LayerOf;
using testing::ModelBuilder;
using testing::Must;

Recipe Dynamic() {
  return FindRecipe("dynamic-int8").value();
}

Plan PlanOf(const ModelBuilder& builder, const Recipe& recipe = Dynamic()) {
  return Must(PlanQuantization(builder.Build(), recipe, nullptr));
}

void ExpectFloat(const Plan& plan, std::string_view layer, std::string_view reason) {
  const LayerPlan found = LayerOf(plan, layer);
  EXPECT_EQ(found.scheme, Scheme::kKeepFloat) << layer;
  EXPECT_THAT(found.reason, HasSubstr(std::string(reason)));
  EXPECT_THAT(found.weight, IsEmpty());
  EXPECT_EQ(found.weight_bytes_after, found.weight_bytes_before);
}

void ExpectQuantized(const Plan& plan, std::string_view layer, std::string_view form) {
  const LayerPlan found = LayerOf(plan, layer);
  EXPECT_EQ(found.scheme, Scheme::kDynamicInt8) << layer << ": " << found.reason;
  EXPECT_THAT(found.form, HasSubstr(std::string(form)));
  EXPECT_THAT(found.reason, IsEmpty());
}

TEST(PlanDynamic, QuantizesProductsConvolutionsAndTables) {
  ModelBuilder builder;
  const std::string rows = builder.Add(
      "Gather", "table",
      {builder.Weight("t", {100, 32}), builder.Input("ids", {-1, 4}, DataType::kInt64)});
  builder.Output(builder.Add("MatMul", "product", {rows, builder.Weight("w", {32, 16})}));
  const std::string flat = builder.Input("flat", {-1, 32});
  builder.Output(builder.Add("Gemm", "gemm",
                             {flat, builder.Weight("g", {16, 32}), builder.Weight("gb", {16})},
                             {Attribute::Int("transB", 1)}));
  builder.Output(builder.Add(
      "Conv", "conv", {builder.Input("x", {-1, 3, 8, 8}), builder.Weight("c", {4, 3, 3, 3})}));
  Recipe recipe = Dynamic();
  RecipeRule rule;
  rule.match = "Conv";
  rule.choices = {FindTreatment("dynamic-int8").value()};
  recipe.rules = {rule};
  const Plan plan = PlanOf(builder, recipe);
  ExpectQuantized(plan, "table", "Gather of int8 rows");
  ExpectQuantized(plan, "product", "MatMulInteger");
  ExpectQuantized(plan, "gemm", "MatMulInteger");
  ExpectQuantized(plan, "conv", "ConvInteger");
  EXPECT_EQ(LayerOf(plan, "product").weight_axis, 1);
  EXPECT_EQ(LayerOf(plan, "product").weight_bytes_before, 32U * 16 * 4);
  EXPECT_EQ(LayerOf(plan, "product").weight_bytes_after, 32U * 16 + 16 * 4);
  EXPECT_EQ(LayerOf(plan, "gemm").weight_axis, 0);
  EXPECT_EQ(LayerOf(plan, "conv").weight_type, DataType::kUint8);
  EXPECT_EQ(LayerOf(plan, "table").weight_axis, 0);
  EXPECT_EQ(plan.recipe, "dynamic-int8");
}

TEST(PlanDynamic, StoresWhatDoesNotPay) {
  ModelBuilder builder;
  const std::string image = builder.Input("image", {-1, 16, 8, 8});
  builder.Output(builder.Add("Conv", "conv", {image, builder.Weight("c", {16, 16, 3, 3})}));
  builder.Output(builder.Add("Conv", "small", {image, builder.Weight("s", {4, 16, 1, 1})}));
  builder.Output(builder.Add("ConvTranspose", "up", {image, builder.Weight("u", {16, 16, 2, 2})}));
  const Plan plan = PlanOf(builder);
  for (const char* name : {"conv", "up"}) {
    const LayerPlan layer = LayerOf(plan, name);
    EXPECT_EQ(layer.scheme, Scheme::kStored) << name;
    EXPECT_EQ(layer.weight_type, DataType::kInt8);
    EXPECT_EQ(layer.weight_axis, 0);
  }
  EXPECT_THAT(LayerOf(plan, "conv").reason, HasSubstr("no faster than float"));
  EXPECT_THAT(LayerOf(plan, "up").reason, HasSubstr("no integer kernel"));
  EXPECT_EQ(LayerOf(plan, "conv").weight_bytes_after, 16U * 16 * 9 + 4 * 16);
  ExpectFloat(plan, "small", "no faster than float");
}

TEST(PlanDynamic, SaysWhyALayerStaysFloat) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 8, 8});
  const std::string image = builder.Input("image", {-1, 4, 8, 8});
  builder.Output(builder.Add("MatMul", "attention", {x, x}));
  builder.Output(builder.Add("MatMul", "left", {builder.Weight("wl", {8, 8}), x}));
  builder.Output(builder.Add("MatMul", "stack", {x, builder.Weight("ws", {2, 8, 8})}));
  builder.Output(builder.Add("Conv", "depthwise", {image, builder.Weight("wd", {4, 1, 3, 3})},
                             {Attribute::Int("group", 4)}));
  builder.Output(builder.Add(
      "Conv", "line", {builder.Input("signal", {-1, 4, 32}), builder.Weight("w1", {8, 4, 3})}));
  builder.Output(builder.Add("ConvTranspose", "up", {image, builder.Weight("wt", {4, 2, 2, 2})}));
  builder.Output(
      builder.Add("Gather", "small_table",
                  {builder.Weight("t", {63, 8}), builder.Input("ids", {-1}, DataType::kInt64)}));
  builder.Output(builder.Add("Gather", "cube", {builder.Weight("t3", {100, 2, 8}), "ids"}));
  builder.Output(builder.Add("Gemm", "transposed",
                             {builder.Input("m", {8, 8}), builder.Weight("wg", {8, 8})},
                             {Attribute::Int("transA", 1)}));
  builder.Output(builder.Add("Add", "bias", {x, builder.Weight("b", {8, 8})}));
  builder.Output(builder.Add("Softmax", "ignored", {x}));
  const Plan plan = PlanOf(builder);
  ExpectFloat(plan, "attention", "both inputs are activations");
  ExpectFloat(plan, "left", "left factor");
  ExpectFloat(plan, "stack", "[2, 8, 8]");
  ExpectFloat(plan, "depthwise", "grouped convolution");
  ExpectFloat(plan, "line", "1-dimensional");
  ExpectFloat(plan, "up", "no integer kernel");
  ExpectFloat(plan, "small_table", "only 63 rows");
  EXPECT_EQ(LayerOf(plan, "cube").scheme, Scheme::kStored);
  EXPECT_THAT(LayerOf(plan, "cube").reason, HasSubstr("two-dimensional table"));
  ExpectFloat(plan, "transposed", "transA");
  ExpectFloat(plan, "bias", "constant");
  EXPECT_EQ(plan.layers.size(), 10U);  // the Softmax has no weights
}

TEST(PlanDynamic, KeepsFloatWhatThePatternsSay) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 8});
  for (const char* name : {"block.0.fc", "block.1.fc", "head"}) {
    builder.Output(
        builder.Add("MatMul", name, {x, builder.Weight(std::string(name) + ".w", {8, 8})}));
  }
  Recipe recipe = Dynamic();
  recipe.keep_float = {"block.?.fc", "h*d"};
  for (const char* name : {"block.0.fc", "block.1.fc"}) {
    ExpectFloat(PlanOf(builder, recipe), name, "keep_float \"block.?.fc\"");
  }
  ExpectFloat(PlanOf(builder, recipe), "head", "keep_float \"h*d\"");
  recipe.keep_float = {"MatMul"};
  ExpectFloat(PlanOf(builder, recipe), "head", "keep_float \"MatMul\"");
  recipe.keep_float = {"block.*"};
  ExpectQuantized(PlanOf(builder, recipe), "head", "MatMulInteger");
}

TEST(PlanDynamic, RefusesAPatternThatMatchesNothing) {
  ModelBuilder builder;
  builder.Output(
      builder.Add("MatMul", "encoder", {builder.Input("x", {-1, 8}), builder.Weight("w", {8, 8})}));
  Recipe recipe = Dynamic();
  recipe.keep_float = {"encodr"};
  const auto plan = PlanQuantization(builder.Build(), recipe, nullptr);
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(plan.error().message(), HasSubstr("\"encodr\" matches no layer"));
  EXPECT_THAT(plan.error().message(), HasSubstr("did you mean \"encoder\"?"));
}

TEST(PlanDynamic, QuantizesASharedWeightOnceOrNotAtAll) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 8});
  const std::string w = builder.Weight("w", {8, 8});
  builder.Output(builder.Add("MatMul", "first", {x, w}));
  builder.Output(builder.Add("MatMul", "second", {x, w}));
  const std::string tied = builder.Weight("tied", {80, 8});
  builder.Output(
      builder.Add("Gather", "embed", {tied, builder.Input("ids", {-1}, DataType::kInt64)}));
  builder.Output(builder.Add("Gemm", "head", {x, tied}, {Attribute::Int("transB", 1)}));
  const std::string also = builder.Weight("also_float", {8, 8});
  builder.Output(builder.Add("MatMul", "third", {x, also}));
  builder.Output(builder.Add("Mul", "scaled", {x, also}));
  const Plan plan = PlanOf(builder);
  ExpectQuantized(plan, "first", "MatMulInteger");
  ExpectQuantized(plan, "second", "MatMulInteger");
  ExpectFloat(plan, "embed", "also read by \"head\" in another layout");
  ExpectFloat(plan, "head", "also read by \"embed\" in another layout");
  ExpectFloat(plan, "third", "also read by \"scaled\", which does not take codes");
  const Model quantized = Must(ApplyPlan(builder.Build(), plan));
  int codes = 0;
  for (const Initializer& tensor : quantized.graph.initializers) {
    if (tensor.type == DataType::kInt8) ++codes;
  }
  EXPECT_EQ(codes, 1);
}

TEST(PlanDynamic, KeepsASharedWeightFloatWhenAPatternKeepsOneReader) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 8});
  const std::string w = builder.Weight("w", {8, 8});
  builder.Output(builder.Add("MatMul", "first", {x, w}));
  builder.Output(builder.Add("MatMul", "second", {x, w}));
  Recipe recipe = Dynamic();
  recipe.keep_float = {"second"};
  ExpectFloat(PlanOf(builder, recipe), "first", "also read by \"second\"");
}

TEST(PlanDynamic, LeavesEmbeddingsFloatWhenTheRecipeSaysSo) {
  ModelBuilder builder;
  builder.Output(
      builder.Add("Gather", "embed",
                  {builder.Weight("t", {80, 8}), builder.Input("ids", {-1}, DataType::kInt64)}));
  Recipe recipe = Dynamic();
  recipe.quantize_embeddings = false;
  ExpectFloat(PlanOf(builder, recipe), "embed", "keeps embeddings float");
}

TEST(PlanDynamic, ExplainsAnOpsetThatIsTooOld) {
  ModelBuilder builder(9);
  const std::string x = builder.Add("Upsample", "up", {builder.Input("x", {-1, 8})});
  builder.Output(builder.Add("MatMul", "product", {x, builder.Weight("w", {8, 8})}));
  ExpectFloat(PlanOf(builder), "product", "needs opset 11, the model has 9, and Upsample changed");
}

TEST(PlanDynamic, NamesAWeightWithNan) {
  ModelBuilder builder;
  std::vector<float> values(64, 1.0F);
  values[5] = std::numeric_limits<float>::quiet_NaN();
  builder.Output(builder.Add(
      "MatMul", "product",
      {builder.Input("x", {-1, 8}), builder.Constant("w", Tensor::OfFloats({8, 8}, values))}));
  const auto plan = PlanQuantization(builder.Build(), Dynamic(), nullptr);
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code(), ErrorCode::kMalformed);
  EXPECT_THAT(plan.error().message(), HasSubstr("\"w\" holds NaN"));
  Recipe recipe = Dynamic();
  recipe.keep_float = {"product"};
  EXPECT_TRUE(PlanQuantization(builder.Build(), recipe, nullptr).ok());
}

TEST(PlanDynamic, LeavesOtherElementTypesFloat) {
  ModelBuilder builder;
  builder.Output(
      builder.Add("MatMul", "half",
                  {builder.Input("x", {-1, 8}, DataType::kFloat16),
                   builder.Constant("w", Tensor::Make(DataType::kFloat16, {8, 8}).value())}),
      DataType::kFloat16);
  ExpectFloat(PlanOf(builder), "half", "its weight is float16");
}

}  // namespace plan_dynamic_test
}  // namespace quantbench
