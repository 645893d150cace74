// Operators of libtorch classed, and reasons given, on profiles written by hand.
#include "explain/torch_operators.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quantbench {
namespace torch_operators_test {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

ProfiledOperator Called(std::string op, std::int64_t macs, double us, Shape input = {1, 128, 64}) {
  ProfiledOperator called;
  called.name = op + " 1";
  called.op_type = std::move(op);
  called.macs = macs;
  called.us = us;
  called.calls = 1;
  ValueFacts facts;
  facts.type = DataType::kFloat32;
  facts.shape = std::move(input);
  called.inputs.push_back(facts);
  called.outputs.push_back(facts);
  return called;
}

// A model of one layer, which TorchScript shows no graph of.
ProfiledModel Profiled(ProfiledOperator op, std::string engine = "") {
  ProfiledModel model;
  model.profile.runs = 10;
  model.profile.engine = std::move(engine);
  model.profile.operators = {std::move(op)};
  return model;
}

LayerTime OneLayer(const ProfiledOperator& before, const ProfiledOperator& after,
                   const std::string& engine) {
  const SpeedExplanation told = ExplainSpeed(Profiled(before), Profiled(after, engine), "avx2 fma");
  EXPECT_EQ(told.layers.size(), 1U);
  return told.layers.empty() ? LayerTime() : told.layers[0];
}

TEST(TorchOperators, AreClassedByWhatTheyDo) {
  const auto of = [](const char* name) { return ClassOf(Called(name, 0, 1), nullptr); };
  EXPECT_EQ(of("aten::linear"), OperatorClass::kFloat);
  EXPECT_EQ(of("aten::_convolution"), OperatorClass::kFloat);
  EXPECT_EQ(of("aten::lstm"), OperatorClass::kFloat);
  EXPECT_EQ(of("quantized::linear_dynamic"), OperatorClass::kInteger);
  EXPECT_EQ(of("quantized::conv2d_relu"), OperatorClass::kInteger);
  EXPECT_EQ(of("aten::quantized_lstm"), OperatorClass::kInteger);
  EXPECT_EQ(of("quantized::cat"), OperatorClass::kLayout);
  EXPECT_EQ(of("aten::quantize_per_tensor"), OperatorClass::kQuantize);
  EXPECT_EQ(of("aten::dequantize"), OperatorClass::kQuantize);
  EXPECT_EQ(of("aten::transpose"), OperatorClass::kLayout);
  EXPECT_EQ(of("aten::gelu"), OperatorClass::kElementwise);
}

TEST(TorchOperators, AProductIsPairedWithWhatItBecame) {
  const LayerTime layer = OneLayer(Called("aten::linear", 1'000'000, 100),
                                   Called("quantized::linear_dynamic", 1'000'000, 50), "onednn");
  EXPECT_EQ(layer.layer, "aten::linear 1");
  EXPECT_EQ(layer.quantized, "quantized::linear_dynamic");
  EXPECT_EQ(layer.family, LayerFamily::kProduct);
  EXPECT_THAT(layer.why, IsEmpty());
}

TEST(TorchOperators, AConvolutionThatStayedFloatIsNotCoveredByDynamic) {
  const ProfiledOperator conv = Called("aten::conv2d", 1'000'000, 100);
  const LayerTime layer = OneLayer(conv, conv, "onednn");
  EXPECT_EQ(layer.kind, ReasonKind::kLeftFloat);
  EXPECT_EQ(layer.family, LayerFamily::kConvolution);
  EXPECT_THAT(layer.why, HasSubstr("linear and recurrent layers only"));
  EXPECT_THAT(layer.cure, HasSubstr("static-int8"));
}

// 1 MMAC in 100 us are 20 GOP/s, in 250 us 8.
TEST(TorchOperators, AnEngineForAnotherProcessorIsNamed) {
  const ProfiledOperator before = Called("aten::linear", 1'000'000, 100);
  const ProfiledOperator after = Called("quantized::linear_dynamic", 1'000'000, 250);
  const LayerTime slow = OneLayer(before, after, "qnnpack");
  EXPECT_EQ(slow.kind, ReasonKind::kForeignEngine);
  EXPECT_THAT(slow.why, HasSubstr("8 GOP/s in place of the original's 20"));
  EXPECT_NE(OneLayer(before, after, "onednn").kind, ReasonKind::kForeignEngine);
  // On ARM it is at home.
  const SpeedExplanation arm = ExplainSpeed(Profiled(before), Profiled(after, "qnnpack"), "neon");
  EXPECT_NE(arm.layers.at(0).kind, ReasonKind::kForeignEngine);
}

TEST(TorchOperators, ARecurrenceIsToldByItsSteps) {
  const Shape frames = {50, 2, 16};
  const LayerTime layer =
      OneLayer(Called("aten::lstm", 1'000'000, 400, frames),
               Called("aten::quantized_lstm", 1'000'000, 800, frames), "onednn");
  EXPECT_EQ(layer.family, LayerFamily::kRecurrence);
  EXPECT_EQ(layer.kind, ReasonKind::kStepByStep);
  EXPECT_THAT(layer.why, HasSubstr("100 rows"));
  EXPECT_THAT(layer.why, HasSubstr("8.0 µs a row in place of 4.0"));
  const auto gains = [&](double us) {
    return OneLayer(Called("aten::lstm", 1'000'000, 400, frames),
                    Called("aten::quantized_lstm", 1'000'000, us, frames), "onednn")
        .kind;
  };
  EXPECT_EQ(gains(400), ReasonKind::kStepByStep);  // as fast: int8 bought nothing
  EXPECT_EQ(gains(200), ReasonKind::kNone);
}

// It is looked up, not multiplied: no layer, but most of a file.
TEST(TorchOperators, AnEmbeddingThatStayedFloatIsNamed) {
  ProfiledOperator lookup = Called("aten::embedding", 0, 5, {30522, 768});
  const SpeedExplanation told =
      ExplainSpeed(Profiled(lookup), Profiled(lookup, "onednn"), "avx2 fma");
  ASSERT_EQ(told.float_tables.size(), 1U);
  EXPECT_EQ(told.float_tables[0].layer, "aten::embedding 1");
  EXPECT_EQ(told.float_tables[0].bytes, 30522U * 768U * 4U);
  lookup.inputs[0].type = DataType::kInt8;
  EXPECT_THAT(ExplainSpeed(Profiled(lookup), Profiled(lookup), "avx2").float_tables, IsEmpty());
}

}  // namespace torch_operators_test
}  // namespace quantbench
