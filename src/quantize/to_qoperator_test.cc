// The QOperator format of whole graphs: no quantizer left but at the borders.
#include "quantize/to_qoperator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/quantize.h"

#include "qdq_builder.h"
#include "quantize_model.h"

namespace quantbench {
namespace to_qoperator_test {

using testing::CountOf;
using ::testing::ElementsAre;
using testing::ModelBuilder;
using testing::Must;
using testing::NormalSamples;
using testing::OperatorsOf;
using testing::QdqBuilder;
using testing::RandomTensor;
using testing::RunModel;
using testing::Sqnr;

constexpr float kInput = 0.03F;  // the scale of x
constexpr int kInputZero = 120;

std::function<std::string(QdqBuilder*, const std::string&)> Op(
    const std::string& op_type, const std::vector<Attribute>& attributes = {}) {
  return [=](QdqBuilder* b, const std::string& x) {
    return (**b).Add(op_type, "middle", {x}, attributes);
  };
}

// x -> quantizers -> middle -> quantizers -> output, rewritten; the operators that are left.
std::vector<std::string> RewrittenOperators(
    const std::function<std::string(QdqBuilder*, const std::string&)>& make, float scale,
    DataType type = DataType::kUint8) {
  ModelBuilder builder(21, 10);
  QdqBuilder qdq(&builder, type);
  const std::string x = qdq.Around(builder.Input("x", {-1, 4, 8, 8}), kInput, kInputZero);
  builder.Output(qdq.Around(make(&qdq, x), scale, kInputZero));
  Model model = builder.Build();
  ToQOperator(&model);
  return OperatorsOf(model);
}

TEST(ToQOperator, KeepsQuantizersAroundWhatHasNoForm) {
  const auto five = [](const std::string& middle) {
    return ElementsAre("QuantizeLinear", "DequantizeLinear", middle, "QuantizeLinear",
                       "DequantizeLinear");
  };
  EXPECT_THAT(RewrittenOperators(Op("Tanh"), 0.01F), five("Tanh"));
  // A mover whose output has another grid computes.
  EXPECT_THAT(RewrittenOperators(Op("Flatten"), 0.5F), five("Flatten"));
  EXPECT_THAT(RewrittenOperators(Op("AveragePool", {Attribute::Ints("kernel_shape", {2, 2}),
                                                    Attribute::Ints("dilations", {2, 2})}),
                                 0.03F),
              five("AveragePool"));
  const auto linear = [](QdqBuilder* b, const std::string& x) {
    const std::string scales = (**b).Constant("scales", Tensor::OfFloats({4}, {1, 1, 2, 2}));
    return (**b).Add("Resize", "middle", {x, "", scales}, {Attribute::String("mode", "linear")});
  };
  EXPECT_THAT(RewrittenOperators(linear, kInput), five("Resize"));
}

TEST(ToQOperator, LeavesABiasOfAnotherScale) {
  const auto conv = [](QdqBuilder* b, const std::string& x) {
    const std::string w = b->Weight("w", {6, 4, 3, 3}, 0);
    return (**b).Add("Conv", "middle", {x, w, b->Bias("bias", 6, 2 * kInput)});
  };
  EXPECT_THAT(RewrittenOperators(conv, 0.05F), ::testing::Contains("Conv"));
}

TEST(ToQOperator, LeavesAValueThatOthersReadAsFloat) {
  ModelBuilder builder;
  QdqBuilder qdq(&builder, DataType::kUint8);
  const std::string x = qdq.Around(builder.Input("x", {-1, 4, 8, 8}), kInput, kInputZero);
  const std::string leaky = builder.Add("LeakyRelu", "middle", {x});
  builder.Output(qdq.Around(leaky, 0.02F, 10)).Output(builder.Add("Abs", "abs", {leaky}));
  Model model = builder.Build();
  EXPECT_EQ(ToQOperator(&model), 0);
  Must(CheckModel(model));
}

TEST(ToQOperator, SplitsCodes) {
  ModelBuilder builder;
  QdqBuilder qdq(&builder, DataType::kUint8);
  const std::string x = qdq.Around(builder.Input("x", {-1, 4, 8, 8}), kInput, kInputZero);
  builder.AddNode("Split", "split", {x}, {"a", "b"}, {Attribute::Int("axis", 1)});
  for (const char* half : {"b", "a"}) builder.Output(qdq.Around(half, kInput, kInputZero));
  Model model = builder.Build();
  EXPECT_EQ(ToQOperator(&model), 1);
  EXPECT_THAT(OperatorsOf(model),
              ElementsAre("QuantizeLinear", "Split", "DequantizeLinear", "DequantizeLinear"));
  const std::vector<NamedTensor> input = {{"x", RandomTensor({2, 4, 8, 8}, 3)}};
  EXPECT_EQ(RunModel(model, input)[1].bytes, RunModel(builder.Build(), input)[1].bytes);
}

// A network with a residual sum, a concatenation, pooling and a classifier.
Model Network() {
  ModelBuilder b;
  const auto conv = [&](const std::string& name, const std::string& x, std::int64_t channels) {
    const std::string w = b.Weight(name + ".w", {8, channels, 3, 3}, 0.2);
    const std::string y = b.Add("Conv", name, {x, w, b.Weight(name + ".b", {8}, 0.1)},
                                {Attribute::Ints("pads", {1, 1, 1, 1})});
    return b.Add("Relu", name + ".relu", {y});
  };
  const std::string first = conv("first", b.Input("x", {-1, 4, 8, 8}), 4);
  const std::string sum = b.Add("Add", "sum", {first, conv("second", first, 8)});
  const std::string both =
      b.Add("Concat", "both", {sum, conv("third", sum, 8)}, {Attribute::Int("axis", 1)});
  const std::string small =
      b.Add("MaxPool", "small", {conv("fourth", both, 16)},
            {Attribute::Ints("kernel_shape", {2, 2}), Attribute::Ints("strides", {2, 2})});
  const std::string flat = b.Add("Flatten", "flat", {b.Add("GlobalAveragePool", "pool", {small})});
  b.Output(b.Add("Gemm", "classes", {flat, b.Weight("w", {8, 10}), b.Weight("bias", {10})}));
  return b.Build();
}

TEST(ToQOperator, MakesAWholeNetworkOfOperatorsOnCodes) {
  const auto data = NormalSamples({4, 8, 8}, 16);
  for (const Target target : {Target::kX64, Target::kArm}) {
    Recipe recipe = testing::Unweighed("static-int8");
    recipe.target = target;
    const Model qdq = testing::Quantize(Network(), recipe, data).model;
    recipe.SetFormat(QuantFormat::kQOperator);
    const Model model = testing::Quantize(Network(), recipe, data).model;
    EXPECT_EQ(CountOf(model, "QuantizeLinear"), 1);
    EXPECT_EQ(CountOf(model, "DequantizeLinear"), 0);  // the classifier's sums leave as float
    EXPECT_EQ(CountOf(model, "QLinearConv"), 4);
    EXPECT_EQ(CountOf(model, "QGemm"), 1);
    EXPECT_LT(Must(EncodeToBytes(model)).size(), Must(EncodeToBytes(qdq)).size());
    const std::vector<NamedTensor> input = {{"x", RandomTensor({2, 4, 8, 8}, 12)}};
    EXPECT_GT(Sqnr(RunModel(qdq, input)[0], RunModel(model, input)[0]), 40);
  }
}

// Operator sets without a scale per axis: the quantizers are the engine's own.
TEST(ToQOperator, ReadsTheEnginesQuantizers) {
  ModelBuilder builder(11);
  const std::string x = builder.Input("x", {-1, 4, 8, 8});
  const std::string soft = builder.Add("Softmax", "soft", {x});  // cannot be raised to 13
  const std::string conv = builder.Add("Conv", "conv", {soft, builder.Weight("w", {6, 4, 3, 3})});
  builder.Output(builder.Add("Conv", "next", {conv, builder.Weight("v", {6, 6, 3, 3})}));
  Recipe recipe = testing::Unweighed("static-int8");
  recipe.SetFormat(QuantFormat::kQOperator);
  const Model model = testing::Quantize(builder.Build(), recipe, NormalSamples({4, 8, 8}, 8)).model;
  EXPECT_EQ(model.OpsetVersion(), 12);
  EXPECT_THAT(OperatorsOf(model), ElementsAre("Softmax", "QuantizeLinear", "QLinearConv",
                                              "QLinearConv", "DequantizeLinear"));
  const std::vector<NamedTensor> input = {{"x", RandomTensor({2, 4, 8, 8}, 12)}};
  EXPECT_GT(Sqnr(RunModel(builder.Build(), input)[0], RunModel(model, input)[0]), 25);
}

}  // namespace to_qoperator_test
}  // namespace quantbench
