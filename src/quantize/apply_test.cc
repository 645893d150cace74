// Applying plans: the same bytes every time, guards, old operator sets, and plans of other models.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/graph.h"
#include "quantbench/quantize.h"

#include "model_builder.h"
#include "quantize/static_parameters.h"
#include "quantize_model.h"

namespace quantbench {
namespace apply_test {

using ::testing::Contains;
using ::testing::HasSubstr;
using testing::LayerOf;
using testing::ModelBuilder;
using testing::Must;
using testing::NormalSamples;
using testing::OperatorsRun;
using ::testing::Pair;
using testing::QuantizedModel;
using testing::RunModel;
using testing::Sqnr;

Recipe Named(std::string_view name) {
  return testing::Unweighed(name);
}

// Convolutions with normalization, a residual sum and a classifier.
Model Network(std::int64_t opset = 17, std::int64_t ir_version = 8) {
  ModelBuilder builder(opset, ir_version);
  const std::string x = builder.Input("x", {-1, 4, 8, 8});
  const auto conv = [&](const std::string& name, const std::string& input) {
    return builder.Add("Conv", name,
                       {input, builder.Weight(name + ".w", {4, 4, 3, 3}, 0.3),
                        builder.Weight(name + ".b", {4}, 0.1)},
                       {Attribute::Ints("pads", {1, 1, 1, 1})});
  };
  const std::string a = builder.Add("Relu", "relu", {conv("a", x)});
  const std::string sum = builder.Add("Add", "add", {conv("b", a), a});
  const std::string pool =
      builder.Add("MaxPool", "pool", {sum},
                  {Attribute::Ints("kernel_shape", {2, 2}), Attribute::Ints("strides", {2, 2})});
  const std::string flat = builder.Add("Flatten", "flat", {conv("c", pool)});
  builder.Output(
      builder.Add("Gemm", "head",
                  {flat, builder.Weight("head.w", {10, 64}, 0.3), builder.Weight("head.b", {10})},
                  {Attribute::Int("transB", 1)}));
  return builder.Build();
}

TEST(ApplyPlan, GivesTheSameBytesAtAnyNumberOfThreads) {
  for (const RecipeEntry& entry : Recipes()) {
    const QuantizedModel quantized =
        testing::Quantize(Network(), Named(entry.name), NormalSamples({4, 8, 8}, 4));
    const std::vector<std::byte> expected = Must(EncodeToBytes(quantized.model));
    for (const int threads : {1, 2, 7}) {
      const Model again = Must(ApplyPlan(quantized.prepared, quantized.plan, {threads}));
      EXPECT_EQ(Must(EncodeToBytes(again)), expected) << entry.name;
    }
  }
}

TEST(ApplyPlan, GivesTheSameBytesFromWhatPlanningFoundOut) {
  for (const RecipeEntry& entry : Recipes()) {
    const Recipe recipe = Named(entry.name);
    if (recipe.needs_calibration()) continue;
    const Model prepared = Must(PrepareFor(Network(), recipe, nullptr));
    const auto facts = MakeWeightFacts();
    const Plan plan = Must(PlanQuantization(prepared, recipe, nullptr, facts.get()));
    EXPECT_EQ(plan, Must(PlanQuantization(prepared, recipe, nullptr)));
    const Model alone = Must(ApplyPlan(prepared, plan));
    const Model shared = Must(ApplyPlan(prepared, plan, {0, nullptr, facts.get()}));
    EXPECT_EQ(Must(EncodeToBytes(shared)), Must(EncodeToBytes(alone))) << entry.name;
  }
}

TEST(ApplyPlan, AppliesAPlanThatWentThroughText) {
  for (const RecipeEntry& entry : Recipes()) {
    const QuantizedModel quantized =
        testing::Quantize(Network(), Named(entry.name), NormalSamples({4, 8, 8}, 4));
    const Plan plan = Must(Plan::FromJson(Must(Json::Parse(quantized.plan.ToJson().Dump(2)))));
    EXPECT_EQ(Must(EncodeToBytes(Must(ApplyPlan(quantized.prepared, plan)))),
              Must(EncodeToBytes(quantized.model)));
  }
}

TEST(ApplyPlan, WritesItsNameIntoTheModel) {
  const QuantizedModel quantized =
      testing::Quantize(Network(), Named("float16"), NormalSamples({4, 8, 8}, 1));
  EXPECT_THAT(quantized.model.metadata, Contains(Pair("quantbench.recipe", "float16")));
  EXPECT_THAT(quantized.model.metadata, Contains(Pair("quantbench.version", QB_VERSION)));
  const Model twice = Must(ApplyPlan(quantized.model, Plan()));
  EXPECT_EQ(twice.metadata.size(), 2U);
}

TEST(ApplyPlan, LeavesTheModelAloneThatItWasGiven) {
  const Model prepared = Must(PrepareFor(Network(), Named("dynamic-int8"), nullptr));
  const std::vector<std::byte> before = Must(EncodeToBytes(prepared));
  const Plan plan = Must(PlanQuantization(prepared, Named("dynamic-int8"), nullptr));
  static_cast<void>(Must(ApplyPlan(prepared, plan)));
  EXPECT_EQ(Must(EncodeToBytes(prepared)), before);
}

TEST(ApplyPlan, RefusesThePlanOfAnotherModel) {
  for (const RecipeEntry& entry : Recipes()) {
    const QuantizedModel quantized =
        testing::Quantize(Network(), Named(entry.name), NormalSamples({4, 8, 8}, 2));
    ModelBuilder other;
    other.Output(other.Add("Relu", "a", {other.Input("x", {-1, 8})}));
    const auto applied = ApplyPlan(other.Build(), quantized.plan);
    ASSERT_FALSE(applied.ok()) << entry.name;
    EXPECT_EQ(applied.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(applied.error().message(),
                HasSubstr("the plan's layer \"a\" is a Conv, the model's a Relu"));
  }
}

TEST(ApplyPlan, RefusesAPlanThatAsksForTheImpossible) {
  const QuantizedModel quantized =
      testing::Quantize(Network(), Named("static-int8"), NormalSamples({4, 8, 8}, 2));
  Plan plan = quantized.plan;
  plan.activations.pop_back();
  EXPECT_THAT(ApplyPlan(quantized.prepared, plan).error().message(),
              HasSubstr("no quantization of tensor \"x\""));
  const auto absorbed_by_b = [&](std::string_view name) {
    Plan edited = quantized.plan;
    for (LayerPlan& layer : edited.layers) {
      if (layer.layer == name) layer.absorbed_by = "b";
    }
    return ApplyPlan(quantized.prepared, edited).error().message();
  };
  EXPECT_THAT(absorbed_by_b("relu"), HasSubstr("\"relu\" cannot be absorbed by \"b\""));
  EXPECT_THAT(absorbed_by_b("add"), HasSubstr("a bias that the model does not add behind it"));
  plan = quantized.plan;
  plan.layers.emplace_back().layer = "missing";
  EXPECT_THAT(ApplyPlan(quantized.prepared, plan).error().message(),
              HasSubstr("\"missing\" is not in the model"));
  Model computed = quantized.prepared;
  std::erase_if(computed.graph.initializers,
                [](const Initializer& tensor) { return tensor.name == "a.w"; });
  EXPECT_THAT(ApplyPlan(computed, quantized.plan).error().message(),
              HasSubstr("the plan quantizes layer \"a\""));
}

TEST(ApplyPlan, WritesFormsThatOldOperatorSetsUnderstand) {
  struct Case {
    std::int64_t opset;
    std::int64_t ir_version;
    std::int64_t expected;
  };
  for (const Case& old : {Case{8, 3, 13}, Case{11, 6, 13}, Case{13, 7, 13}, Case{17, 8, 17}}) {
    const Model model = Network(old.opset, old.ir_version);
    const QuantizedModel quantized =
        testing::Quantize(model, Named("static-int8"), NormalSamples({4, 8, 8}, 8));
    EXPECT_EQ(quantized.model.OpsetVersion(), old.expected);
    EXPECT_EQ(quantized.model.OpsetVersion("com.microsoft"), 0);
    EXPECT_EQ(OperatorsRun(quantized.model)["QLinearConv"], 3);
  }
}

TEST(ApplyPlan, UsesTheEnginesQuantizersWhereAnOldModelCannotRise) {
  ModelBuilder builder(11, 6);
  const std::string x = builder.Input("x", {-1, 4, 8, 8});
  const std::string conv = builder.Add("Conv", "conv", {x, builder.Weight("w", {4, 4, 3, 3})});
  builder.Output(builder.Add("Softmax", "softmax", {conv}));  // changed in opset 13
  const Model model = builder.Build();
  const QuantizedModel quantized =
      testing::Quantize(model, Named("static-int8"), NormalSamples({4, 8, 8}, 8));
  EXPECT_EQ(quantized.model.OpsetVersion(), 12);
  EXPECT_EQ(quantized.model.OpsetVersion("com.microsoft"), 1);
  EXPECT_EQ(OperatorsRun(quantized.model)["QLinearConv"], 1);
  const std::vector<NamedTensor> input = {{"x", testing::RandomTensor({2, 4, 8, 8}, 12)}};
  EXPECT_GT(Sqnr(RunModel(model, input)[0], RunModel(quantized.model, input)[0]), 15);
}

// Dynamic convolutions do not pay, so they must be asked for.
Recipe DynamicConvolutions() {
  Recipe recipe = Named("dynamic-int8");
  RecipeRule rule;
  rule.match = "Conv";
  rule.choices = {recipe.choices.front()};
  recipe.rules = {rule};
  return recipe;
}

TEST(ApplyPlan, RaisesAnOldModelForDynamicQuantization) {
  const QuantizedModel quantized =
      testing::Quantize(Network(8, 3), DynamicConvolutions(), NormalSamples({4, 8, 8}, 1));
  EXPECT_EQ(quantized.model.OpsetVersion(), 11);
  EXPECT_EQ(quantized.model.ir_version, 6);
  EXPECT_EQ(OperatorsRun(quantized.model)["ConvInteger"], 3);
}

TEST(ApplyPlan, QuantizesAnActivationOnceForSeveralReaders) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 8, 32});
  for (const char* name : {"q", "k", "v"}) {
    builder.Output(
        builder.Add("MatMul", name, {x, builder.Weight(std::string(name) + ".w", {32, 32})}));
  }
  for (const char* recipe : {"dynamic-int8", "static-int8"}) {
    const QuantizedModel quantized =
        testing::Quantize(builder.Build(), Named(recipe), NormalSamples({8, 32}, 4));
    auto operators = OperatorsRun(quantized.model);
    EXPECT_EQ(operators["DynamicQuantizeLinear"] + operators["QuantizeLinear"], 1);
    EXPECT_EQ(operators["MatMulIntegerToFloat"], 3);
  }
}

TEST(ApplyPlan, SharesTheCodesOfASharedWeight) {
  ModelBuilder builder;
  const std::string w = builder.Weight("w", {4, 4, 3, 3});
  const std::string a = builder.Add("Conv", "a", {builder.Input("x", {-1, 4, 12, 12}), w});
  builder.Output(builder.Add("Conv", "b", {a, w}));
  const QuantizedModel quantized =
      testing::Quantize(builder.Build(), Named("static-int8"), NormalSamples({4, 12, 12}, 4));
  EXPECT_EQ(std::count_if(quantized.model.graph.initializers.begin(),
                          quantized.model.graph.initializers.end(),
                          [](const Initializer& tensor) { return tensor.dims.size() == 4; }),
            1);
  EXPECT_EQ(OperatorsRun(quantized.model)["QLinearConv"], 2);
}

TEST(ApplyPlan, KeepsFloatReadersOfAnIntegerLayerRight) {
  ModelBuilder builder;
  const std::string conv = builder.Add(
      "Conv", "conv", {builder.Input("x", {-1, 4, 8, 8}), builder.Weight("w", {4, 4, 1, 1})});
  builder.Output(builder.Add("Tanh", "tanh", {conv})).Output(conv);
  builder.Output(builder.Add("Conv", "next", {conv, builder.Weight("v", {4, 4, 1, 1})}));
  const Model model = builder.Build();
  const QuantizedModel quantized =
      testing::Quantize(model, Named("static-int8"), NormalSamples({4, 8, 8}, 8));
  const std::vector<NamedTensor> input = {{"x", testing::RandomTensor({1, 4, 8, 8}, 12)}};
  const std::vector<Tensor> expected = RunModel(model, input);
  const std::vector<Tensor> got = RunModel(quantized.model, input);
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_GT(Sqnr(expected[i], got[i]), 25) << i;
}

TEST(ApplyPlan, FeedsSubgraphsWithDequantizedValues) {
  ModelBuilder inner;
  inner.Output(inner.Add("Neg", "neg", {"conv_out"}));
  ModelBuilder other;
  other.Output(other.Add("Abs", "abs", {"conv_out"}));
  const auto branch = [](const char* name, const ModelBuilder& body) {
    Attribute attribute;
    attribute.name = name;
    attribute.type = AttributeType::kGraph;
    attribute.graphs = {body.Build().graph};
    return attribute;
  };
  ModelBuilder builder;
  builder.Add("Conv", "conv",
              {builder.Input("x", {-1, 4, 8, 8}), builder.Weight("w", {4, 4, 1, 1})});
  const std::string yes =
      builder.Constant("yes", Tensor::Of<std::uint8_t>(DataType::kBool, {}, {1}));
  builder.Output(
      builder.Add("If", "if", {yes}, {branch("then_branch", inner), branch("else_branch", other)}));
  const Model model = builder.Build();
  const QuantizedModel quantized =
      testing::Quantize(model, Named("static-int8"), NormalSamples({4, 8, 8}, 8));
  EXPECT_EQ(LayerOf(quantized.plan, "conv").scheme, Scheme::kStaticInt8);
  const std::vector<NamedTensor> input = {{"x", testing::RandomTensor({1, 4, 8, 8}, 12)}};
  EXPECT_GT(Sqnr(RunModel(model, input)[0], RunModel(quantized.model, input)[0]), 25);
}

// The codes of a bias fit int32 with room, and what they stand for is the bias.
TEST(BiasGuard, WidensTheScaleOfAChannelWhoseBiasWouldNotFit) {
  ModelBuilder builder;
  std::vector<float> weight(16, 1e-9F);  // channel 0: tiny weights, large bias
  std::fill(weight.begin() + 8, weight.end(), 0.5F);
  builder.Constant("w", Tensor::OfFloats({2, 8, 1, 1}, weight));
  builder.Constant("b", Tensor::OfFloats({2}, {-700.0F, 3.0F}));
  builder.Output(builder.Add("Conv", "conv", {builder.Input("x", {-1, 8, 4, 4}), "w", "b"}));
  const QuantizedModel quantized =
      testing::Quantize(builder.Build(), Named("static-int8"), NormalSamples({8, 4, 4}, 4));
  const auto numbers = [&](const std::string& name) {
    const Initializer* found = quantized.model.graph.FindInitializer(name);
    QB_CHECK(found != nullptr, "the initializer exists");
    return Must(ToDoubles(Must(ReadTensor(*found))));
  };
  const std::vector<double> codes = numbers("b_quantized");
  const std::vector<double> scales = numbers("b_scale");
  EXPECT_LT(std::abs(codes[0]), 2147483647.0);
  EXPECT_GT(std::abs(codes[0]), 2147000000.0);
  EXPECT_NEAR(codes[0] * scales[0], -700, 1e-4);
  EXPECT_NEAR(codes[1] * scales[1], 3, 1e-4);
  EXPECT_NEAR(scales[0] / numbers("x_scale")[0], numbers("w_scale")[0],
              1e-6 * numbers("w_scale")[0]);
  EXPECT_EQ(OperatorsRun(quantized.model)["QLinearConv"], 1);
}

// What is made of constants when it is asked for is stored in another shape than it is made in.
TEST(StoredWeights, OfAnLstmMayBeJoinedOfParts) {
  ModelBuilder builder;
  const std::string w = builder.Add(
      "Concat", "w", {builder.Weight("a", {1, 64, 64}), builder.Weight("b", {1, 64, 64})},
      {Attribute::Int("axis", 1)});
  builder.AddNode("LSTM", "lstm",
                  {builder.Input("x", {3, 1, 64}), w, builder.Weight("r", {1, 128, 32}, 0.2)},
                  {"y"}, {Attribute::Int("hidden_size", 32)});
  builder.Output("y");
  const Model prepared = Must(Prepare(builder.Build(), nullptr));
  const Recipe recipe = Named("weight-int4");
  const Plan plan = Must(PlanQuantization(prepared, recipe, nullptr));
  EXPECT_EQ(LayerOf(plan, "lstm").scheme, Scheme::kStored);
  const Model quantized = Must(ApplyPlan(prepared, plan, {}));
  const std::vector<NamedTensor> input = {{"x", testing::RandomTensor({3, 1, 64}, 3)}};
  EXPECT_GT(Sqnr(RunModel(prepared, input)[0], RunModel(quantized, input)[0]), 20);
}

// One scale a channel is the input's times the weight's: the engine multiplies when it loads.
TEST(BiasScales, AreComputedWhereThatIsSmaller) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 8, 4, 4});
  builder.Output(builder.Add("Conv", "conv",
                             {x, builder.Weight("w", {40, 8, 3, 3}), builder.Weight("b", {40})}));
  const auto data = NormalSamples({8, 4, 4}, 4);
  Recipe recipe = Named("static-int8");
  const Model computed = testing::Quantize(builder.Build(), recipe, data).model;
  recipe.SetFormat(QuantFormat::kQdq);
  const Model written = testing::Quantize(builder.Build(), recipe, data).model;
  EXPECT_EQ(computed.graph.FindInitializer("b_scale"), nullptr);
  EXPECT_NE(written.graph.FindInitializer("b_scale"), nullptr);
  EXPECT_LT(Must(EncodeToBytes(computed)).size() + 100, Must(EncodeToBytes(written)).size());
  auto run = OperatorsRun(computed);
  EXPECT_EQ(run["QLinearConv"], 1);
  EXPECT_EQ(run["Mul"], 0);
  const std::vector<NamedTensor> input = {{"x", testing::RandomTensor({2, 8, 4, 4}, 3)}};
  EXPECT_EQ(RunModel(computed, input)[0].bytes, RunModel(written, input)[0].bytes);
}

TEST(BiasGuard, SmallestScaleHoldsEveryBias) {
  for (const double bias : {1e-30, 0.3, -17.5, 1e20}) {
    const double scale = SmallestBiasScale(bias);
    EXPECT_LT(std::abs(bias) / scale, 2147483647.0);
    EXPECT_GT(std::abs(bias) / scale, 2147000000.0);
  }
  EXPECT_EQ(SmallestBiasScale(0), 0);
}

}  // namespace apply_test
}  // namespace quantbench
