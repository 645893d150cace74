// Conformance: for every operator rule the engine runs the kernel on integers that the plan
// promised, and its answers stay near those of the float model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/quantize.h"

#include "model_builder.h"
#include "quantize_model.h"

namespace quantbench {
namespace conformance_test {

using testing::LayerOf;
using testing::ModelBuilder;
using testing::NormalSamples;
using testing::OperatorsRun;
using testing::QuantizedModel;
using testing::RunModel;
using testing::Sqnr;

// An operator between two convolutions: `middle` makes [N, 4, h, w] of the [N, 4, 8, 8] it is
// given.
struct Between {
  std::string op_type;
  std::function<std::string(ModelBuilder*, const std::string&)> middle;
  std::vector<std::string> absent;   // float operators and quantizers that must not run
  std::vector<std::string> present;  // kernels that must
};

void PrintTo(const Between& between, std::ostream* out) {
  *out << between.op_type;
}

std::string Conv(ModelBuilder* builder, const std::string& name, const std::string& input,
                 const Shape& weight = {4, 4, 3, 3}) {
  const std::string bias = builder->Weight(name + ".b", {weight[0]}, 0.1);
  return builder->Add("Conv", name, {input, builder->Weight(name + ".w", weight, 0.3), bias},
                      {Attribute::Ints("pads", {1, 1, 1, 1})});
}

std::function<std::string(ModelBuilder*, const std::string&)> Op(
    const std::string& op_type, const std::vector<Attribute>& attributes = {}) {
  return [=](ModelBuilder* builder, const std::string& input) {
    return builder->Add(op_type, "middle", {input}, attributes);
  };
}

std::string Twice(ModelBuilder* builder, const std::string& op_type, const std::string& input,
                  std::vector<Attribute> attributes = {}) {
  return builder->Add(op_type, "middle", {input, Conv(builder, "other", input)},
                      std::move(attributes));
}

std::vector<Between> ComputingOperators() {
  const Attribute kernel = Attribute::Ints("kernel_shape", {2, 2});
  return {
      {"Add", [](auto* b, const auto& x) { return Twice(b, "Add", x); }, {"Add"}, {"QLinearAdd"}},
      {"Mul", [](auto* b, const auto& x) { return Twice(b, "Mul", x); }, {"Mul"}, {"QLinearMul"}},
      {"Concat",
       [](auto* b, const auto& x) {
         const auto both = Twice(b, "Concat", x, {Attribute::Int("axis", 1)});
         return Conv(b, "narrow", both, {4, 8, 3, 3});
       },
       {"Concat"},
       {"QLinearConcat"}},
      {"AveragePool", Op("AveragePool", {kernel}), {"AveragePool"}, {"QLinearAveragePool"}},
      {"GlobalAveragePool",
       Op("GlobalAveragePool"),
       {"GlobalAveragePool"},
       {"QLinearGlobalAveragePool"}},
      {"LeakyRelu", Op("LeakyRelu"), {"LeakyRelu"}, {"QLinearLeakyRelu"}},
      {"Sigmoid", Op("Sigmoid"), {"Sigmoid"}, {"QLinearSigmoid"}},
      {"Relu", Op("Relu"), {"Relu"}, {}},
      {"Clip",
       [](auto* b, const auto& x) {
         const auto low = b->Constant("low", Tensor::OfFloats({}, {0}));
         const auto high = b->Constant("high", Tensor::OfFloats({}, {1.5F}));
         return b->Add("Clip", "middle", {x, low, high});
       },
       {"Clip"},
       {}},
  };
}

std::vector<Between> MovingOperators() {
  const Attribute kernel = Attribute::Ints("kernel_shape", {2, 2});
  return {
      {"MaxPool", Op("MaxPool", {kernel}), {}, {}},
      {"Reshape",
       [](auto* b, const auto& x) {
         return b->Add("Reshape", "middle", {x, b->Ints("shape", {0, 4, 4, 16})});
       },
       {},
       {"Reshape"}},
      {"Flatten",
       [](auto* b, const auto& x) {
         const auto flat = b->Add("Flatten", "middle", {x});
         return b->Add("Reshape", "back", {flat, b->Ints("shape", {0, 4, 8, 8})});
       },
       {},
       {}},
      {"Transpose", Op("Transpose", {Attribute::Ints("perm", {0, 1, 3, 2})}), {}, {}},
      {"Squeeze",
       [](auto* b, const auto& x) {
         const auto axis = b->Ints("axis", {4});
         return b->Add("Squeeze", "middle", {b->Add("Unsqueeze", "up", {x, axis}), axis});
       },
       {},
       {}},
      {"Slice",
       [](auto* b, const auto& x) {
         return b->Add("Slice", "middle",
                       {x, b->Ints("from", {1}), b->Ints("to", {7}), b->Ints("axis", {2})});
       },
       {},
       {"Slice"}},
      {"Split",
       [](auto* b, const auto& x) {
         b->AddNode("Split", "middle", {x, b->Ints("sizes", {2, 2})}, {"front", "back"},
                    {Attribute::Int("axis", 1)});
         return b->Add("Concat", "swap", {"back", "front"}, {Attribute::Int("axis", 1)});
       },
       {"Concat"},
       {"Split", "QLinearConcat"}},
      {"Gather",
       [](auto* b, const auto& x) {
         return b->Add("Gather", "middle", {x, b->Ints("channels", {3, 1, 0, 2})},
                       {Attribute::Int("axis", 1)});
       },
       {},
       {"Gather"}},
      {"Resize",
       [](auto* b, const auto& x) {
         const auto scales = b->Constant("scales", Tensor::OfFloats({4}, {1, 1, 2, 2}));
         Attribute mode = Attribute::String("mode", "nearest");
         return b->Add("Resize", "middle", {x, "", scales}, {mode});
       },
       {},
       {"Resize"}},
  };
}

class OperatorBetween : public ::testing::TestWithParam<Between> {};

TEST_P(OperatorBetween, RunsOnIntegersAndStaysNearFloat) {
  ModelBuilder builder;
  const std::string first = Conv(&builder, "first", builder.Input("x", {-1, 4, 8, 8}));
  builder.Output(Conv(&builder, "last", GetParam().middle(&builder, first)));
  const Model model = builder.Build();
  Recipe recipe = testing::Unweighed("static-int8");
  const auto data = NormalSamples({4, 8, 8}, 32);
  const QuantizedModel quantized = testing::Quantize(model, recipe, data);
  EXPECT_EQ(LayerOf(quantized.plan, "middle").scheme, Scheme::kStaticInt8);
  const std::vector<NamedTensor> input = {{"x", testing::RandomTensor({2, 4, 8, 8}, 12)}};
  EXPECT_GT(Sqnr(RunModel(model, input)[0], RunModel(quantized.model, input)[0]), 20);
  auto operators = OperatorsRun(quantized.model);
  // The input is quantized, the output dequantized, and nothing in between.
  EXPECT_EQ(operators["QuantizeLinear"], 1);
  EXPECT_EQ(operators["DequantizeLinear"], 1);
  EXPECT_EQ(operators["Conv"], 0);
  for (const std::string& absent : GetParam().absent) EXPECT_EQ(operators[absent], 0) << absent;
  for (const std::string& present : GetParam().present) EXPECT_GT(operators[present], 0) << present;
}

INSTANTIATE_TEST_SUITE_P(Computing, OperatorBetween, ::testing::ValuesIn(ComputingOperators()),
                         [](const auto& test) { return test.param.op_type; });
INSTANTIATE_TEST_SUITE_P(Moving, OperatorBetween, ::testing::ValuesIn(MovingOperators()),
                         [](const auto& test) { return test.param.op_type; });

// One weighted layer, alone.
struct Layer {
  std::string name;
  Shape sample;
  std::function<std::string(ModelBuilder*, const std::string&)> layer;
  std::string kernel;          // of static-int8
  std::string dynamic_kernel;  // of dynamic-int8; empty: stays float
};

void PrintTo(const Layer& layer, std::ostream* out) {
  *out << layer.name;
}

std::function<std::string(ModelBuilder*, const std::string&)> Convolution(const Shape& weight,
                                                                          std::int64_t group = 1) {
  return [=](ModelBuilder* b, const std::string& x) {
    return b->Add("Conv", "layer", {x, b->Weight("w", weight, 0.3), b->Weight("b", {weight[0]})},
                  {Attribute::Int("group", group)});
  };
}

std::function<std::string(ModelBuilder*, const std::string&)> Gemm(float alpha, float beta,
                                                                   bool transposed,
                                                                   const Shape& bias) {
  return [=](ModelBuilder* b, const std::string& x) {
    const Shape shape = transposed ? Shape{24, 32} : Shape{32, 24};
    std::vector<std::string> inputs = {x, b->Weight("w", shape, 0.3)};
    if (!bias.empty()) inputs.push_back(b->Weight("b", bias));
    return b->Add("Gemm", "layer", inputs,
                  {Attribute::Float("alpha", alpha), Attribute::Float("beta", beta),
                   Attribute::Int("transB", transposed ? 1 : 0)});
  };
}

std::string Product(ModelBuilder* b, const std::string& x) {
  return b->Add("MatMul", "layer", {x, b->Weight("w", {32, 24}, 0.3)});
}

std::vector<Layer> Layers() {
  const std::string dynamic = "DynamicQuantizeMatMul";
  return {
      {"Conv1d", {4, 32}, Convolution({8, 4, 3}), "QLinearConv", ""},
      {"Conv2d", {4, 8, 8}, Convolution({8, 4, 3, 3}), "QLinearConv", "ConvInteger"},
      {"Conv3d", {4, 6, 6, 6}, Convolution({8, 4, 3, 3, 3}), "QLinearConv", ""},
      {"Grouped", {4, 8, 8}, Convolution({8, 2, 3, 3}, 2), "QLinearConv", ""},
      {"Depthwise", {16, 8, 8}, Convolution({16, 1, 3, 3}, 16), "QLinearConv", ""},
      {"MatMul2d", {32}, Product, "MatMulIntegerToFloat", dynamic},
      {"MatMul3d", {5, 32}, Product, "MatMulIntegerToFloat", dynamic},
      {"MatMulBias",
       {5, 32},
       [](auto* b, const auto& x) {
         return b->Add("Add", "bias", {b->Weight("b", {24}), Product(b, x)});
       },
       "MatMulIntegerToFloat",
       dynamic},
      {"MatMulAddOfActivation",
       {32},
       [](auto* b, const auto& x) {
         return b->Add("Add", "sum",
                       {Product(b, x), b->Add("MatMul", "second", {x, b->Weight("w2", {32, 24})})});
       },
       "MatMulIntegerToFloat",
       "MatMulIntegerToFloat"},
      {"Gemm", {32}, Gemm(1, 1, false, {24}), "QGemm", dynamic},
      {"GemmTransposed", {32}, Gemm(1, 1, true, {24}), "QGemm", dynamic},
      {"GemmScaled", {32}, Gemm(-0.5F, 3, true, {1, 24}), "QGemm", dynamic},
      {"GemmOneBias", {32}, Gemm(2, -1, false, {1}), "QGemm", dynamic},
      {"GemmNoBias", {32}, Gemm(1, 1, true, {}), "QGemm", dynamic},
  };
}

class WeightedLayers : public ::testing::TestWithParam<std::tuple<Layer, bool>> {
 protected:
  void SetUp() override {
    const Layer& layer = std::get<0>(GetParam());
    ModelBuilder builder;
    Shape dims = layer.sample;
    dims.insert(dims.begin(), -1);
    builder.Output(layer.layer(&builder, builder.Input("x", dims)));
    model_ = builder.Build();
    dims[0] = 2;
    input_ = {{"x", testing::RandomTensor(dims, 12)}};
  }
  [[nodiscard]] QuantizedModel Quantize(std::string_view name) const {
    Recipe recipe = testing::Unweighed(name);
    recipe.SetPerChannel(std::get<1>(GetParam()));
    if (name == "dynamic-int8") {
      // Asked for by name: ConvInteger too, which does not pay by itself.
      RecipeRule rule;
      rule.match = "layer";
      rule.choices = {recipe.choices.front()};
      recipe.rules = {rule};
    }
    return testing::Quantize(model_, recipe, NormalSamples(std::get<0>(GetParam()).sample, 8));
  }
  void ExpectNear(const Model& quantized, double decibels,
                  const SessionOptions& options = {}) const {
    EXPECT_GT(Sqnr(RunModel(model_, input_)[0], RunModel(quantized, input_, options)[0]), decibels);
  }

 private:
  Model model_;
  std::vector<NamedTensor> input_;
};

TEST_P(WeightedLayers, RunOnIntegersUnderStaticInt8) {
  const QuantizedModel quantized = Quantize("static-int8");
  EXPECT_EQ(LayerOf(quantized.plan, "layer").scheme, Scheme::kStaticInt8);
  ExpectNear(quantized.model, 25);
  auto operators = OperatorsRun(quantized.model);
  EXPECT_GT(operators[std::get<0>(GetParam()).kernel], 0);
  for (const char* absent : {"Conv", "MatMul", "Gemm", "FusedConv", "FusedGemm"}) {
    EXPECT_EQ(operators[absent], 0) << absent;
  }
  SessionOptions plain;
  plain.optimization = GraphOptimization::kNone;
  ExpectNear(quantized.model, 25, plain);
}

TEST_P(WeightedLayers, RunOnIntegersUnderDynamicInt8) {
  const QuantizedModel quantized = Quantize("dynamic-int8");
  const std::string& kernel = std::get<0>(GetParam()).dynamic_kernel;
  const Scheme expected = kernel.empty() ? Scheme::kKeepFloat : Scheme::kDynamicInt8;
  EXPECT_EQ(LayerOf(quantized.plan, "layer").scheme, expected);
  ExpectNear(quantized.model, 25);
  auto operators = OperatorsRun(quantized.model);
  EXPECT_TRUE(kernel.empty() || operators[kernel] > 0);
}

TEST_P(WeightedLayers, AreExactToHalfAPlaceUnderFloat16) {
  const QuantizedModel quantized = Quantize("float16");
  EXPECT_EQ(LayerOf(quantized.plan, "layer").scheme, Scheme::kStored);
  ExpectNear(quantized.model, 55);
  auto operators = OperatorsRun(quantized.model);
  EXPECT_EQ(operators["Cast"], 0);  // the engine computes it once, when it loads
}

INSTANTIATE_TEST_SUITE_P(EveryLayer, WeightedLayers,
                         ::testing::Combine(::testing::ValuesIn(Layers()), ::testing::Bool()),
                         [](const auto& test) {
                           return std::get<0>(test.param).name +
                                  (std::get<1>(test.param) ? "PerChannel" : "PerTensor");
                         });

}  // namespace conformance_test
}  // namespace quantbench
