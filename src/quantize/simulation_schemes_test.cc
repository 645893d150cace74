// Simulation of the other schemes: dynamic-int8, float8, static-int16 and stored weights compute
// what the arithmetic says.
#include <cmath>

#include <gtest/gtest.h>

#include "quantbench/quantize.h"

#include "model_builder.h"
#include "quantize_model.h"

namespace quantbench {
namespace simulation_schemes_test {

using testing::LayerOf;
using testing::ModelBuilder;
using testing::Must;
using testing::NormalSamples;
using testing::OperatorsRun;
using testing::QuantizedModel;
using testing::RandomTensor;
using testing::RunModel;
using testing::Sqnr;

Recipe RecipeOf(std::string_view treatment) {
  Recipe recipe;
  recipe.name = "custom";
  recipe.choices = {Must(FindTreatment(treatment))};
  recipe.target = Target::kX64;  // weights that no kernel's 16-bit sums overflow
  return recipe;
}

QuantizedModel QuantizeTo(std::string_view treatment, const Model& model, const Shape& sample) {
  return testing::Quantize(model, RecipeOf(treatment), NormalSamples(sample, 8));
}

std::vector<double> Numbers(const Model& model, const std::string& name) {
  const Initializer* found = model.graph.FindInitializer(name);
  QB_CHECK(found != nullptr, "the initializer exists");
  return Must(ToDoubles(Must(ReadTensor(*found))));
}

// Rows of x times columns of w: [rows, depth] by [depth, outputs].
std::vector<double> Multiply(const std::vector<double>& x, const std::vector<double>& w,
                             std::size_t outputs) {
  const std::size_t depth = w.size() / outputs;
  std::vector<double> y(x.size() / depth * outputs);
  for (std::size_t i = 0; i < y.size(); ++i) {
    for (std::size_t k = 0; k < depth; ++k) {
      y[i] += x[i / outputs * depth + k] * w[k * outputs + i % outputs];
    }
  }
  return y;
}

// x as the engine quantizes it while it runs. [ONNX DynamicQuantizeLinear-11]
std::vector<double> Rounded(const Tensor& x) {
  float low = 0;
  float high = 0;
  for (const float value : x.As<float>()) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  const float scale = (high - low) / 255;
  const float zero = std::nearbyint(-low / scale);
  std::vector<double> rounded;
  for (const float value : x.As<float>()) {
    const float code = std::clamp(std::nearbyint(value / scale) + zero, 0.0F, 255.0F);
    rounded.push_back(double{scale} * (code - zero));
  }
  return rounded;
}

void ExpectNear(const Tensor& y, const std::vector<double>& expected, double tolerance) {
  ASSERT_EQ(y.As<float>().size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ASSERT_NEAR(y.As<float>()[i], expected[i], tolerance) << i;
  }
}

// codes [rows, columns] times the scale of their column.
std::vector<double> ByColumns(std::vector<double> codes, const std::vector<double>& scales) {
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] *= scales[i % scales.size()];
  return codes;
}

struct GemmCase {
  float alpha;
  float beta;
  std::int64_t transposed;
};

TEST(SimulatedDynamic, GemmIsTheProductOfRoundedNumbersPlusTheBias) {
  for (const GemmCase& each : {GemmCase{1, 1, 0}, {1, 1, 1}, {-0.5F, 3, 1}, {2, -1, 0}}) {
    ModelBuilder builder;
    const Shape shape = each.transposed != 0 ? Shape{24, 32} : Shape{32, 24};
    const std::string x = builder.Input("x", {-1, 32});
    builder.Output(
        builder.Add("Gemm", "gemm", {x, builder.Weight("w", shape, 0.3), builder.Weight("b", {24})},
                    {Attribute::Float("alpha", each.alpha), Attribute::Float("beta", each.beta),
                     Attribute::Int("transB", each.transposed)}));
    const Model model = QuantizeTo("dynamic-int8", builder.Build(), {32}).model;
    const std::string w = each.alpha == 1 ? "w" : "w_scaled";  // alpha goes into the weight first
    const Tensor input = RandomTensor({5, 32}, 99, 1.5);
    std::vector<double> expected =
        Multiply(Rounded(input),
                 ByColumns(Numbers(model, w + "_quantized"), Numbers(model, w + "_scale")), 24);
    const std::vector<double> bias = Numbers(builder.Build(), "b");
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += each.beta * bias[i % 24];
    ExpectNear(RunModel(model, {{"x", input}})[0], expected, 2e-5);
  }
}

TEST(SimulatedDynamic, MatMulIsTheProductOfRoundedNumbers) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 3, 32});
  builder.Output(builder.Add("MatMul", "product", {x, builder.Weight("w", {32, 24}, 0.3)}));
  const Model model = QuantizeTo("dynamic-int8", builder.Build(), {3, 32}).model;
  const Tensor input = RandomTensor({2, 3, 32}, 99, 1.5);
  const auto w = ByColumns(Numbers(model, "w_quantized"), Numbers(model, "w_scale"));
  ExpectNear(RunModel(model, {{"x", input}})[0], Multiply(Rounded(input), w, 24), 2e-5);
}

TEST(SimulatedDynamic, GatherReadsDecodedRows) {
  ModelBuilder builder;
  const std::string ids = builder.Input("ids", {-1}, DataType::kInt64);
  const std::string table = builder.Weight("table", {80, 32});
  builder.Output(builder.Add("Gather", "rows", {table, ids}));
  const Recipe recipe = RecipeOf("dynamic-int8");
  const Model prepared = Must(PrepareFor(builder.Build(), recipe, nullptr));
  const Model model = Must(ApplyPlan(prepared, Must(PlanQuantization(prepared, recipe, nullptr))));
  const std::vector<double> codes = Numbers(model, "table_quantized");
  const std::vector<double> scales = Numbers(model, "table_scale");
  const std::vector<std::int64_t> rows = {39, 0, 7, 7};
  std::vector<double> expected;
  for (const std::int64_t row : rows) {
    const auto r = static_cast<std::size_t>(row);
    for (std::size_t k = 0; k < 32; ++k) expected.push_back(codes[r * 32 + k] * scales[r]);
  }
  const Tensor input = Tensor::Of(DataType::kInt64, {4}, rows);
  ExpectNear(RunModel(model, {{"ids", input}})[0], expected, 1e-6);
}

constexpr std::int64_t kHidden = 16;
constexpr std::int64_t kGates = 4 * kHidden;

// Both directions of an LSTM over x [steps, 1, 12].
Model Lstm(const Tensor& w, const Tensor& r) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 1, 12});
  builder.AddNode(
      "LSTM", "lstm",
      {x, builder.Constant("w", w), builder.Constant("r", r),
       builder.Weight("b", {2, 2 * kGates}, 0.1)},
      {"y"},
      {Attribute::Int("hidden_size", kHidden), Attribute::String("direction", "bidirectional")});
  builder.Output("y");
  return builder.Build();
}

// [2, inputs, gates] codes with a scale a gate as the [2, gates, inputs] that LSTM wants.
Tensor Turned(const Model& model, const std::string& name, std::size_t inputs) {
  const std::vector<double> codes = Numbers(model, name + "_quantized");
  const std::vector<double> scales = Numbers(model, name + "_scale");
  constexpr auto kWidth = static_cast<std::size_t>(kGates);
  std::vector<float> values(codes.size());
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const std::size_t direction = i / (inputs * kWidth);
    const std::size_t gate = i % kWidth;
    const std::size_t input = i / kWidth % inputs;
    values[(direction * kWidth + gate) * inputs + input] =
        static_cast<float>(codes[i] * scales[direction * kWidth + gate]);
  }
  return Tensor::OfFloats({2, kGates, static_cast<std::int64_t>(inputs)}, values);
}

TEST(SimulatedDynamic, LstmIsTheFloatOneWithDecodedWeights) {
  const Model model =
      Lstm(RandomTensor({2, kGates, 12}, 1, 0.3), RandomTensor({2, kGates, kHidden}, 2, 0.3));
  const QuantizedModel quantized = QuantizeTo("dynamic-int8", model, {1, 12});
  ASSERT_EQ(LayerOf(quantized.plan, "lstm").form, "DynamicQuantizeLSTM");
  const Model decoded =
      Lstm(Turned(quantized.model, "w", 12), Turned(quantized.model, "r", kHidden));
  const std::vector<NamedTensor> input = {{"x", RandomTensor({9, 1, 12}, 99)}};
  const Tensor y = RunModel(quantized.model, input)[0];
  EXPECT_GT(Sqnr(RunModel(decoded, input)[0], y), 35);  // activations of 8 bits
  EXPECT_GT(Sqnr(RunModel(model, input)[0], y), 30);
}

// Four bits of exponent, three of digits; the largest 448. [OCP 8-bit floating point, E4M3]
double DecodeE4M3(int code) {
  const int exponent = code >> 3 & 15;
  const int digits = code & 7;
  if (exponent == 15 && digits == 7) return 1e9;  // NaN: next to nothing
  const double magnitude =
      exponent == 0 ? std::ldexp(digits, -9) : std::ldexp(8 + digits, exponent - 10);
  return (code & 128) != 0 ? -magnitude : magnitude;
}

double NearestE4M3(double value) {
  double best = 0;
  for (int code = 0; code < 256; ++code) {
    if (std::abs(DecodeE4M3(code) - value) < std::abs(best - value)) best = DecodeE4M3(code);
  }
  return best;
}

TEST(SimulatedFloat8, MatMulIsTheProductOfRoundedNumbers) {
  ModelBuilder builder(19, 9);
  const std::string x = builder.Input("x", {-1, 32});
  builder.Output(builder.Add("MatMul", "product", {x, builder.Weight("w", {32, 24}, 0.3)}));
  const QuantizedModel quantized = QuantizeTo("float8", builder.Build(), {32});
  const double scale = Numbers(quantized.model, "x_scale")[0];
  const double weight_scale = Numbers(quantized.model, "w_scale")[0];
  std::vector<double> w;
  for (const double value : Numbers(builder.Build(), "w")) {
    w.push_back(NearestE4M3(value / weight_scale) * weight_scale);
  }
  const Tensor input = RandomTensor({5, 32}, 99);
  std::vector<double> rounded;
  for (const float value : input.As<float>()) rounded.push_back(NearestE4M3(value / scale) * scale);
  const Tensor y = RunModel(quantized.model, {{"x", input}})[0];
  ExpectNear(y, Multiply(rounded, w, 24), 1e-4);
  EXPECT_GT(Sqnr(RunModel(builder.Build(), {{"x", input}})[0], y), 22);
}

TEST(SimulatedStatic16, ProductsAreThoseOfRoundedNumbers) {
  for (const char* op_type : {"Gemm", "MatMul"}) {
    ModelBuilder builder(21, 10);
    const std::string x = builder.Input("x", {-1, 32});
    builder.Output(builder.Add(op_type, "product", {x, builder.Weight("w", {32, 24}, 0.3)}));
    const QuantizedModel quantized = QuantizeTo("static-int16", builder.Build(), {32});
    ASSERT_EQ(quantized.plan.activations.at(0).type, DataType::kUint16);
    const QuantParams params = quantized.plan.activations.at(0).params;
    const Tensor input = RandomTensor({5, 32}, 99, 0.5);
    std::vector<double> rounded;
    for (const float value : input.As<float>()) {
      const double code = std::nearbyint(double{value} / params.scale) + params.zero_point;
      rounded.push_back((std::clamp(code, 0.0, 65535.0) - params.zero_point) * params.scale);
    }
    const auto w =
        ByColumns(Numbers(quantized.model, "w_quantized"), Numbers(quantized.model, "w_scale"));
    const Tensor y = RunModel(quantized.model, {{"x", input}})[0];
    ExpectNear(y, Multiply(rounded, w, 24), 2e-4);
    EXPECT_GT(Sqnr(RunModel(builder.Build(), {{"x", input}})[0], y), 35) << op_type;
  }
}

TEST(SimulatedStored, LayersRunAsFloatOnDecodedWeights) {
  const std::map<std::string, double> decibels = {
      {"stored-int8", 35}, {"float16", 60}, {"bfloat16", 45}};
  for (const auto& [treatment, least] : decibels) {
    ModelBuilder builder;
    const std::string x = builder.Input("x", {-1, 16, 8, 8});
    const std::string conv =
        builder.Add("Conv", "conv", {x, builder.Weight("v", {16, 16, 3, 3}, 0.1)});
    const std::string flat = builder.Add("Flatten", "flat", {conv});
    builder.Output(builder.Add("Gemm", "gemm", {flat, builder.Weight("w", {24, 576}, 0.1)},
                               {Attribute::Int("transB", 1)}));
    const QuantizedModel quantized = QuantizeTo(treatment, builder.Build(), {16, 8, 8});
    EXPECT_EQ(LayerOf(quantized.plan, "conv").scheme, Scheme::kStored);
    EXPECT_EQ(LayerOf(quantized.plan, "gemm").scheme, Scheme::kStored);
    auto run = OperatorsRun(quantized.model);
    EXPECT_EQ(run["Cast"] + run["Mul"], 0) << treatment;  // the engine decoded when it loaded
    EXPECT_EQ(run["Gemm"], 1);
    const std::vector<NamedTensor> input = {{"x", RandomTensor({2, 16, 8, 8}, 99)}};
    EXPECT_GT(Sqnr(RunModel(builder.Build(), input)[0], RunModel(quantized.model, input)[0]), least)
        << treatment;
  }
}

}  // namespace simulation_schemes_test
}  // namespace quantbench
