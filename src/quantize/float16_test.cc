// float16: which weights are stored in half, and that readers never notice.
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/quantize.h"

#include "model_builder.h"
#include "quantize_model.h"

namespace quantbench {
namespace float16_test {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::LayerOf;
using testing::ModelBuilder;
using testing::Must;
using testing::NormalSamples;
using testing::QuantizedModel;
using testing::RunModel;
using testing::Sqnr;

Recipe Half() {
  return FindRecipe("float16").value();
}

QuantizedModel HalfOf(const Model& model, const Recipe& recipe = Half()) {
  return testing::Quantize(model, recipe, NormalSamples({1}, 1));
}

std::string MatMul(ModelBuilder* builder, const std::string& name,
                   const std::vector<float>& values) {
  return builder->Add("MatMul", name,
                      {"x", builder->Constant(name + ".w", Tensor::OfFloats({8, 8}, values))});
}

TEST(Float16, StoresHalfTheBytesAndKeepsNames) {
  ModelBuilder builder;
  builder.Output(builder.Add(
      "Gemm", "fc",
      {builder.Input("x", {-1, 64}), builder.Weight("w", {64, 64}), builder.Weight("b", {64})}));
  const Model model = builder.Build();
  const QuantizedModel half = HalfOf(model);
  const LayerPlan layer = LayerOf(half.plan, "fc");
  EXPECT_EQ(layer.weight, "w");
  EXPECT_THAT(layer.other_weights, ElementsAre("b"));
  EXPECT_EQ(layer.weight_bytes_before, 4U * (64 * 64 + 64));
  EXPECT_EQ(layer.weight_bytes_after, 2U * (64 * 64 + 64));
  EXPECT_THAT(half.model.graph.nodes.back().inputs, ElementsAre("x", "w", "b"));
  EXPECT_LT(Must(EncodeToBytes(half.model)).size(), Must(EncodeToBytes(model)).size() * 53 / 100);
  const std::vector<NamedTensor> input = {{"x", testing::RandomTensor({4, 64}, 1)}};
  for (const GraphOptimization level : {GraphOptimization::kNone, GraphOptimization::kAll}) {
    SessionOptions options;
    options.optimization = level;
    EXPECT_GT(Sqnr(RunModel(model, input)[0], RunModel(half.model, input, options)[0]), 60);
  }
}

TEST(Float16, LeavesWhatDoesNotFit) {
  std::vector<float> large(64, 1.0F);
  large[9] = -65505.0F;
  std::vector<float> fits(64, 65504.0F);
  std::vector<float> nan(64, 1.0F);
  nan[63] = std::numeric_limits<float>::quiet_NaN();
  ModelBuilder builder;
  builder.Input("x", {-1, 8});
  builder.Output(MatMul(&builder, "large", large)).Output(MatMul(&builder, "fits", fits));
  builder.Output(MatMul(&builder, "nan", nan));
  builder.Output(
      builder.Add("Mul", "small", {builder.Input("y", {-1, 63}), builder.Weight("s", {63})}));
  const Plan plan = HalfOf(builder.Build()).plan;
  EXPECT_THAT(LayerOf(plan, "large").reason, HasSubstr("65505"));
  EXPECT_THAT(LayerOf(plan, "nan").reason, HasSubstr("NaN"));
  EXPECT_THAT(LayerOf(plan, "small").reason, HasSubstr("fewer than 64"));
  EXPECT_EQ(LayerOf(plan, "fits").scheme, Scheme::kStored);
}

TEST(Float16, KeepsASharedWeightFloatForOneReader) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 8});
  const std::string w = builder.Weight("w", {8, 8});
  builder.Output(builder.Add("MatMul", "first", {x, w}))
      .Output(builder.Add("MatMul", "second", {x, w}));
  Recipe recipe = Half();
  recipe.keep_float = {"second"};
  EXPECT_THAT(LayerOf(HalfOf(builder.Build(), recipe).plan, "first").reason,
              HasSubstr("keep_float"));
  const QuantizedModel half = HalfOf(builder.Build());
  EXPECT_EQ(half.model.graph.nodes.size(), 3U);  // one Cast for both
}

TEST(Float16, ReachesWeightsOfSubgraphs) {
  ModelBuilder inner;
  inner.Output(inner.Add("MatMul", "inside", {"x", inner.Weight("own", {8, 8})}));
  ModelBuilder other;
  other.Output(other.Add("MatMul", "elsewhere", {"x", "outer"}));
  const auto branch = [](const char* name, const ModelBuilder& body) {
    Attribute attribute;
    attribute.name = name;
    attribute.type = AttributeType::kGraph;
    attribute.graphs = {body.Build().graph};
    return attribute;
  };
  ModelBuilder builder;
  builder.Input("x", {-1, 8});
  builder.Weight("outer", {8, 8});
  builder.Output(builder.Add("If", "if", {builder.Input("c", {}, DataType::kBool)},
                             {branch("then_branch", inner), branch("else_branch", other)}));
  const Model model = builder.Build();
  const QuantizedModel half = HalfOf(model);
  EXPECT_EQ(LayerOf(half.plan, "inside").scheme, Scheme::kStored);
  EXPECT_EQ(LayerOf(half.plan, "elsewhere").scheme, Scheme::kStored);
  for (const std::uint8_t condition : {std::uint8_t{0}, std::uint8_t{1}}) {
    const std::vector<NamedTensor> input = {
        {"x", testing::RandomTensor({4, 8}, 1)},
        {"c", Tensor::Of<std::uint8_t>(DataType::kBool, {}, {condition})}};
    EXPECT_GT(Sqnr(RunModel(model, input)[0], RunModel(half.model, input)[0]), 60);
  }
}

TEST(Float16, NotesHowManyWeightsLoseDigits) {
  std::vector<float> values(64, 1.0F);
  values[0] = values[1] = 1e-6F;
  ModelBuilder builder;
  builder.Input("x", {-1, 8});
  builder.Output(MatMul(&builder, "fc", values));
  EXPECT_THAT(HalfOf(builder.Build()).plan.notes, Contains(HasSubstr("3.1 % of the weights")));
}

TEST(Float16, LeavesParametersThatTheEngineWantsAsInitializers) {
  ModelBuilder builder;
  std::vector<float> scales(64, 1.0F);
  const std::string s = builder.Constant("scales", Tensor::OfFloats({64}, scales));
  builder.Output(builder.Add("Resize", "resize", {builder.Input("x", {-1, 8}), "", s}));
  const Plan plan = Must(PlanQuantization(builder.Build(), Half(), nullptr));
  EXPECT_THAT(LayerOf(plan, "resize").reason, HasSubstr("wants its parameters as initializers"));
}

}  // namespace float16_test
}  // namespace quantbench
