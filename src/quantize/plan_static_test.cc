// Planning static-int8: the integer region, what it absorbs, and which tensors share a scale.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/quantize.h"

#include "model_builder.h"
#include "quantize_model.h"

namespace quantbench {
namespace plan_static_test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::LayerOf;
using testing::ModelBuilder;
using testing::Must;
using ::testing::UnorderedElementsAre;

Recipe Static() {
  Recipe recipe = testing::Unweighed("static-int8");
  recipe.target = Target::kX64;
  return recipe;
}

// A table with every tensor that is asked for in [-1, 3], some of them elsewhere.
CalibrationTable TableOf(const Model& model, const Recipe& recipe,
                         const std::map<std::string, std::pair<double, double>>& special = {}) {
  CalibrationTable table;
  for (const std::string& tensor : TensorsToObserve(model, recipe)) {
    TensorRange range{-1, 3, 100, 0, DataType::kFloat32, {1, 4, 8, 8}};
    if (special.contains(tensor)) std::tie(range.min, range.max) = special.at(tensor);
    table.ranges[tensor] = range;
  }
  return table;
}

Plan PlanOf(const ModelBuilder& builder, const Recipe& recipe = Static(),
            const std::map<std::string, std::pair<double, double>>& special = {}) {
  const Model model = builder.Build();
  const CalibrationTable table = TableOf(model, recipe, special);
  return Must(PlanQuantization(model, recipe, &table));
}

QuantParams ParamsOf(const Plan& plan, std::string_view tensor) {
  for (const ActivationPlan& activation : plan.activations) {
    if (activation.tensor == tensor) return activation.params;
  }
  ADD_FAILURE() << "no quantization of " << tensor;
  return {};
}

std::vector<std::string> TensorsOf(const Plan& plan) {
  std::vector<std::string> tensors;
  for (const ActivationPlan& activation : plan.activations) tensors.push_back(activation.tensor);
  return tensors;
}

// An image to that many channels, a filter for each of them, and a product of them.
Model DepthwiseNetwork(std::int64_t channels) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 3, 8, 8});
  const std::string stem =
      builder.Add("Relu", "relu",
                  {builder.Add("Conv", "stem", {x, builder.Weight("sw", {channels, 3, 3, 3})})});
  const std::string filtered =
      builder.Add("Conv", "filter", {stem, builder.Weight("fw", {channels, 1, 3, 3})},
                  {Attribute::Int("group", channels)});
  builder.Output(
      builder.Add("Conv", "mix", {filtered, builder.Weight("mw", {64, channels, 1, 1})}));
  return builder.Build();
}

std::string Image(ModelBuilder* builder) {
  return builder->Input("x", {-1, 4, 8, 8});
}

std::string Conv(ModelBuilder* builder, const std::string& name, const std::string& input) {
  return builder->Add("Conv", name, {input, builder->Weight(name + ".w", {4, 4, 1, 1})});
}

TEST(PlanStatic, GrowsBetweenConvolutionsAndLeavesTheEndsFloat) {
  ModelBuilder builder;
  const std::string early = builder.Add("Sigmoid", "early", {Image(&builder)});
  const std::string a = Conv(&builder, "a", early);
  const std::string pool =
      builder.Add("MaxPool", "pool", {a}, {Attribute::Ints("kernel_shape", {2, 2})});
  const std::string b = Conv(&builder, "b", pool);
  builder.Output(builder.Add("Sigmoid", "late", {b}));
  const Plan plan = PlanOf(builder);
  EXPECT_EQ(LayerOf(plan, "a").form, "QDQ");
  EXPECT_TRUE(LayerOf(plan, "a").output_quantized);
  EXPECT_EQ(LayerOf(plan, "pool").scheme, Scheme::kStaticInt8);
  EXPECT_THAT(LayerOf(plan, "early").reason, HasSubstr("not between integer layers"));
  EXPECT_THAT(LayerOf(plan, "late").reason, HasSubstr("not between integer layers"));
  EXPECT_THAT(TensorsOf(plan), ElementsAre("a_out", "b_out", "early_out", "pool_out"));
}

TEST(PlanStatic, AsksForExactlyTheTensorsItPlans) {
  ModelBuilder builder;
  const std::string a = builder.Add("Relu", "relu", {Conv(&builder, "a", Image(&builder))});
  builder.Output(Conv(&builder, "b", a));
  EXPECT_THAT(TensorsToObserve(builder.Build(), Static()), ElementsAre("b_out", "relu_out", "x"));
  EXPECT_THAT(TensorsOf(PlanOf(builder)), ElementsAre("b_out", "relu_out", "x"));
  EXPECT_THAT(TensorsToObserve(builder.Build(), FindRecipe("dynamic-int8").value()), IsEmpty());
}

TEST(PlanStatic, AbsorbsReluAndClipsThatLetZeroThrough) {
  struct Case {
    double low;
    double high;
    bool absorbed;
  };
  for (const Case& clip :
       {Case{0, 6, true}, Case{-1, 1, true}, Case{0.5, 6, false}, Case{-3, -1, false}}) {
    ModelBuilder builder;
    const std::string low =
        builder.Constant("low", Tensor::OfFloats({}, {static_cast<float>(clip.low)}));
    const std::string high =
        builder.Constant("high", Tensor::OfFloats({}, {static_cast<float>(clip.high)}));
    const std::string a = Conv(&builder, "a", Image(&builder));
    builder.Output(Conv(&builder, "b", builder.Add("Clip", "clip", {a, low, high})));
    const Plan plan = PlanOf(builder);
    EXPECT_EQ(LayerOf(plan, "clip").absorbed_by, clip.absorbed ? "a" : "") << clip.low;
  }
  ModelBuilder builder(10);
  const std::string a = Conv(&builder, "a", Image(&builder));
  builder.Output(Conv(
      &builder, "b",
      builder.Add("Clip", "clip", {a}, {Attribute::Float("min", 0), Attribute::Float("max", 6)})));
  EXPECT_EQ(LayerOf(PlanOf(builder), "clip").absorbed_by, "a");
}

TEST(PlanStatic, DoesNotAbsorbWhereOthersReadTheUnclampedValue) {
  ModelBuilder builder;
  const std::string a = Conv(&builder, "a", Image(&builder));
  const std::string relu = builder.Add("Relu", "relu", {a});
  builder.Output(Conv(&builder, "b", relu)).Output(builder.Add("Tanh", "tanh", {a}));
  EXPECT_THAT(LayerOf(PlanOf(builder), "relu").absorbed_by, IsEmpty());
  ModelBuilder second;
  const std::string c = Conv(&second, "c", Image(&second));
  second.Output(c).Output(Conv(&second, "d", second.Add("Relu", "relu", {c})));
  EXPECT_THAT(LayerOf(PlanOf(second), "relu").absorbed_by, IsEmpty());
}

TEST(PlanStatic, AbsorbsTheAddThatHoldsAConvolutionsBias) {
  for (const Shape& shape : {Shape{4, 1, 1}, Shape{1, 4, 1, 1}}) {
    ModelBuilder builder;
    const std::string a = Conv(&builder, "a", Image(&builder));
    const std::string sum = builder.Add("Add", "add", {builder.Weight("bias", shape), a});
    builder.Output(Conv(&builder, "b", builder.Add("Relu", "relu", {sum})));
    const Plan plan = PlanOf(builder);
    EXPECT_EQ(LayerOf(plan, "relu").absorbed_by, "a");
    EXPECT_THAT(TensorsOf(plan), ElementsAre("b_out", "relu_out", "x"));
  }
  for (const Shape& shape : {Shape{4}, Shape{1, 8, 8}, Shape{4, 8, 8}, Shape{2, 4, 1, 1}}) {
    ModelBuilder builder;
    const std::string a = Conv(&builder, "a", Image(&builder));
    builder.Output(
        Conv(&builder, "b", builder.Add("Add", "add", {builder.Weight("bias", shape), a})));
    EXPECT_THAT(TensorsOf(PlanOf(builder)), ElementsAre("a_out", "add_out", "b_out", "x"));
  }
}

TEST(PlanStatic, QuantizesAResidualAddWithOneFloatSide) {
  ModelBuilder builder;
  const std::string x = Image(&builder);
  const std::string a = Conv(&builder, "a", x);
  const std::string sum = builder.Add("Add", "add", {a, builder.Add("Tanh", "shortcut", {x})});
  builder.Output(Conv(&builder, "b", builder.Add("Relu", "relu", {sum})));
  const Plan plan = PlanOf(builder);
  EXPECT_EQ(LayerOf(plan, "add").scheme, Scheme::kStaticInt8);
  EXPECT_EQ(LayerOf(plan, "relu").absorbed_by, "add");
  EXPECT_THAT(TensorsOf(plan), ElementsAre("a_out", "b_out", "relu_out", "shortcut_out", "x"));
}

TEST(PlanStatic, TakesConstantOperandsAlong) {
  ModelBuilder builder;
  const std::string a = Conv(&builder, "a", Image(&builder));
  const std::string mul = builder.Add("Mul", "mul", {a, builder.Weight("k", {4, 8, 8})});
  const std::string three = builder.Constant("three", Tensor::OfFloats({}, {3}));
  const std::string scaled = builder.Add("Mul", "scaled", {mul, three});
  builder.Output(Conv(&builder, "b", builder.Add("Add", "add", {three, scaled})));
  const Plan plan = PlanOf(builder);
  EXPECT_EQ(LayerOf(plan, "mul").scheme, Scheme::kStaticInt8);
  EXPECT_EQ(LayerOf(plan, "mul").factor, 0);
  EXPECT_EQ(LayerOf(plan, "scaled").factor, 3);  // three times the scale, the same codes
  EXPECT_EQ(LayerOf(plan, "add").scheme, Scheme::kStaticInt8);
  QuantParams before;
  QuantParams after;
  for (const ActivationPlan& activation : plan.activations) {
    if (activation.tensor == "mul_out") before = activation.params;
    if (activation.tensor == "scaled_out") after = activation.params;
  }
  EXPECT_FLOAT_EQ(after.scale, 3 * before.scale);
  EXPECT_EQ(after.zero_point, before.zero_point);
}

TEST(PlanStatic, LeavesTheLogitsOfGemmAndMatMulFloat) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 16});
  const std::string first =
      builder.Add("Gemm", "first", {x, builder.Weight("w1", {16, 16}), builder.Weight("b1", {16})});
  const std::string relu = builder.Add("Relu", "relu", {first});
  builder.Output(builder.Add("Gemm", "last",
                             {relu, builder.Weight("w2", {16, 10}), builder.Weight("b2", {10})}));
  builder.Output(builder.Add("MatMul", "product", {relu, builder.Weight("w3", {16, 10})}));
  const Plan plan = PlanOf(builder);
  EXPECT_TRUE(LayerOf(plan, "first").output_quantized);
  EXPECT_EQ(LayerOf(plan, "relu").absorbed_by, "first");
  EXPECT_FALSE(LayerOf(plan, "last").output_quantized);
  EXPECT_EQ(LayerOf(plan, "last").form, "QDQ, float output");
  EXPECT_EQ(LayerOf(plan, "product").form, "QuantizeLinear+MatMulIntegerToFloat");
  EXPECT_THAT(TensorsOf(plan), ElementsAre("relu_out", "x"));
}

TEST(PlanStatic, KeepsTheResidualStreamOfATransformerFloat) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 8, 16});
  const std::string norm =
      builder.Add("LayerNormalization", "norm", {x, builder.Weight("g", {16})});
  const std::string up =
      builder.Add("Add", "up_bias",
                  {builder.Add("MatMul", "up", {norm, builder.Weight("w1", {16, 64})}),
                   builder.Weight("b1", {64})});
  const std::string act = builder.Add("Relu", "act", {up});
  const std::string down =
      builder.Add("Add", "down_bias",
                  {builder.Add("MatMul", "down", {act, builder.Weight("w2", {64, 16})}),
                   builder.Weight("b2", {16})});
  builder.Output(builder.Add("Add", "residual", {x, down}));
  const Plan plan = PlanOf(builder);
  EXPECT_EQ(LayerOf(plan, "residual").scheme, Scheme::kKeepFloat);
  EXPECT_EQ(LayerOf(plan, "up_bias").absorbed_by, "up");
  EXPECT_EQ(LayerOf(plan, "down_bias").absorbed_by, "down");
  EXPECT_THAT(TensorsOf(plan), ElementsAre("act_out", "norm_out"));
}

TEST(PlanStatic, SharesTheScaleOfWhatIsOnlyMoved) {
  ModelBuilder builder;
  const std::string a = Conv(&builder, "a", Image(&builder));
  const std::string pool =
      builder.Add("MaxPool", "pool", {a}, {Attribute::Ints("kernel_shape", {2, 2})});
  const std::string turned =
      builder.Add("Transpose", "turn", {pool}, {Attribute::Ints("perm", {0, 1, 3, 2})});
  builder.Output(Conv(&builder, "b", turned));
  const Plan plan =
      PlanOf(builder, Static(), {{"a_out", {-2, 6}}, {"pool_out", {0, 5}}, {"turn_out", {-1, 6}}});
  EXPECT_EQ(ParamsOf(plan, "a_out"), ChooseAsymmetric(-2, 6, {0, 255}));
  EXPECT_EQ(ParamsOf(plan, "pool_out"), ParamsOf(plan, "a_out"));
  EXPECT_EQ(ParamsOf(plan, "turn_out"), ParamsOf(plan, "a_out"));
}

Plan PlanConcat(double width, const Recipe& recipe = Static()) {
  ModelBuilder builder;
  const std::string x = Image(&builder);
  const std::string a = Conv(&builder, "a", x);
  const std::string b = Conv(&builder, "b", x);
  const std::string both = builder.Add("Concat", "both", {a, b}, {Attribute::Int("axis", 1)});
  builder.Output(builder.Add("Conv", "c", {both, builder.Weight("c.w", {4, 8, 1, 1})}));
  return PlanOf(builder, recipe,
                {{"a_out", {0, 1}},
                 {"b_out", {-width / 2, width / 2}},
                 {"both_out", {-width / 2, width / 2}}});
}

TEST(PlanStatic, ConcatCopiesWhereRangesAreAlike) {
  const Plan plan = PlanConcat(3);
  EXPECT_EQ(ParamsOf(plan, "a_out"), ParamsOf(plan, "both_out"));
  EXPECT_EQ(ParamsOf(plan, "b_out"), ParamsOf(plan, "both_out"));
}

TEST(PlanStatic, ConcatKeepsItsInputsScalesWhereRangesDiffer) {
  const Plan plan = PlanConcat(10);
  EXPECT_EQ(ParamsOf(plan, "a_out"), ChooseAsymmetric(0, 1, {0, 255}));
  EXPECT_EQ(ParamsOf(plan, "b_out"), ChooseAsymmetric(-5, 5, {0, 255}));
  EXPECT_EQ(LayerOf(plan, "both").scheme, Scheme::kStaticInt8);
}

TEST(PlanStatic, ConcatStaysFloatWhereOneScaleWouldCrushAnInput) {
  const Plan plan = PlanConcat(37);
  EXPECT_THAT(LayerOf(plan, "both").reason, HasSubstr("differ 37-fold"));
  EXPECT_EQ(LayerOf(plan, "a").scheme, Scheme::kStaticInt8);
}

TEST(PlanStatic, UsesSignedCodesForArm) {
  Recipe recipe = Static();
  recipe.target = Target::kArm;
  const Plan plan = PlanConcat(3, recipe);
  for (const ActivationPlan& activation : plan.activations) {
    EXPECT_EQ(activation.type, DataType::kInt8);
  }
  EXPECT_EQ(ParamsOf(plan, "a_out"), ChooseAsymmetric(-1.5, 1.5, {-128, 127}));
}

TEST(PlanStatic, LeavesALayerFloatWhoseActivationWasNeverSeen) {
  ModelBuilder builder;
  const std::string a = Conv(&builder, "a", Image(&builder));
  builder.Output(Conv(&builder, "b", builder.Add("Tanh", "tanh", {a})));
  const Model model = builder.Build();
  CalibrationTable table = TableOf(model, Static());
  table.ranges.erase("tanh_out");
  const Plan plan = Must(PlanQuantization(model, Static(), &table));
  EXPECT_THAT(LayerOf(plan, "b").reason, HasSubstr("\"tanh_out\" was not seen"));
  EXPECT_EQ(LayerOf(plan, "a").scheme, Scheme::kStaticInt8);
}

TEST(PlanStatic, NamesAnActivationWithNan) {
  ModelBuilder builder;
  builder.Output(Conv(&builder, "a", Image(&builder)));
  const Model model = builder.Build();
  CalibrationTable table = TableOf(model, Static());
  table.ranges["x"].nonfinite = 3;
  const auto plan = PlanQuantization(model, Static(), &table);
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code(), ErrorCode::kMalformed);
  EXPECT_THAT(plan.error().message(), HasSubstr("tensor \"x\" held 3 NaN or infinities"));
}

TEST(PlanStatic, NeedsACalibrationTable) {
  ModelBuilder builder;
  builder.Output(Conv(&builder, "a", Image(&builder)));
  EXPECT_THAT(PlanQuantization(builder.Build(), Static(), nullptr).error().message(),
              HasSubstr("needs calibration"));
}

TEST(PlanStatic, KeepFloatTakesAnOperatorOutOfTheRegion) {
  ModelBuilder builder;
  const std::string a = Conv(&builder, "a", Image(&builder));
  const std::string pool =
      builder.Add("AveragePool", "pool", {a}, {Attribute::Ints("kernel_shape", {2, 2})});
  builder.Output(Conv(&builder, "b", builder.Add("Relu", "relu", {pool})));
  Recipe recipe = Static();
  recipe.keep_float = {"AveragePool"};
  const Plan plan = PlanOf(builder, recipe);
  EXPECT_THAT(LayerOf(plan, "pool").reason, HasSubstr("keep_float \"AveragePool\""));
  EXPECT_EQ(LayerOf(plan, "relu").scheme, Scheme::kKeepFloat);
  EXPECT_THAT(TensorsOf(plan), UnorderedElementsAre("x", "a_out", "relu_out", "b_out"));
}

TEST(PlanStatic, IgnoresArithmeticOnShapes) {
  ModelBuilder builder;
  const std::string a = Conv(&builder, "a", Image(&builder));
  const std::string shape = builder.Add("Shape", "shape", {a});
  const std::string target =
      builder.Add("Mul", "target", {shape, builder.Ints("one", {1, 1, 1, 1})});
  builder.Output(Conv(&builder, "b", builder.Add("Reshape", "reshape", {a, target})));
  const Plan plan = PlanOf(builder);
  for (const LayerPlan& layer : plan.layers) EXPECT_NE(layer.layer, "target");
  EXPECT_EQ(LayerOf(plan, "reshape").scheme, Scheme::kStaticInt8);
}

TEST(PlanStatic, LeavesTheStartOfANarrowDepthwiseNetwork) {
  const auto planned = [](std::int64_t channels, const Recipe& recipe) {
    const Model model = DepthwiseNetwork(channels);
    const CalibrationTable table = TableOf(model, recipe);
    return Must(PlanQuantization(model, recipe, &table));
  };
  const Plan narrow = planned(8, Static());
  for (const std::string_view layer : {"stem", "filter"}) {
    EXPECT_NE(LayerOf(narrow, layer).scheme, Scheme::kStaticInt8) << layer;
    EXPECT_THAT(LayerOf(narrow, layer).reason, HasSubstr("fewer than 16 channels")) << layer;
    EXPECT_EQ(LayerOf(planned(16, Static()), layer).scheme, Scheme::kStaticInt8) << layer;
  }
  EXPECT_EQ(LayerOf(narrow, "mix").scheme, Scheme::kStaticInt8);
  Recipe asked = Static();
  asked.rules = {Must(ParseRule("Conv=static-int8"))};
  EXPECT_EQ(LayerOf(planned(8, asked), "filter").scheme, Scheme::kStaticInt8);
}

// Convolutions whose weights hold 1152 and, two of them, 18432 numbers; then one of `last` outputs.
ModelBuilder UnevenNetwork(std::int64_t last) {
  ModelBuilder builder;
  std::string value = builder.Input("x", {-1, 8, 8, 8});
  value = builder.Add("Conv", "small", {value, builder.Weight("s", {16, 8, 3, 3})});
  value = builder.Add("Conv", "second", {value, builder.Weight("b", {128, 16, 3, 3})});
  value = builder.Add("Conv", "third", {value, builder.Weight("c", {16, 128, 3, 3})});
  value = builder.Add("Relu", "relu", {value});
  value = builder.Add("Conv", "last", {value, builder.Weight("d", {last, 16, 1, 1})});
  builder.Output(builder.Add("Relu", "end", {value}));
  return builder;
}

TEST(PlanStatic, KeepsTheSmallestOfFourBitLayersAndTheLastAtEight) {
  Recipe recipe = FindRecipe("w4a8").value();
  const Plan plan = PlanOf(UnevenNetwork(300), recipe);
  EXPECT_EQ(LayerOf(plan, "small").weight_type, DataType::kInt8);
  EXPECT_THAT(LayerOf(plan, "small").reason, HasSubstr("the smallest layers"));
  EXPECT_EQ(LayerOf(plan, "last").weight_type, DataType::kInt8);
  EXPECT_THAT(LayerOf(plan, "last").reason, HasSubstr("the end of the network"));
  for (const std::string name : {"second", "third"}) {
    EXPECT_EQ(LayerOf(plan, name).weight_type, DataType::kInt4) << name;
    EXPECT_EQ(LayerOf(plan, name).reason, "") << name;
  }
  recipe.rules.push_back(ParseRule("small=w4a8").value());
  EXPECT_EQ(LayerOf(PlanOf(UnevenNetwork(300), recipe), "small").weight_type, DataType::kInt4);
  // A last layer that holds much of the weights is worth its 4 bits.
  EXPECT_EQ(LayerOf(PlanOf(UnevenNetwork(1000), recipe), "last").weight_type, DataType::kInt4);
}

TEST(PlanStatic, TreatsFourBitLayersOfOneSizeAlike) {
  ModelBuilder builder;
  std::string value = builder.Input("x", {-1, 16, 8, 8});
  for (int i = 0; i < 20; ++i) {
    const std::string name = "c" + std::to_string(i);
    value = builder.Add("Conv", name, {value, builder.Weight(name + ".w", {16, 16, 3, 3})},
                        {Attribute::Ints("pads", {1, 1, 1, 1})});
  }
  builder.Output(value);
  const Plan plan = PlanOf(builder, FindRecipe("w4a8").value());
  for (int i = 0; i < 19; ++i) {
    EXPECT_EQ(LayerOf(plan, "c" + std::to_string(i)).weight_type, DataType::kInt4) << i;
  }
  EXPECT_EQ(LayerOf(plan, "c19").weight_type, DataType::kInt8);
}

}  // namespace plan_static_test
}  // namespace quantbench
