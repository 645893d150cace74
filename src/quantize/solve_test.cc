// Steps of a plan: what they choose is what is written, and the engine computes with it.
#include <cmath>

#include <gtest/gtest.h>

#include "quantbench/base/random.h"
#include "quantbench/quantize.h"

#include "engine_runner.h"
#include "model_builder.h"
#include "quantize/block_coded.h"
#include "quantize/overflow.h"
#include "quantize_model.h"

namespace quantbench {
namespace solve_test {

using testing::LayerOf;
using testing::ModelBuilder;
using testing::Must;
using testing::RunModel;
using testing::Sqnr;

constexpr std::int64_t kRows = 256;
constexpr std::int64_t kInputs = 96;  // three blocks
constexpr std::int64_t kOutputs = 64;

// Inputs with a few hidden causes and a mean.
Tensor CorrelatedInputs(std::int64_t rows, std::int64_t columns) {
  Random random(3);
  std::vector<float> mixing(static_cast<std::size_t>(6 * columns));
  for (float& value : mixing) value = static_cast<float>(random.Normal());
  std::vector<float> values;
  for (std::int64_t row = 0; row < rows; ++row) {
    std::vector<double> causes(6);
    for (double& cause : causes) cause = random.Normal();
    for (std::int64_t k = 0; k < columns; ++k) {
      double value = 0.3 * random.Normal() + 0.5;
      for (std::int64_t c = 0; c < 6; ++c) {
        value +=
            causes[static_cast<std::size_t>(c)] * mixing[static_cast<std::size_t>(c * columns + k)];
      }
      values.push_back(static_cast<float>(value));
    }
  }
  return Tensor::OfFloats({rows, columns}, values);
}

// Of rows of a product, as calibrate gathers them.
InputStatistics StatisticsOf(const Tensor& inputs) {
  InputStatistics seen;
  seen.rows = inputs.shape[0];
  seen.depth = inputs.shape[1];
  const auto depth = static_cast<std::size_t>(seen.depth);
  seen.mean.assign(depth, 0);
  seen.gram.assign(depth * depth, 0);
  const auto x = inputs.As<float>();
  for (std::size_t row = 0; row < x.size(); row += depth) {
    for (std::size_t i = 0; i < depth; ++i) {
      seen.mean[i] += x[row + i] / static_cast<double>(seen.rows);
      for (std::size_t j = 0; j < depth; ++j) {
        seen.gram[i * depth + j] += double{x[row + i]} * x[row + j];
      }
    }
  }
  return seen;
}

Model ProductModel() {
  ModelBuilder builder(21, 10);
  const std::string x = builder.Input("x", {-1, kInputs});
  const std::string w = builder.Weight("w", {kInputs, kOutputs}, 0.1);
  return builder.Output(builder.Add("MatMul", "product", {x, w})).Build();
}

Recipe RecipeWith(std::string_view base, const std::vector<std::string>& steps) {
  Recipe recipe = testing::Unweighed(base);
  recipe.recovery.steps = Must(ParseSteps(steps));
  return recipe;
}

// Prepared, planned, solved with what is seen of the inputs, applied.
struct Solved {
  Plan plan;
  Solutions solutions;
  Model model;
};
Solved SolveFor(const Model& model, const Recipe& recipe, const Tensor& inputs) {
  const Model prepared = Must(PrepareFor(model, recipe, nullptr));
  CalibrationTable table;
  if (recipe.needs_calibration()) {
    Sample sample;
    sample.inputs.push_back(inputs);
    SilentProgress silent;
    std::vector<Sample> rows;
    for (std::int64_t i = 0; i < inputs.shape[0]; ++i) {
      const auto begin = inputs.bytes.begin() + i * inputs.shape[1] * 4;
      Sample row;
      row.inputs.push_back({DataType::kFloat32,
                            {inputs.shape[1]},
                            std::vector<std::byte>(begin, begin + inputs.shape[1] * 4)});
      rows.push_back(std::move(row));
    }
    table = Must(Calibrate(prepared, testing::TestEngine(), testing::VectorDataset(std::move(rows)),
                           TensorsToObserve(prepared, recipe), {}, silent));
  }
  Solved solved;
  solved.plan = Must(PlanQuantization(prepared, recipe, &table));
  SilentProgress silent;
  solved.solutions = Must(SolveWeights(
      prepared, solved.plan, [&](std::int64_t) { return StatisticsOf(inputs); }, 1, silent));
  solved.model = Must(ApplyPlan(prepared, solved.plan, {1, &solved.solutions}));
  Must(CheckModel(solved.model));
  return solved;
}

TEST(Solve, GptqGainsTwoDecibelsInTheEngine) {
  const Model model = ProductModel();
  const Tensor inputs = CorrelatedInputs(kRows, kInputs);
  const Tensor expected = RunModel(model, {{"x", inputs}})[0];
  const auto sqnr_with = [&](const std::vector<std::string>& steps) {
    const Solved solved = SolveFor(model, RecipeWith("weight-int4", steps), inputs);
    return Sqnr(expected, RunModel(solved.model, {{"x", inputs}})[0]);
  };
  const double plain = sqnr_with({});
  EXPECT_GE(sqnr_with({"gptq"}), plain + 2);
  EXPECT_GE(sqnr_with({"gptq", "clip", "reconstruct"}), plain + 3);
  EXPECT_GT(sqnr_with({"adaround"}), plain);
}

// Every layout of blocks holds exactly what was solved: its product is that of the decoded weights.
TEST(Solve, WritesTheCodesAsTheyAreInEveryLayout) {
  const Model model = ProductModel();
  const Tensor inputs = CorrelatedInputs(kRows, kInputs);
  for (const QuantFormat format : {QuantFormat::kEngine, QuantFormat::kQdq}) {
    for (const bool symmetric : {true, false}) {
      for (const std::string_view base : {"weight-int4", "weight-int8"}) {
        Recipe recipe = RecipeWith(base, {"gptq", "bias"});
        recipe.SetFormat(format);
        recipe.SetSymmetric(symmetric);
        Solved solved = SolveFor(model, recipe, inputs);
        ASSERT_EQ(solved.solutions.weights.size(), 1U);
        const SolvedWeight& weight = *solved.solutions.weights.at("w");
        const BlockSpec spec = BlockSpecOf(LayerOf(solved.plan, "product"));
        const std::vector<float> decoded =
            DecodeRows(weight.coded, weight.columns, GridOfBlocks(spec));
        std::vector<float> turned(decoded.size());
        for (std::size_t n = 0; n < kOutputs; ++n) {
          for (std::size_t k = 0; k < kInputs; ++k) {
            turned[k * kOutputs + n] = decoded[n * kInputs + k];
          }
        }
        Model float_model = model;
        float_model.graph.initializers[0] =
            Initializer::Of("w", Tensor::OfFloats({kInputs, kOutputs}, turned));
        Tensor expected = RunModel(float_model, {{"x", inputs}})[0];
        if (format == QuantFormat::kEngine) {
          const std::vector<double>& shift = solved.solutions.bias_shifts.at("product");
          for (std::size_t i = 0; i < static_cast<std::size_t>(kRows * kOutputs); ++i) {
            expected.As<float>()[i] += static_cast<float>(shift[i % kOutputs]);
          }
        }
        for (Node& node : solved.model.graph.nodes) {  // no 8-bit activations in this comparison
          for (Attribute& attribute : node.attributes) {
            if (attribute.name == "accuracy_level") attribute.i = 0;
          }
        }
        SessionOptions plain;
        plain.optimization = GraphOptimization::kNone;
        EXPECT_GT(Sqnr(expected, RunModel(solved.model, {{"x", inputs}}, plain)[0]), 90)
            << base << " symmetric " << symmetric << " format " << Name(format);
      }
    }
  }
}

TEST(Solve, HqqAndClipNeedNoData) {
  const Model model = ProductModel();
  Recipe recipe = RecipeWith("weight-int4", {"hqq"});
  recipe.SetSymmetric(false);
  for (const bool clip : {false, true}) {
    if (clip) recipe.recovery.steps = {Step::kClip};
    const Model prepared = Must(PrepareFor(model, recipe, nullptr));
    const Plan plan = Must(PlanQuantization(prepared, recipe, nullptr));
    EXPECT_TRUE(InputsToObserve(prepared, plan).empty());
    const Model quantized = Must(ApplyPlan(prepared, plan));
    const Tensor inputs = testing::RandomTensor({kRows, kInputs}, 4);
    const Tensor expected = RunModel(model, {{"x", inputs}})[0];
    EXPECT_GT(Sqnr(expected, RunModel(quantized, {{"x", inputs}})[0]), 18) << clip;
  }
}

TEST(Solve, StepsThatNeedDataAreNotDoneWithoutIt) {
  const Recipe recipe = RecipeWith("weight-int4", {"gptq"});
  const Model prepared = Must(PrepareFor(ProductModel(), recipe, nullptr));
  const Plan plan = Must(PlanQuantization(prepared, recipe, nullptr));
  ASSERT_EQ(InputsToObserve(prepared, plan).size(), 1U);
  EXPECT_EQ(InputsToObserve(prepared, plan)[0].tensor, "x");
  Plan plain = plan;
  plain.recovery = {};
  EXPECT_EQ(Must(EncodeToBytes(Must(ApplyPlan(prepared, plan)))),
            Must(EncodeToBytes(Must(ApplyPlan(prepared, plain)))));
  // Inputs that do not serve leave the layer rounded to nearest, and say so.
  InputStatistics seen = StatisticsOf(CorrelatedInputs(8, kInputs));
  seen.gram[5] = std::nan("");
  SilentProgress silent;
  const Solutions solutions = Must(SolveWeights(
      prepared, plan, [&](std::int64_t) { return seen; }, 1, silent));
  ASSERT_EQ(solutions.notes.size(), 1U);
  EXPECT_NE(solutions.notes[0].find("product"), std::string::npos);
}

TEST(Solve, IntegerProductsStaySafeFromOverflow) {
  const Model model = ProductModel();
  const Tensor inputs = CorrelatedInputs(kRows, kInputs);
  for (const std::string& step : {std::string("gptq"), std::string("reconstruct")}) {
    Recipe recipe = RecipeWith("static-int8", {"clip", step, "bias"});
    recipe.target = Target::kX64;
    const Solved solved = SolveFor(model, recipe, inputs);
    const SolvedWeight& weight = *solved.solutions.weights.at("w");
    std::vector<std::int8_t> codes;
    for (const std::uint8_t code : weight.coded.codes) {
      codes.push_back(static_cast<std::int8_t>(code - 128));
    }
    const Tensor rows = Tensor::Of(DataType::kInt8, {weight.rows, weight.columns}, codes);
    EXPECT_EQ(Must(CountUnsafeOutputs(rows, {PairOrder::kRows, 1}, 255)), 0) << step;
    const Tensor expected = RunModel(model, {{"x", inputs}})[0];
    EXPECT_GT(Sqnr(expected, RunModel(solved.model, {{"x", inputs}})[0]), 35) << step;
  }
}

// A treatment of the whole model.
Recipe OnlyW4a8() {
  Recipe recipe = testing::Unweighed("static-int8");
  recipe.choices = Must(ParseTreatments("w4a8,static-int8"));
  return recipe;
}

TEST(W4a8, RunsOnIntegersAndStoresHalfTheBytes) {
  ModelBuilder builder(13);
  const std::string x = builder.Input("x", {-1, 16, 12, 12});
  std::string value = builder.Add("Conv", "first", {x, builder.Weight("w1", {32, 16, 3, 3}, 0.1)},
                                  {Attribute::Ints("pads", {1, 1, 1, 1})});
  value = builder.Add("Relu", "relu", {value});
  value = builder.Add("Conv", "second", {value, builder.Weight("w2", {16, 32, 3, 3}, 0.1)});
  const Model model = builder.Output(value).Build();
  const testing::VectorDataset data = testing::NormalSamples({16, 12, 12}, 4);
  const testing::QuantizedModel narrow = testing::Quantize(model, OnlyW4a8(), data);
  EXPECT_EQ(LayerOf(narrow.plan, "first").weight_type, DataType::kInt4);
  const Tensor input = testing::RandomTensor({2, 16, 12, 12}, 5);
  const double sqnr =
      Sqnr(RunModel(model, {{"x", input}})[0], RunModel(narrow.model, {{"x", input}})[0]);
  EXPECT_GT(sqnr, 14);
  EXPECT_LT(sqnr, 30);  // 4 bits, really
  const std::map<std::string, int> run = testing::OperatorsRun(narrow.model);
  EXPECT_EQ(run.count("Conv"), 0U);
  EXPECT_EQ(run.at("QLinearConv"), 2);
  EXPECT_EQ(run.count("Gather"), 0U);  // unpacked while loading
  const testing::QuantizedModel wide =
      testing::Quantize(model, testing::Unweighed("static-int8"), data);
  EXPECT_LT(Must(EncodeToBytes(narrow.model)).size(),
            Must(EncodeToBytes(wide.model)).size() * 3 / 4);
}

TEST(Steps, AreSortedAndChecked) {
  EXPECT_EQ(Must(ParseSteps(std::vector<std::string>{"bias", "gptq", "clip", "gptq"})),
            (std::vector<Step>{Step::kClip, Step::kGptq, Step::kBias}));
  EXPECT_TRUE(Must(ParseSteps(std::vector<std::string>{"none"})).empty());
  const auto both = ParseSteps(std::vector<std::string>{"gptq", "adaround"});
  ASSERT_FALSE(both.ok());
  EXPECT_NE(both.error().message().find("gptq and adaround"), std::string::npos);
  const auto unknown = ParseSteps(std::vector<std::string>{"gptqq"});
  ASSERT_FALSE(unknown.ok());
  EXPECT_NE(unknown.error().message().find("did you mean \"gptq\""), std::string::npos);
  Recipe recipe = RecipeWith("weight-int4", {"clip", "gptq"});
  recipe.recovery.damping = 0.05;
  recipe.recovery.act_order = true;
  EXPECT_EQ(Must(Recipe::FromJson(recipe.ToJson())).recovery, recipe.recovery);
}

}  // namespace solve_test
}  // namespace quantbench
