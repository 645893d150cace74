// Defects of other quantizers that users met: one test each, with what they do wrong, so that this
// one does not come to do it too. (Of GPTQ and of entropy there is nothing here yet to be tested.)
#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/quantize.h"

#include "model_builder.h"
#include "quantize_model.h"
#include "sanitized.h"

namespace quantbench {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using testing::LayerOf;
using testing::ModelBuilder;
using testing::Must;
using testing::NormalSamples;
using testing::OperatorsRun;
using testing::QuantizedModel;
using testing::RandomTensor;
using testing::RunModel;
using testing::Sqnr;
using testing::TestEngine;

Recipe RecipeOf(std::string_view name) {
  Recipe recipe = testing::Unweighed(name);
  recipe.target = Target::kX64;
  return recipe;
}

CalibrationTable TableOf(const Model& model, const Dataset& data, const CalibrateOptions& options) {
  SilentProgress silent;
  return Must(Calibrate(model, TestEngine(), data, {"relu_out", "x"}, options, silent));
}

// x -> Relu.
Model Relu(const Shape& input) {
  ModelBuilder builder;
  builder.Output(builder.Add("Relu", "relu", {builder.Input("x", input)}));
  return builder.Build();
}

std::vector<std::string> OperatorsOf(const Model& model) {
  std::vector<std::string> operators;
  for (const Node& node : model.graph.nodes) operators.push_back(node.op_type);
  return operators;
}

const Node& NodeNamed(const Model& model, std::string_view name) {
  const auto& nodes = model.graph.nodes;
  const auto found =
      std::find_if(nodes.begin(), nodes.end(), [&](const Node& node) { return node.name == name; });
  QB_CHECK(found != nodes.end(), "the node exists");
  return *found;
}

// D2. A calibrator with a bound on its buffer drops what the full buffer held; the range is that of
// the last few samples.
TEST(PeersDefects, NoSampleIsLostWhenMemoryIsShort) {
  std::vector<Sample> samples(7);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    // The extremes are in the first sample.
    const float size = i == 0 ? 100.0F : 1.0F;
    samples[i].inputs.push_back(Tensor::OfFloats({3}, {-size, 0, size}));
  }
  const testing::VectorDataset data(std::move(samples));
  for (const std::uint64_t bytes : {1U, 24U, 36U, 1U << 20U}) {
    CalibrateOptions options;
    options.memory_bytes = bytes;
    const CalibrationTable table = TableOf(Relu({-1, 3}), data, options);
    EXPECT_EQ(table.samples, 7);
    EXPECT_EQ(table.ranges.at("x").min, -100);
    EXPECT_EQ(table.ranges.at("relu_out").max, 100);
    EXPECT_EQ(table.ranges.at("x").count, 21);
  }
}

// Samples of 4 MiB, made when they are asked for.
class LargeSamples final : public Dataset {
 public:
  explicit LargeSamples(std::int64_t size) : size_(size) {}
  [[nodiscard]] std::int64_t size() const override { return size_; }
  [[nodiscard]] bool has_labels() const override { return false; }
  [[nodiscard]] Result<Sample> Get(std::int64_t index) const override {
    Sample sample;
    const std::vector<float> values(kNumbers, static_cast<float>(index + 1));
    sample.inputs.push_back(Tensor::OfFloats({kNumbers}, values));
    return sample;
  }
  static constexpr std::int64_t kNumbers = 1 << 20;

 private:
  std::int64_t size_;
};

// The most memory that this process ever had, in bytes.
std::uint64_t PeakBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("VmHWM:")) continue;
    std::uint64_t kilobytes = 0;
    std::istringstream(line.substr(6)) >> kilobytes;
    return kilobytes * 1024;
  }
  return 0;
}

// D3. Histogram calibrators keep every activation of every sample: 32 samples of BERT, 123 GB.
TEST(PeersDefects, CalibrationDoesNotHoldActivations) {
  if (testing::kSanitized) GTEST_SKIP() << "sanitizers keep freed memory";
  const Model model = Relu({-1, LargeSamples::kNumbers});
  EXPECT_EQ(TableOf(model, LargeSamples(4), {}).ranges.at("relu_out").max, 4);
  const std::uint64_t of_four = PeakBytes();
  ASSERT_GT(of_four, 0U);
  EXPECT_EQ(TableOf(model, LargeSamples(64), {}).ranges.at("relu_out").max, 64);
  EXPECT_LT(PeakBytes() - of_four, 64U << 20U);  // held, they would be 480 MiB more
}

// D4. Calibrators stack the raw arrays of all samples, and fail where their shapes differ.
TEST(PeersDefects, SamplesOfAnyShapeCalibrate) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, -1, 16});
  builder.Output(builder.Add("Relu", "relu", {x}));
  std::vector<Sample> samples;
  for (const std::int64_t length : {5, 17, 1, 0, 9}) {
    Sample sample;
    const auto count = static_cast<std::size_t>(length * 16);
    sample.inputs.push_back(
        Tensor::OfFloats({length, 16}, std::vector<float>(count, static_cast<float>(length))));
    samples.push_back(std::move(sample));
  }
  const testing::VectorDataset data(std::move(samples));
  const CalibrationTable table = TableOf(builder.Build(), data, {});
  EXPECT_EQ(table.samples, 5);
  EXPECT_EQ(table.ranges.at("relu_out").count, 32 * 16);
  EXPECT_EQ(table.ranges.at("relu_out").max, 17);
}

// x -> MatMul with w.
Model Product(const Tensor& w) {
  ModelBuilder builder(21, 10);
  const std::string x = builder.Input("x", {-1, w.shape[0]});
  builder.Output(builder.Add("MatMul", "product", {x, builder.Constant("w", w)}));
  return builder.Build();
}

// The weight as the engine decodes it: the product of the identity with it.
Tensor Decoded(const Model& model, std::int64_t depth) {
  Tensor identity = Must(Tensor::Make(DataType::kFloat32, {depth, depth}));
  for (std::int64_t i = 0; i < depth; ++i) {
    identity.As<float>()[static_cast<std::size_t>(i * depth + i)] = 1;
  }
  return RunModel(model, {{"x", identity}})[0];
}

// D8. Symmetric int4 with codes -8 to 7 and scale 2 max / 15 clips the largest weight of a block,
// when it is positive, by 7 %.
TEST(PeersDefects, TheLargestWeightOfABlockSurvivesInt4) {
  constexpr std::int64_t kDepth = 64;
  constexpr std::int64_t kOutputs = 16;
  constexpr std::int64_t kBlock = 32;
  Tensor w = RandomTensor({kDepth, kOutputs}, 9, 0.2);
  const auto at = [](std::int64_t k, std::int64_t n) {
    return static_cast<std::size_t>(k * kOutputs + n);
  };
  for (std::int64_t n = 0; n < kOutputs; ++n) {  // one of either sign in every block
    w.As<float>()[at(n % kBlock, n)] = n % 2 == 0 ? 1.5F : -1.5F;
    w.As<float>()[at(kBlock + n % kBlock, n)] = n % 2 == 0 ? -1.25F : 1.25F;
  }
  for (const QuantFormat format : {QuantFormat::kEngine, QuantFormat::kQdq}) {
    Recipe recipe = RecipeOf("weight-int4");
    recipe.SetSymmetric(true);
    recipe.SetBlock(kBlock);
    recipe.SetFormat(format);
    recipe.recovery.steps = {};  // clips only where that leaves less error in all
    const QuantizedModel quantized = testing::Quantize(Product(w), recipe, NormalSamples({64}, 1));
    const Tensor decoded = Decoded(quantized.model, kDepth);
    for (std::int64_t n = 0; n < kOutputs; ++n) {
      for (const std::int64_t k : {n % kBlock, kBlock + n % kBlock}) {
        const float largest = w.As<float>()[at(k, n)];
        // Exact, or half of a step of a seventh.
        const double allowed = format == QuantFormat::kEngine ? 1e-5 : std::abs(largest) / 14;
        EXPECT_NEAR(decoded.As<float>()[at(k, n)], largest, allowed * 1.001);
      }
    }
  }
}

// D10. By default quantizers are put around everything that some provider could fuse, kernels on
// integers or not: time and noise for nothing.
TEST(PeersDefects, NoQuantizerAroundWhatHasNoIntegerKernel) {
  using Make = std::function<std::string(ModelBuilder*, const std::string&)>;
  const auto normalized = [](const std::string& op_type) -> Make {
    return [=](ModelBuilder* b, const std::string& x) {
      const std::int64_t size = op_type == "LayerNormalization" ? 8 : 4;
      return b->Add(op_type, "middle", {x, b->Weight("scale", {size}), b->Weight("bias", {size})});
    };
  };
  const std::map<std::string, Make> operators = {
      {"LayerNormalization", normalized("LayerNormalization")},
      {"InstanceNormalization", normalized("InstanceNormalization")},
      {"Pad",
       [](auto* b, const auto& x) {
         const std::string pads = b->Ints("pads", {0, 0, 1, 1, 0, 0, 0, 0});
         const std::string value = b->Constant("value", Tensor::OfFloats({}, {0.25F}));
         return b->Add("Pad", "middle", {x, pads, value});
       }},
      {"TopK",
       [](auto* b, const auto& x) {
         b->AddNode("TopK", "middle", {x, b->Ints("k", {4})}, {"middle_out", "places"});
         return std::string("middle_out");
       }},
      {"CumSum",
       [](auto* b, const auto& x) {
         const auto axis = b->Constant("axis", Tensor::Of<std::int64_t>(DataType::kInt64, {}, {2}));
         return b->Add("CumSum", "middle", {x, axis});
       }},
      {"ConvTranspose",
       [](auto* b, const auto& x) {
         return b->Add("ConvTranspose", "middle", {x, b->Weight("t", {4, 4, 2, 2})});
       }},
      {"Resize",
       [](auto* b, const auto& x) {
         const auto scales = b->Constant("scales", Tensor::OfFloats({4}, {1, 1, 2, 2}));
         return b->Add("Resize", "middle", {x, "", scales}, {Attribute::String("mode", "linear")});
       }},
  };
  const auto conv = [](ModelBuilder* b, const std::string& name, const std::string& x) {
    return b->Add("Conv", name, {x, b->Weight(name + ".w", {4, 4, 3, 3}, 0.3)},
                  {Attribute::Ints("pads", {1, 1, 1, 1})});
  };
  for (const auto& [op_type, make] : operators) {
    // Float on both sides of it, and integers elsewhere.
    ModelBuilder builder;
    const std::string x = builder.Input("x", {-1, 4, 8, 8});
    const std::string middle = make(&builder, builder.Add("Tanh", "before", {x}));
    builder.Output(builder.Add("Tanh", "after", {middle})).Output(conv(&builder, "conv", x));
    const QuantizedModel alone =
        testing::Quantize(builder.Build(), RecipeOf("static-int8"), NormalSamples({4, 8, 8}, 4));
    EXPECT_EQ(LayerOf(alone.plan, "conv").scheme, Scheme::kStaticInt8);
    EXPECT_EQ(NodeNamed(alone.model, "middle").inputs[0], "before_out") << op_type;
    EXPECT_EQ(NodeNamed(alone.model, "after").inputs[0], "middle_out") << op_type;
    // Between convolutions: what these read and write, and no more.
    ModelBuilder between;
    const std::string first = conv(&between, "first", between.Input("x", {-1, 4, 8, 8}));
    between.Output(conv(&between, "last", make(&between, first)));
    const QuantizedModel inside =
        testing::Quantize(between.Build(), RecipeOf("static-int8"), NormalSamples({4, 8, 8}, 4));
    const std::vector<std::string> emitted = OperatorsOf(inside.model);
    EXPECT_EQ(std::count(emitted.begin(), emitted.end(), "QuantizeLinear"), 4) << op_type;
    EXPECT_EQ(OperatorsRun(inside.model)["QLinearConv"], 2) << op_type;
  }
}

// D11. Dynamic quantization of a network with convolutions succeeds, and the model does not load:
// int8 weights for ConvInteger, scales per channel of weights with three axes.
TEST(PeersDefects, DynamicModelsLoad) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 4, 8, 8});
  const std::string conv =
      builder.Add("Conv", "conv", {x, builder.Weight("w", {16, 4, 3, 3}, 0.2)});
  const std::string relu = builder.Add("Relu", "relu", {conv});
  const std::string line = builder.Add("Reshape", "line", {relu, builder.Ints("s", {0, 16, 36})});
  const std::string narrow =
      builder.Add("Conv", "narrow", {line, builder.Weight("v", {16, 16, 3}, 0.2)});
  const std::string batched =
      builder.Add("MatMul", "batched", {narrow, builder.Weight("m", {16, 34, 8}, 0.2)});
  const std::string flat = builder.Add("Flatten", "flat", {batched});
  builder.Output(builder.Add("MatMul", "product", {flat, builder.Weight("p", {128, 8}, 0.1)}));
  const Model model = builder.Build();
  const std::vector<NamedTensor> input = {{"x", RandomTensor({16, 4, 8, 8}, 12)}};
  const auto check = [&](const Recipe& recipe) {
    const QuantizedModel quantized = testing::Quantize(model, recipe, NormalSamples({4, 8, 8}, 1));
    EXPECT_GT(Sqnr(RunModel(model, input)[0], RunModel(quantized.model, input)[0]), 20);
    EXPECT_EQ(LayerOf(quantized.plan, "product").scheme, Scheme::kDynamicInt8);
    return quantized;
  };
  for (const bool per_channel : {true, false}) {
    Recipe recipe = RecipeOf("dynamic-int8");
    recipe.SetPerChannel(per_channel);
    EXPECT_NE(LayerOf(check(recipe).plan, "conv").scheme, Scheme::kDynamicInt8);
    // Asked for by name, it is ConvInteger with unsigned weights.
    recipe.rules = {Must(ParseRule("Conv=dynamic-int8"))};
    const QuantizedModel asked = check(recipe);
    EXPECT_EQ(LayerOf(asked.plan, "conv").scheme, Scheme::kDynamicInt8);
    EXPECT_EQ(LayerOf(asked.plan, "conv").weight_type, DataType::kUint8);
    EXPECT_THAT(OperatorsOf(asked.model), Contains("ConvInteger"));
  }
}

// D12. MatMulNBits without accuracy_level multiplies floats, 2.3 times slower; as
// DequantizeLinear the engine silently makes it the fast form.
TEST(PeersDefects, BlockWeightsSayHowTheyCompute) {
  const Model model = Product(RandomTensor({64, 32}, 9));
  for (const char* name : {"weight-int4", "weight-int8"}) {
    Recipe recipe = RecipeOf(name);
    const QuantizedModel fast = testing::Quantize(model, recipe, NormalSamples({64}, 1));
    EXPECT_EQ(NodeNamed(fast.model, "product").op_type, "MatMulNBits");
    EXPECT_EQ(NodeNamed(fast.model, "product").IntAttribute("accuracy_level", 0), 4);
    EXPECT_EQ(LayerOf(fast.plan, "product").form, "MatMulNBits");
    recipe.SetFormat(QuantFormat::kQdq);
    const QuantizedModel plain = testing::Quantize(model, recipe, NormalSamples({64}, 1));
    EXPECT_THAT(OperatorsOf(plain.model), IsSupersetOf({"DequantizeLinear", "MatMul"}));
    EXPECT_EQ(LayerOf(plain.plan, "product").form, "DequantizeLinear in blocks");
  }
}

// D12b. Weights that are only stored small are sold as quantized: the engine still multiplies
// floats.
TEST(PeersDefects, StoredWeightsAreNamedSo) {
  const Model model = Product(RandomTensor({64, 32}, 9));
  for (const char* name : {"stored-int8", "float16", "bfloat16"}) {
    Recipe recipe = RecipeOf("weight-int8");
    recipe.choices = {Must(FindTreatment(name))};
    const QuantizedModel quantized = testing::Quantize(model, recipe, NormalSamples({64}, 1));
    EXPECT_EQ(LayerOf(quantized.plan, "product").scheme, Scheme::kStored);
    EXPECT_THAT(LayerOf(quantized.plan, "product").form, HasSubstr("storage"));
    auto run = OperatorsRun(quantized.model);
    EXPECT_EQ(run["MatMul"], 1) << name;
    EXPECT_EQ(run["Cast"] + run["Mul"] + run["DequantizeLinear"], 0) << name;  // decoded at load
  }
}

// D13. MatMulNBits gave zeros for blocks of 512: every size that is offered multiplies, others are
// refused.
TEST(PeersDefects, EveryBlockSizeMultiplies) {
  const Tensor w = RandomTensor({512, 32}, 9);
  const Model model = Product(w);
  const std::vector<NamedTensor> input = {{"x", RandomTensor({3, 512}, 12)}};
  const Tensor expected = RunModel(model, input)[0];
  for (const char* name : {"weight-int4", "weight-int8"}) {
    Recipe recipe = RecipeOf(name);
    for (const std::int64_t block : {16, 32, 64, 128, 256}) {
      recipe.SetBlock(block);
      const QuantizedModel quantized = testing::Quantize(model, recipe, NormalSamples({512}, 1));
      EXPECT_EQ(NodeNamed(quantized.model, "product").IntAttribute("block_size", 0), block);
      const double decibels = Sqnr(expected, RunModel(quantized.model, input)[0]);
      EXPECT_GT(decibels, recipe.choices[0].bits() == 4 ? 15 : 35) << name << " block " << block;
    }
    recipe.SetBlock(512);
    const Model prepared = Must(PrepareFor(model, recipe, nullptr));
    const Plan plan = Must(PlanQuantization(prepared, recipe, nullptr));
    EXPECT_EQ(ApplyPlan(prepared, plan).error().code(), ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace quantbench
