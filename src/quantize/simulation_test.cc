// Simulation: what the engine computes from our models is what the arithmetic of
// docs/quantization.md says.
#include <cmath>

#include <gtest/gtest.h>

#include "quantbench/quantize.h"

#include "model_builder.h"
#include "quantize_model.h"

namespace quantbench {
namespace simulation_test {

using testing::ModelBuilder;
using testing::Must;
using testing::QuantizedModel;
using testing::RandomTensor;
using testing::RunModel;

const Initializer& Find(const Model& model, const std::string& name) {
  const Initializer* found = model.graph.FindInitializer(name);
  QB_CHECK(found != nullptr, "the initializer exists");
  return *found;
}

std::vector<double> Numbers(const Model& model, const std::string& name) {
  return Must(ToDoubles(Must(ReadTensor(Find(model, name)))));
}

QuantParams ParamsOf(const Plan& plan, std::string_view tensor) {
  for (const ActivationPlan& activation : plan.activations) {
    if (activation.tensor == tensor) return activation.params;
  }
  ADD_FAILURE() << "no quantization of " << tensor;
  return {};
}

// q = clamp(round(x / s) + z), x' = s (q - z), u8.
double Code(float x, QuantParams params) {
  const double steps = std::nearbyint(x / params.scale);
  return std::clamp(steps + params.zero_point, 0.0, 255.0);
}

// Weights [rows, columns], one large number in each row and the rest small: sums of two products of
// u8 and s8 codes then fit 16 bits, where processors without VNNI saturate them.
Tensor TameWeights(std::int64_t rows, std::int64_t columns) {
  Tensor tensor = RandomTensor({rows, columns}, 5, 0.01);
  for (std::int64_t row = 0; row < rows; ++row) {
    tensor.As<float>()[static_cast<std::size_t>(row * columns + row % columns)] =
        row % 2 == 0 ? 1.0F : -1.0F;
  }
  return tensor;
}

// Integer products of one row of activations with every output, bias added, as real numbers.
struct Simulation {
  QuantParams input;
  std::vector<double> codes;   // [outputs, depth]
  std::vector<double> scales;  // one an output
  std::vector<double> bias;    // int32 codes, one an output

  [[nodiscard]] double Output(std::size_t output, std::span<const float> x) const {
    double sum = bias[output];
    for (std::size_t k = 0; k < x.size(); ++k) {
      sum += (Code(x[k], input) - input.zero_point) * codes[output * x.size() + k];
    }
    return sum * input.scale * scales[output];
  }
};

// The 3 x 3 pixels around one of an [1, 4, 8, 8] image, zeros beyond its border, channel by
// channel.
std::vector<float> PatchAround(const Tensor& image, std::int64_t row, std::int64_t column) {
  std::vector<float> patch;
  for (std::int64_t i = 0; i < 36; ++i) {
    const std::int64_t y = row + i % 9 / 3 - 1;
    const std::int64_t x = column + i % 3 - 1;
    const bool is_inside = y >= 0 && y < 8 && x >= 0 && x < 8;
    const auto place = static_cast<std::size_t>(i / 9 * 64 + y * 8 + x);
    patch.push_back(is_inside ? image.As<float>()[place] : 0.0F);
  }
  return patch;
}

class Simulated : public ::testing::Test {
 protected:
  [[nodiscard]] static QuantizedModel Quantize(const Model& model, const Shape& sample) {
    Recipe recipe = testing::Unweighed("static-int8");
    recipe.target = Target::kX64;
    return testing::Quantize(model, recipe, testing::NormalSamples(sample, 16));
  }
};

TEST_F(Simulated, GemmWithFloatOutputIsTheIntegerProductTimesTheScales) {
  ModelBuilder builder;
  const std::string w = builder.Constant("w", TameWeights(6, 32));
  builder.Output(builder.Add("Gemm", "gemm",
                             {builder.Input("x", {-1, 32}), w, builder.Weight("b", {6})},
                             {Attribute::Int("transB", 1)}));
  const QuantizedModel quantized = Quantize(builder.Build(), {32});
  const Simulation simulation{
      ParamsOf(quantized.plan, "x"), Numbers(quantized.model, "w_quantized"),
      Numbers(quantized.model, "w_scale"), Numbers(quantized.model, "b_quantized")};
  const Tensor x = RandomTensor({8, 32}, 99, 1.5);
  const Tensor y = RunModel(quantized.model, {{"x", x}})[0];
  for (std::size_t row = 0; row < 8; ++row) {
    for (std::size_t n = 0; n < 6; ++n) {
      const double expected = simulation.Output(n, x.As<float>().subspan(row * 32, 32));
      EXPECT_NEAR(y.As<float>()[row * 6 + n], expected, 1e-5);
    }
  }
}

TEST_F(Simulated, MatMulIsTheIntegerProductTimesTheScalesPlusTheFloatBias) {
  ModelBuilder builder;
  const Tensor rows = TameWeights(6, 32);
  Tensor columns = Must(Tensor::Make(DataType::kFloat32, {32, 6}));
  for (std::size_t n = 0; n < 6; ++n) {
    for (std::size_t k = 0; k < 32; ++k)
      columns.As<float>()[k * 6 + n] = rows.As<float>()[n * 32 + k];
  }
  const std::string product =
      builder.Add("MatMul", "product",
                  {builder.Input("x", {-1, 32}), builder.Constant("w", std::move(columns))});
  builder.Output(builder.Add("Add", "add", {product, builder.Weight("b", {6})}));
  const QuantizedModel quantized = Quantize(builder.Build(), {32});
  Simulation simulation{ParamsOf(quantized.plan, "x"), std::vector<double>(192),
                        Numbers(quantized.model, "w_scale"), std::vector<double>(6)};
  const std::vector<double> codes = Numbers(quantized.model, "w_quantized");
  for (std::size_t n = 0; n < 6; ++n) {
    for (std::size_t k = 0; k < 32; ++k) simulation.codes[n * 32 + k] = codes[k * 6 + n];
  }
  const std::vector<double> bias = Numbers(quantized.model, "b");
  const Tensor x = RandomTensor({8, 32}, 99, 1.5);
  const Tensor y = RunModel(quantized.model, {{"x", x}})[0];
  for (std::size_t row = 0; row < 8; ++row) {
    for (std::size_t n = 0; n < 6; ++n) {
      const double expected = simulation.Output(n, x.As<float>().subspan(row * 32, 32)) + bias[n];
      EXPECT_NEAR(y.As<float>()[row * 6 + n], expected, 1e-5);
    }
  }
}

TEST_F(Simulated, ConvWithReluIsTheIntegerProductRequantizedWithinOneCode) {
  ModelBuilder builder;
  Tensor weight = TameWeights(6, 36);
  weight.shape = {6, 4, 3, 3};
  const std::string conv =
      builder.Add("Conv", "conv",
                  {builder.Input("x", {-1, 4, 8, 8}), builder.Constant("w", std::move(weight)),
                   builder.Weight("b", {6}, 0.3)},
                  {Attribute::Ints("pads", {1, 1, 1, 1})});
  const std::string relu = builder.Add("Relu", "relu", {conv});
  builder.Output(relu);
  const QuantizedModel quantized = Quantize(builder.Build(), {4, 8, 8});
  const Simulation simulation{
      ParamsOf(quantized.plan, "x"), Numbers(quantized.model, "w_quantized"),
      Numbers(quantized.model, "w_scale"), Numbers(quantized.model, "b_quantized")};
  const QuantParams output = ParamsOf(quantized.plan, relu);
  EXPECT_EQ(output.zero_point, 0);
  const Tensor x = RandomTensor({1, 4, 8, 8}, 99);
  const Tensor y = RunModel(quantized.model, {{"x", x}})[0];
  int off_by_one = 0;
  for (std::int64_t i = 0; i < 64; ++i) {
    const std::vector<float> patch = PatchAround(x, i / 8, i % 8);
    for (std::size_t n = 0; n < 6; ++n) {
      const double expected = Code(static_cast<float>(simulation.Output(n, patch)), output);
      const float got = y.As<float>()[n * 64 + static_cast<std::size_t>(i)];
      const double difference = std::abs(got / output.scale - expected);
      EXPECT_LT(difference, 1.01);
      off_by_one += difference > 0.5 ? 1 : 0;
    }
  }
  EXPECT_LE(off_by_one, 4);  // ties of a float multiplication
}

}  // namespace simulation_test
}  // namespace quantbench
