// Block-wise weights through the real engine: what it computes from them is what they mean.
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine_runner.h"
#include "model_builder.h"
#include "quantize/block_decode.h"

namespace quantbench {
namespace block_conformance_test {

using testing::DecodeInPlace;
using testing::DecodeOutputs;
using testing::ModelBuilder;
using testing::RandomTensor;
using testing::RunModel;

// Contrib operators need their domain among the model's.
Model WithContrib(const ModelBuilder& builder) {
  Model model = builder.Build();
  model.opsets.push_back({"com.microsoft", 1});
  for (Node& node : model.graph.nodes) {
    if (node.op_type == "MatMulNBits" || node.op_type == "GatherBlockQuantized") {
      node.domain = "com.microsoft";
    }
  }
  return model;
}

// x [M, K] times the transposed weight [N, K], in doubles; and how large such sums are expected to
// be, so that an error can be judged where terms cancel.
struct Expected {
  std::vector<double> sums;
  double size = 0;  // root mean square over the sums of sqrt(sum of squared terms)
};
Expected Product(const Tensor& x, const std::vector<double>& weight, std::int64_t n) {
  const std::int64_t k = x.shape[1];
  Expected expected;
  for (std::int64_t row = 0; row < x.shape[0]; ++row) {
    for (std::int64_t column = 0; column < n; ++column) {
      double sum = 0;
      for (std::int64_t i = 0; i < k; ++i) {
        const double term = double{x.As<float>()[static_cast<std::size_t>(row * k + i)]} *
                            weight[static_cast<std::size_t>(column * k + i)];
        sum += term;
        expected.size += term * term;
      }
      expected.sums.push_back(sum);
    }
  }
  expected.size = std::sqrt(expected.size / static_cast<double>(expected.sums.size()));
  return expected;
}

// Root mean square of the difference over the expected size.
double RelativeError(const Expected& expected, const Tensor& actual) {
  EXPECT_EQ(static_cast<std::int64_t>(expected.sums.size()), actual.elements());
  double noise = 0;
  for (std::size_t i = 0; i < expected.sums.size(); ++i) {
    const double difference = actual.As<float>()[i] - expected.sums[i];
    noise += difference * difference;
  }
  return std::sqrt(noise / static_cast<double>(expected.sums.size())) / expected.size;
}

// Initializers "b", "scales" and, where there are, "zero_points"; their names as inputs.
std::vector<std::string> Parameters(const BlockWeights& weights, ModelBuilder* builder) {
  std::vector<std::string> names = {builder->Constant("b", weights.codes),
                                    builder->Constant("scales", weights.scales)};
  if (weights.zero_points.has_value()) {
    names.push_back(builder->Constant("zero_points", *weights.zero_points));
  }
  return names;
}

Model NBitsModel(const BlockWeights& weights, const BlockSpec& spec, std::int64_t inputs,
                 std::int64_t accuracy_level) {
  ModelBuilder builder;
  std::vector<std::string> names = {builder.Input("x", {-1, inputs})};
  for (std::string& name : Parameters(weights, &builder)) names.push_back(std::move(name));
  builder.Output(
      builder.Add("MatMulNBits", "product", names,
                  {Attribute::Int("K", inputs), Attribute::Int("N", weights.scales.shape[0]),
                   Attribute::Int("bits", spec.bits), Attribute::Int("block_size", spec.block),
                   Attribute::Int("accuracy_level", accuracy_level)}));
  return WithContrib(builder);
}

class BlockConformance : public ::testing::TestWithParam<std::tuple<int, std::int64_t, bool>> {
 protected:
  [[nodiscard]] static BlockSpec Spec() {
    return {std::get<0>(GetParam()), std::get<1>(GetParam()), std::get<2>(GetParam())};
  }
  // One of them with a bias, so that asymmetric blocks differ from symmetric ones.
  [[nodiscard]] static Initializer Weight(std::int64_t rows, std::int64_t columns) {
    Tensor tensor = RandomTensor({rows, columns}, 3, 0.05);
    for (float& value : tensor.As<float>().first(tensor.As<float>().size() / 2)) value += 0.05F;
    return Initializer::Of("w", std::move(tensor));
  }
};

// Level 1 multiplies floats; level 4 rounds the activation to 8 bits a block first.
TEST_P(BlockConformance, MatMulNBitsMultipliesByTheDecodedWeight) {
  const BlockSpec spec = Spec();
  for (const std::int64_t inputs : {spec.block, 3 * spec.block, 2 * spec.block + 24}) {
    for (const std::int64_t outputs : {1, 20, 33}) {
      const Initializer weight = Weight(outputs, inputs);
      const BlockWeights weights = QuantizeForMatMulNBits(weight, Channels::kRows, spec, 1).value();
      const std::vector<double> decoded = DecodeOutputs(weights, spec, inputs);
      for (const std::int64_t rows : {1, 2, 17}) {
        const Tensor x = RandomTensor({rows, inputs}, 5);
        const Expected expected = Product(x, decoded, outputs);
        const auto error = [&](std::int64_t level) {
          const Model model = NBitsModel(weights, spec, inputs, level);
          return RelativeError(expected, RunModel(model, {{"x", x}})[0]);
        };
        EXPECT_LT(error(1), 1e-5) << rows << " x " << inputs << " x " << outputs;
        EXPECT_LT(error(4), 0.015) << rows << " x " << inputs << " x " << outputs;
      }
    }
  }
}

// Activations and weights at their extremes: no kernel of the engine may saturate on the way.
TEST_P(BlockConformance, MatMulNBitsDoesNotSaturate) {
  const BlockSpec spec = Spec();
  const std::int64_t inputs = 4 * spec.block;
  for (const float sign : {1.0F, -1.0F}) {
    std::vector<float> values(static_cast<std::size_t>(16 * inputs), sign);
    values[0] = -sign * 0.1F;
    const Initializer weight = Initializer::Of("w", Tensor::OfFloats({16, inputs}, values));
    const BlockWeights weights = QuantizeForMatMulNBits(weight, Channels::kRows, spec, 1).value();
    for (const std::int64_t rows : {1, 8}) {
      const Tensor x = Tensor::OfFloats(
          {rows, inputs}, std::vector<float>(static_cast<std::size_t>(rows * inputs), 3.0F));
      const Expected expected = Product(x, DecodeOutputs(weights, spec, inputs), 16);
      for (const std::int64_t level : {1, 4}) {
        const Model model = NBitsModel(weights, spec, inputs, level);
        EXPECT_LT(RelativeError(expected, RunModel(model, {{"x", x}})[0]), 0.01)
            << sign << " level " << level;
      }
    }
  }
}

TEST_P(BlockConformance, GatherBlockQuantizedReadsTheDecodedRows) {
  const BlockSpec spec = Spec();
  for (const std::int64_t inputs : {2 * spec.block, spec.block + 10}) {
    const Initializer table = Weight(50, inputs);
    const BlockWeights weights = QuantizeForGather(table, spec, 1).value();
    ModelBuilder builder;
    builder.Input("ids", {-1, 3}, DataType::kInt64);
    std::vector<std::string> names = Parameters(weights, &builder);
    names.insert(names.begin() + 1, "ids");
    builder.Output(
        builder.Add("GatherBlockQuantized", "rows", names,
                    {Attribute::Int("gather_axis", 0), Attribute::Int("quantize_axis", 1),
                     Attribute::Int("block_size", spec.block), Attribute::Int("bits", spec.bits)}));
    const std::vector<std::int64_t> ids = {0, 49, 7, 7, 25, 1};
    const Tensor output =
        RunModel(WithContrib(builder), {{"ids", Tensor::Of(DataType::kInt64, {2, 3}, ids)}})[0];
    ASSERT_EQ(output.shape, (Shape{2, 3, inputs}));
    const std::vector<double> decoded = DecodeOutputs(weights, spec, inputs);
    for (std::size_t i = 0; i < output.As<float>().size(); ++i) {
      const auto row = static_cast<std::size_t>(ids[i / static_cast<std::size_t>(inputs)]);
      const std::size_t column = i % static_cast<std::size_t>(inputs);
      ASSERT_NEAR(output.As<float>()[i], decoded[row * static_cast<std::size_t>(inputs) + column],
                  1e-7);
    }
  }
}

// A table and a product of the same weight: one initializer, seen by the table through a Reshape.
TEST_P(BlockConformance, TiedWeightsShareOneInitializer) {
  const BlockSpec spec = Spec();
  const std::int64_t inputs = 2 * spec.block;
  const Initializer table = Weight(50, inputs);
  const BlockWeights weights = QuantizeForMatMulNBits(table, Channels::kRows, spec, 1).value();
  ModelBuilder builder;
  builder.Input("ids", {-1}, DataType::kInt64);
  const std::vector<std::string> names = Parameters(weights, &builder);
  const std::string flat =
      builder.Add("Reshape", "flat", {names[0], builder.Ints("shape", {0, -1})});
  std::vector<std::string> gathered = names;
  gathered[0] = flat;
  gathered.insert(gathered.begin() + 1, "ids");
  const std::string rows =
      builder.Add("GatherBlockQuantized", "rows", gathered,
                  {Attribute::Int("gather_axis", 0), Attribute::Int("quantize_axis", 1),
                   Attribute::Int("block_size", spec.block), Attribute::Int("bits", spec.bits)});
  std::vector<std::string> multiplied = names;
  multiplied.insert(multiplied.begin(), rows);
  builder.Output(builder.Add(
      "MatMulNBits", "product", multiplied,
      {Attribute::Int("K", inputs), Attribute::Int("N", 50), Attribute::Int("bits", spec.bits),
       Attribute::Int("block_size", spec.block), Attribute::Int("accuracy_level", 1)}));
  const Model model = WithContrib(builder);
  const std::vector<std::int64_t> ids = {3, 11, 49};
  const std::vector<double> decoded = DecodeOutputs(weights, spec, inputs);
  std::vector<float> selected;
  for (const std::int64_t id : ids) {
    for (std::int64_t k = 0; k < inputs; ++k) {
      selected.push_back(static_cast<float>(decoded[static_cast<std::size_t>(id * inputs + k)]));
    }
  }
  const Expected expected = Product(Tensor::OfFloats({3, inputs}, selected), decoded, 50);
  for (const GraphOptimization level : {GraphOptimization::kNone, GraphOptimization::kAll}) {
    SessionOptions options;
    options.optimization = level;
    const Tensor output =
        RunModel(model, {{"ids", Tensor::Of(DataType::kInt64, {3}, ids)}}, options)[0];
    EXPECT_LT(RelativeError(expected, output), 1e-5);
  }
}

// DequantizeLinear before a MatMul: as written, and as the engine rewrites it to MatMulNBits.
TEST_P(BlockConformance, DequantizeLinearIsTheDecodedWeight) {
  const BlockSpec spec = Spec();
  for (const std::int64_t inputs : {2 * spec.block, spec.block + 9}) {
    for (const std::int64_t outputs : {20, 33}) {
      const Initializer weight = Weight(inputs, outputs);
      const BlockWeights weights =
          QuantizeForBlockDequantize(weight, Channels::kColumns, spec, 1).value();
      ModelBuilder builder(21, 10);
      const std::string dequantized =
          builder.Add("DequantizeLinear", "weight", Parameters(weights, &builder),
                      {Attribute::Int("axis", 0), Attribute::Int("block_size", spec.block)});
      const std::string x = builder.Input("x", {-1, inputs});
      builder.Output(builder.Add("MatMul", "product", {x, dequantized}));
      EXPECT_EQ(testing::OperatorsRun(builder.Build())["MatMulNBits"], 1);
      const std::vector<double> decoded = DecodeInPlace(weights, spec, 0);
      std::vector<double> turned(decoded.size());
      for (std::size_t i = 0; i < decoded.size(); ++i) {
        const auto n = static_cast<std::size_t>(outputs);
        turned[i % n * static_cast<std::size_t>(inputs) + i / n] = decoded[i];
      }
      for (const std::int64_t rows : {1, 17}) {
        const Tensor input = RandomTensor({rows, inputs}, 5);
        const Expected expected = Product(input, turned, outputs);
        const auto error = [&](GraphOptimization level, const char* accuracy_level) {
          SessionOptions options;
          options.optimization = level;
          options.config["session.qdq_matmulnbits_accuracy_level"] = accuracy_level;
          return RelativeError(expected, RunModel(builder.Build(), {{"x", input}}, options)[0]);
        };
        EXPECT_LT(error(GraphOptimization::kNone, "1"), 1e-5) << inputs << " x " << outputs;
        EXPECT_LT(error(GraphOptimization::kAll, "1"), 1e-5) << inputs << " x " << outputs;
        EXPECT_LT(error(GraphOptimization::kAll, "4"), 0.015) << inputs << " x " << outputs;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Specs, BlockConformance,
                         ::testing::Combine(::testing::Values(4, 8),
                                            ::testing::Values(16, 32, 64, 128, 256),
                                            ::testing::Bool()),
                         [](const auto& test) {
                           return "Bits" + std::to_string(std::get<0>(test.param)) + "Block" +
                                  std::to_string(std::get<1>(test.param)) +
                                  (std::get<2>(test.param) ? "Symmetric" : "Asymmetric");
                         });

}  // namespace block_conformance_test
}  // namespace quantbench
