// Profiles read, operators classed, layers paired, reasons given: on profiles written by hand.
#include "quantbench/explain.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/base/format.h"

#include "explain/pair.h"
#include "model_builder.h"

namespace quantbench {
namespace explain_test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::ModelBuilder;

Json KernelEvent(std::string_view node, std::string_view op, double start, double us) {
  const Json values = Json::Parse(R"([{"float":[2,3]},{"int8":[3,4]}])").value();
  return Json::MakeObject()
      .Set("cat", "Node")
      .Set("name", Format("{}_kernel_time", node))
      .Set("ts", start)
      .Set("dur", us)
      .Set("args", Json::MakeObject()
                       .Set("op_name", op)
                       .Set("input_type_shape", values)
                       .Set("output_type_shape", Json::Array{}));
}
Json RunEvent(double start, double us) {
  return Json::MakeObject()
      .Set("cat", "Session")
      .Set("name", "model_run")
      .Set("ts", start)
      .Set("dur", us);
}

TEST(Profile, IsAMeanOfTheFastestQuarterAfterTheWarmUp) {
  Json events = Json::Array{};
  // The first run warms up. 400 us of the last are an interruption between two operators.
  const std::vector<double> times = {900, 10, 12, 13, 500, 14};
  double now = 1000;
  for (std::size_t run = 0; run < times.size(); ++run) {
    const double us = times[run];
    const double interrupted = run + 1 == times.size() ? 400 : 0;
    const double body = now + 1 + us + 3 + interrupted;
    events.Append(KernelEvent("fc", "MatMulInteger", now + 1, us));
    events.Append(KernelEvent("body", "Add", body, 2));
    events.Append(KernelEvent("body", "Add", body + 2, 2));
    events.Append(RunEvent(now, body + 4 + 5 - now));
    now = body + 100;
  }
  const auto profile = ReadProfile(events, 1);
  ASSERT_TRUE(profile.ok());
  EXPECT_EQ(profile.value().runs, 5);
  ASSERT_EQ(profile.value().operators.size(), 2U);
  const ProfiledOperator& fc = profile.value().operators[0];
  EXPECT_EQ(fc.name, "fc");
  EXPECT_DOUBLE_EQ(fc.us, 11);  // of 10 and 12
  EXPECT_DOUBLE_EQ(fc.error_us, 1);
  EXPECT_THAT(*fc.inputs[1].shape, ElementsAre(3, 4));
  EXPECT_EQ(fc.inputs[1].type, DataType::kInt8);
  EXPECT_DOUBLE_EQ(profile.value().operators[1].us, 4);  // twice a run
  EXPECT_DOUBLE_EQ(profile.value().between_us, 1 + 3 + 0 + 5);
  EXPECT_DOUBLE_EQ(profile.value().run_us(), 24);
  EXPECT_DOUBLE_EQ(fc.after_us, 3);
  EXPECT_DOUBLE_EQ(profile.value().operators[1].after_us, 0 + 5);

  const auto again = ModelProfile::FromJson(profile.value().ToJson());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again.value().ToJson(), profile.value().ToJson());
  EXPECT_FALSE(ReadProfile(Json::Array{}, 0).ok());
}

// libtorch's events say how much a call multiplies, and what computes codes.
TEST(Profile, WhatTheEngineSaysOfItselfIsKept) {
  Json event = KernelEvent("aten::linear 1", "aten::linear", 0, 5);
  Json args = event["args"];
  event.Set("args", args.Set("macs", 640));
  Json run = RunEvent(0, 6);
  run.Set("args", Json::MakeObject().Set("engine", "qnnpack"));
  Json events = Json::Array{};
  events.Append(event).Append(run);
  const auto read = ReadProfile(events, 0);
  ASSERT_TRUE(read.ok());
  const auto profile = ModelProfile::FromJson(read.value().ToJson());
  ASSERT_TRUE(profile.ok());
  EXPECT_EQ(profile.value().engine, "qnnpack");
  ASSERT_EQ(profile.value().operators.size(), 1U);
  EXPECT_EQ(profile.value().operators[0].macs, 640);
}

TEST(Profile, OperatorsAreClassedByWhatTheyReadAndDo) {
  const auto of = [](std::string op_type, DataType first) {
    ProfiledOperator op;
    op.op_type = std::move(op_type);
    op.inputs = {{first, Shape{1}, nullptr}};
    return ClassOf(op, nullptr);
  };
  EXPECT_EQ(of("QLinearConv", DataType::kUint8), OperatorClass::kInteger);
  EXPECT_EQ(of("MaxPool", DataType::kUint8), OperatorClass::kInteger);
  EXPECT_EQ(of("Conv", DataType::kFloat32), OperatorClass::kFloat);
  EXPECT_EQ(of("Softmax", DataType::kFloat32), OperatorClass::kElementwise);
  EXPECT_EQ(of("DequantizeLinear", DataType::kUint8), OperatorClass::kQuantize);
  EXPECT_EQ(of("Transpose", DataType::kUint8), OperatorClass::kLayout);
  EXPECT_EQ(of("Mul", DataType::kInt64), OperatorClass::kLayout);  // of shapes
  ProfiledOperator bits;
  bits.op_type = "MatMulNBits";
  Node node;
  EXPECT_EQ(ClassOf(bits, &node), OperatorClass::kFloat);
  node.attributes.push_back(Attribute::Int("accuracy_level", 4));
  EXPECT_EQ(ClassOf(bits, &node), OperatorClass::kInteger);
}

TEST(PairLayers, FindsWhatMultipliesAsMuchInTheSameOrder) {
  const std::vector<LayerKey> original = {{700, "stem"}, {100, "q"},     {100, "k"},
                                          {100, "v"},    {50, "scores"}, {400, "out"}};
  // The stem grew by padded channels, three projections became one, "scores" is gone.
  const std::vector<LayerKey> quantized = {{750, "s"}, {300, "qkv"}, {9, "new"}, {400, "out"}};
  const std::vector<PairedLayer> pairs = PairLayers(original, quantized);
  const auto of = [&](std::size_t layer) {
    for (const PairedLayer& pair : pairs) {
      if (pair.quantized == std::vector<std::size_t>{layer}) return pair.original;
    }
    return std::vector<std::size_t>{99};
  };
  EXPECT_THAT(of(0), ElementsAre(0));
  EXPECT_THAT(of(1), ElementsAre(1, 2, 3));
  EXPECT_THAT(of(2), ElementsAre());
  EXPECT_THAT(of(3), ElementsAre(5));
}

TEST(PairLayers, BranchesThatRunInAnotherOrderFindEachOther) {
  const std::vector<LayerKey> original = {
      {10, "/b1/conv1"}, {90, "/b1/conv2"}, {50, "/b1/down_nchwc"}, {50, "/b1/conv3"},
      {50, "/b2/conv1"}, {90, "/b2/conv2"}, {50, "/b2/conv3"}};
  const std::vector<LayerKey> quantized = {
      {50, "/b1/down_token_1"}, {10, "/b1/conv1_2"}, {90, "/b1/conv2_3"}, {50, "/b1/conv3_4"},
      {50, "/b2/conv1_5"},      {90, "/b2/conv2_6"}, {50, "/b2/conv3_7"}};
  const std::vector<PairedLayer> pairs = PairLayers(original, quantized);
  ASSERT_EQ(pairs.size(), original.size());
  for (const PairedLayer& pair : pairs) {
    ASSERT_EQ(pair.original.size(), 1U);
    ASSERT_EQ(pair.quantized.size(), 1U);
    const std::string& name = original[pair.original.front()].name;
    EXPECT_EQ(quantized[pair.quantized.front()].name.substr(0, 6), name.substr(0, 6)) << name;
  }
}

// A model of one layer as the engine would run it, and a profile of it.
struct Planted {
  Model model;
  ModelProfile profile;

  [[nodiscard]] ProfiledModel Of() const { return {&model, profile, profile.run_us()}; }
};

ValueFacts Value(DataType type, Shape shape) {
  return {type, std::move(shape), nullptr};
}

Planted FloatProduct(double us) {
  ModelBuilder builder;
  builder.Add("MatMul", "fc", {builder.Input("x", {8, 256}), builder.Weight("w", {256, 512})});
  Planted planted{builder.Build(), {}};
  planted.profile.operators = {
      {"fc",
       "MatMul",
       {Value(DataType::kFloat32, {8, 256}), Value(DataType::kFloat32, {256, 512})},
       {Value(DataType::kFloat32, {8, 512})},
       us,
       0,
       1}};
  planted.profile.between_us = 10;
  planted.profile.runs = 5;
  return planted;
}

Planted IntegerProduct(double us, DataType activations) {
  ModelBuilder builder;
  builder.Add("MatMulInteger", "fc_quant",
              {builder.Input("x", {8, 256}, activations),
               builder.Constant("w", Tensor::Make(DataType::kInt8, {256, 512}).value())});
  Planted planted{builder.Build(), {}};
  planted.profile.operators = {
      {"q", "DynamicQuantizeLinear", {Value(DataType::kFloat32, {8, 256})}, {}, 5, 0, 1},
      {"fc_quant",
       "MatMulInteger",
       {Value(activations, {8, 256}), Value(DataType::kInt8, {256, 512})},
       {Value(DataType::kInt32, {8, 512})},
       us,
       0,
       1},
      {"scale", "Mul", {Value(DataType::kFloat32, {8, 512})}, {}, 7, 0, 1}};
  planted.profile.between_us = 2;
  planted.profile.runs = 5;
  return planted;
}

TEST(ExplainSpeed, EveryMicrosecondHasAClass) {
  const Planted before = FloatProduct(100);
  const Planted after = IntegerProduct(40, DataType::kUint8);
  const SpeedExplanation told = ExplainSpeed(before.Of(), after.Of(), "avx2");
  double sum = 0;
  for (const ClassTime& time : told.quantized.classes) sum += time.us;
  EXPECT_DOUBLE_EQ(sum, 52);
  EXPECT_DOUBLE_EQ(told.quantized.unattributed_us, 2);
  ASSERT_EQ(told.layers.size(), 1U);
  const LayerTime& layer = told.layers[0];
  EXPECT_EQ(layer.layer, "fc");
  EXPECT_EQ(layer.macs, 8 * 256 * 512);
  EXPECT_EQ(layer.quantized, "MatMulInteger");
  EXPECT_DOUBLE_EQ(layer.around_quantized_us, 7);
  EXPECT_EQ(layer.why, "");
}

// What vanishes takes the time after it along, but not what only profiling adds.
TEST(ExplainSpeed, TheTimeBetweenOperatorsBelongsToALayerToo) {
  const Planted before = FloatProduct(100);
  Planted after = IntegerProduct(40, DataType::kUint8);
  after.profile.operators[0].after_us = 1;  // before the layer
  after.profile.operators[1].after_us = 2;
  after.profile.operators[2].after_us = 5;
  after.profile.between_us = 8;
  ProfiledModel profiled = after.Of();
  profiled.unprofiled_us = 52 + 4;  // half of what is between operators
  const SpeedExplanation told = ExplainSpeed(before.Of(), profiled, "avx2");
  ASSERT_EQ(told.layers.size(), 1U);
  EXPECT_DOUBLE_EQ(told.layers[0].between_quantized_us, (2 + 5) / 2.0);
  EXPECT_DOUBLE_EQ(told.layers[0].quantized_with_around_us(), 40 + 7 + 3.5);
  EXPECT_DOUBLE_EQ(told.quantized.plain_run_us(), 56);
}

TEST(ExplainSpeed, GivesTheReasonThatTheFactsShow) {
  const Planted before = FloatProduct(100);
  const auto why = [&](const Planted& after, std::string_view isa) {
    const SpeedExplanation told = ExplainSpeed(before.Of(), after.Of(), isa);
    return told.layers.empty() ? "no layer" : told.layers[0].why;
  };
  EXPECT_THAT(why(IntegerProduct(900, DataType::kInt8), "avx2"), HasSubstr("signed activations"));
  EXPECT_THAT(why(IntegerProduct(150, DataType::kUint8), "avx2"),
              HasSubstr("quantized in every run"));
  EXPECT_THAT(why(FloatProduct(100), "avx2"), HasSubstr("the quantizer left it out"));

  // The kernel is faster; what is around it is not.
  Planted eaten = IntegerProduct(90, DataType::kUint8);
  eaten.profile.operators[2].us = 50;
  EXPECT_THAT(why(eaten, "avx2"), HasSubstr("what is around it"));
}

// One convolution of 16 channels in `groups`, as floats or as codes with weights of that type.
Planted ConvOf(std::int64_t groups, DataType type, double us) {
  const bool is_float = type == DataType::kFloat32;
  const Shape weight = {16, 16 / groups, 3, 3};
  const DataType data = is_float ? DataType::kFloat32 : DataType::kUint8;
  ModelBuilder builder;
  std::vector<std::string> inputs = {builder.Input("x", {1, 16, 8, 8}, data)};
  if (!is_float) inputs.insert(inputs.end(), {"s", "z"});
  inputs.push_back(builder.Constant("w", Tensor::Make(type, weight).value()));
  if (!is_float) inputs.insert(inputs.end(), {"ws", "wz", "ys", "yz"});
  const std::string_view op = is_float ? "Conv" : "QLinearConv";
  builder.Add(op, "conv", inputs, {Attribute::Int("group", groups)});
  Planted planted{builder.Build(), {}};
  ProfiledOperator conv{"conv", std::string(op), {}, {Value(data, {1, 16, 6, 6})}, us, 0, 1};
  conv.inputs = {Value(data, {1, 16, 8, 8})};
  if (is_float) {
    conv.inputs.push_back(Value(type, weight));
  } else {  // the scales, no weights: the engine packed them
    conv.inputs.push_back(Value(DataType::kFloat32, {}));
    conv.inputs.push_back(Value(DataType::kUint8, {}));
    conv.inputs.push_back(Value(DataType::kFloat32, {16}));
  }
  planted.profile.operators = {conv};
  planted.profile.runs = 5;
  return planted;
}

TEST(ExplainSpeed, FindsTheWeightThatAProfileDoesNotList) {
  const auto kind = [](std::int64_t groups, DataType type) {
    const Planted original = ConvOf(groups, DataType::kFloat32, 10);
    const Planted quantized = ConvOf(groups, type, 30);
    const SpeedExplanation told = ExplainSpeed(original.Of(), quantized.Of(), "avx2");
    return told.blames.empty() ? ReasonKind::kNone : told.blames[0].kind;
  };
  EXPECT_EQ(kind(16, DataType::kInt8), ReasonKind::kDepthwise);
  EXPECT_EQ(kind(1, DataType::kUint8), ReasonKind::kUnsignedWeights);
  EXPECT_NE(kind(1, DataType::kInt8), ReasonKind::kUnsignedWeights);
}

// Whether its kernel or what it brings along is slow: ConvInteger is to blame, and float is the
// cure.
TEST(ExplainSpeed, BlamesConvIntegerForWhatIsAroundIt) {
  ModelBuilder before;
  before.Add("Conv", "conv", {before.Input("x", {1, 8, 16, 16}), before.Weight("w", {8, 8, 3, 3})});
  ModelBuilder after;
  after.Add("ConvInteger", "conv",
            {after.Input("x", {1, 8, 16, 16}, DataType::kUint8),
             after.Constant("w", Tensor::Make(DataType::kUint8, {8, 8, 3, 3}).value())});
  const auto profiled = [](ModelBuilder& builder, const std::string& op, DataType type, double us,
                           double around_us) {
    Planted planted{builder.Build(), {}};
    planted.profile.operators = {
        {"conv",
         op,
         {Value(type, {1, 8, 16, 16}), Value(type, {8, 8, 3, 3})},
         {Value(DataType::kFloat32, {1, 8, 14, 14})},
         us,
         0,
         1},
        {"scale", "Mul", {Value(DataType::kFloat32, {1, 8, 14, 14})}, {}, around_us, 0, 1}};
    return planted;
  };
  const Planted original = profiled(before, "Conv", DataType::kFloat32, 100, 0);
  const Planted quantized = profiled(after, "ConvInteger", DataType::kUint8, 90, 40);
  const SpeedExplanation told = ExplainSpeed(original.Of(), quantized.Of(), "avx2");
  ASSERT_EQ(told.layers.size(), 1U);
  EXPECT_EQ(told.layers[0].kind, ReasonKind::kDynamicConvolution);
  ASSERT_TRUE(told.cured_run_us);
  EXPECT_DOUBLE_EQ(told.cured_run_us->us, 100);
}

// Codes on both sides, but an activation stands before the output is quantized.
TEST(ExplainSpeed, NamesTheOperatorThatBlocksAFusion) {
  ModelBuilder builder;
  const auto decode = [&](const std::string& name, const std::string& codes) {
    return builder.Add("DequantizeLinear", name,
                       {codes, builder.Constant(name + "s", Tensor::OfFloats({}, {1}))});
  };
  const std::string x = decode("dx", builder.Input("x", {8, 256}, DataType::kUint8));
  const std::string w =
      decode("dw", builder.Constant("w", Tensor::Make(DataType::kInt8, {256, 512}).value()));
  builder.Add("Sigmoid", "act", {builder.Add("MatMul", "fc", {x, w})});
  Planted after = FloatProduct(100);
  after.model = builder.Build();
  const Planted before = FloatProduct(100);
  const SpeedExplanation told = ExplainSpeed(before.Of(), after.Of(), "avx2");
  ASSERT_EQ(told.layers.size(), 1U);
  EXPECT_THAT(told.layers[0].why, HasSubstr("Sigmoid reads its output"));
  EXPECT_THAT(told.layers[0].cure, HasSubstr("before Sigmoid"));
}

LayerTime Layer(LayerFamily family, ReasonKind kind, double original, double quantized) {
  LayerTime layer;
  layer.what = OperatorClass::kInteger;
  layer.family = family;
  layer.kind = kind;
  layer.original_us = original;
  layer.quantized_us = quantized;
  return layer;
}

TEST(Forecasts, ALayerIsCuredToWhatTheHealthyOnesOfItsFamilyGain) {
  SpeedExplanation told;
  told.quantized.run_us = 1000;
  for (const double quantized : {40, 50, 60}) {
    told.layers.push_back(Layer(LayerFamily::kProduct, ReasonKind::kNone, 100, quantized));
  }
  told.layers.push_back(Layer(LayerFamily::kProduct, ReasonKind::kSignedActivations, 200, 600));
  told.layers.push_back(Layer(LayerFamily::kProduct, ReasonKind::kLeftFloat, 100, 100));
  // No healthy layer of its family, and a reason without a cure: neither has a forecast.
  told.layers.push_back(Layer(LayerFamily::kConvolution, ReasonKind::kSignedActivations, 10, 20));
  told.layers.push_back(Layer(LayerFamily::kDepthwise, ReasonKind::kDepthwise, 30, 35));
  // A cure that is to leave it in float needs no other layer.
  told.layers.push_back(Layer(LayerFamily::kDepthwise, ReasonKind::kDepthwiseInteger, 20, 100));
  Forecasts(&told);
  ASSERT_EQ(told.blames.size(), 4U);
  const Blame& signs = told.blames.front();
  EXPECT_EQ(signs.kind, ReasonKind::kSignedActivations);
  EXPECT_EQ(signs.layers, 2);
  EXPECT_DOUBLE_EQ(signs.original_us, 210);
  EXPECT_DOUBLE_EQ(signs.quantized_us, 620);
  ASSERT_TRUE(signs.cured_us);
  EXPECT_DOUBLE_EQ(signs.cured_us->us, 100 + 20);  // the other stays as it is
  EXPECT_DOUBLE_EQ(signs.cured_us->high_us, 120 + 20);
  EXPECT_EQ(told.blames.back().kind, ReasonKind::kDepthwise);
  EXPECT_FALSE(told.blames.back().cured_us);
  ASSERT_TRUE(told.cured_run_us);
  EXPECT_DOUBLE_EQ(told.cured_run_us->us, 1000 - (600 - 100) - (100 - 50) - (100 - 20));
}

TEST(Forecasts, WithoutAReasonThereIsNothingToCure) {
  SpeedExplanation told;
  told.layers.push_back(Layer(LayerFamily::kProduct, ReasonKind::kNone, 100, 50));
  Forecasts(&told);
  EXPECT_TRUE(told.blames.empty());
  EXPECT_FALSE(told.cured_run_us);
}

}  // namespace explain_test
}  // namespace quantbench
