// Rewriting steps: the same function, on weights and inputs that are easier to quantize.
#include <cmath>

#include <gtest/gtest.h>

#include "quantbench/quantize.h"

#include "engine_runner.h"
#include "model_builder.h"
#include "quantize_model.h"

namespace quantbench {
namespace ease_test {

using testing::ModelBuilder;
using testing::Must;
using testing::RandomTensor;
using testing::RunModel;
using testing::Sqnr;

constexpr double kExact = 100;  // decibels: float arithmetic in another order

// Normal numbers whose channels along `axis` of two are up to base^2 times apart.
Tensor UnevenMatrix(const Shape& shape, std::size_t axis, double base, std::uint64_t seed) {
  Tensor tensor = RandomTensor(shape, seed, 0.1);
  const auto columns = static_cast<std::size_t>(shape[1]);
  for (std::size_t i = 0; i < tensor.As<float>().size(); ++i) {
    const std::size_t channel = axis == 0 ? i / columns : i % columns;
    tensor.As<float>()[i] *= static_cast<float>(std::pow(base, static_cast<double>(channel % 3)));
  }
  return tensor;
}

Recipe RecipeWithStep(std::string_view base, Step step) {
  Recipe recipe = testing::Unweighed(base);
  recipe.recovery.steps = {step};
  return recipe;
}

// What the inputs of a product look like: channel 3 is 30 times as large as the others.
InputStatistics OneLargeChannel(std::int64_t channels) {
  InputStatistics seen;
  seen.rows = 1;
  seen.depth = channels;
  const auto count = static_cast<std::size_t>(channels);
  seen.abs_max.assign(count, 1);
  seen.abs_max[3] = 30;
  seen.abs_mean = seen.abs_max;
  seen.mean.assign(count, 0);
  seen.gram.assign(count * count, 0);
  for (std::size_t i = 0; i < count; ++i) {
    seen.gram[i * (count + 1)] = seen.abs_max[i] * seen.abs_max[i];
  }
  return seen;
}

Model Eased(const Model& model, const Recipe& recipe, std::int64_t channels) {
  std::vector<std::string> notes;
  Model eased = Must(EaseWeights(
      model, recipe, [=](std::int64_t) { return OneLargeChannel(channels); }, 1, &notes));
  Must(CheckModel(eased));
  return eased;
}

TEST(Equalize, KeepsTheFunctionAndHelpsOneScaleForAll) {
  ModelBuilder builder(13);
  const std::string x = builder.Input("x", {-1, 8, 10, 10});
  Tensor first = UnevenMatrix({12, 8}, 0, 10, 1);
  first.shape = {12, 8, 1, 1};
  Tensor middle = UnevenMatrix({12, 9}, 0, 2, 2);
  middle.shape = {12, 1, 3, 3};
  Tensor last = UnevenMatrix({6, 12}, 1, 0.1, 3);
  last.shape = {6, 12, 1, 1};
  std::string value =
      builder.Add("Conv", "a", {x, builder.Constant("wa", first), builder.Weight("ba", {12}, 0.1)});
  value = builder.Add("Relu", "ra", {value});
  value = builder.Add("Conv", "b",
                      {value, builder.Constant("wb", middle), builder.Weight("bb", {12}, 0.1)},
                      {Attribute::Int("group", 12)});
  value = builder.Add("Relu", "rb", {value});
  value = builder.Add("Conv", "c", {value, builder.Constant("wc", last)});
  const Model model = builder.Output(value).Build();
  Recipe recipe = RecipeWithStep("static-int8", Step::kEqualize);
  const Model eased = Eased(model, recipe, 8);
  const Tensor input = RandomTensor({2, 8, 10, 10}, 4);
  const Tensor expected = RunModel(model, {{"x", input}})[0];
  EXPECT_GT(Sqnr(expected, RunModel(eased, {{"x", input}})[0]), kExact);
  recipe.SetPerChannel(false);
  const testing::VectorDataset data = testing::NormalSamples({8, 10, 10}, 8);
  const auto sqnr_of = [&](const Model& start) {
    return Sqnr(expected,
                RunModel(testing::Quantize(start, recipe, data).model, {{"x", input}})[0]);
  };
  EXPECT_GT(sqnr_of(eased), sqnr_of(model) + 3);
}

constexpr std::int64_t kWidth = 64;

// Two products of one activation, made by `make`.
template <typename Make>
Model TwoProducts(const Make& make) {
  ModelBuilder builder(17);
  const std::string x = builder.Input("x", {-1, kWidth});
  const std::string y = make(&builder, x);
  const std::string a =
      builder.Add("MatMul", "a", {y, builder.Weight("wa", {kWidth, kWidth}, 0.1)});
  const std::string b = builder.Add(
      "Gemm", "b", {y, builder.Weight("wb", {32, kWidth}, 0.1), builder.Weight("bb", {32})},
      {Attribute::Int("transB", 1)});
  return builder.Output(a).Output(b).Build();
}

// `groups`: activations that products alone read.
void ExpectSameFunction(const Model& model, std::size_t groups, std::size_t added_nodes) {
  const Tensor input = RandomTensor({5, kWidth}, 6);
  const std::vector<Tensor> expected = RunModel(model, {{"x", input}});
  for (const auto& [base, step] :
       {std::pair{"static-int8", Step::kSmooth}, std::pair{"weight-int4", Step::kAwq}}) {
    const Recipe recipe = RecipeWithStep(base, step);
    EXPECT_EQ(InputsToEase(model, recipe).size(), groups);
    const Model eased = Eased(model, recipe, kWidth);
    EXPECT_EQ(eased.graph.nodes.size(), model.graph.nodes.size() + added_nodes);
    const std::vector<Tensor> got = RunModel(eased, {{"x", input}});
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_GT(Sqnr(expected[i], got[i]), kExact) << base << " output " << i;
    }
    // The large channel's weights grew.
    const Tensor before = Must(ReadTensor(*model.graph.FindInitializer("wa")));
    const Tensor after = Must(ReadTensor(*eased.graph.FindInitializer("wa")));
    const auto ratio = [&](std::size_t row) {
      return after.As<float>()[row * kWidth] / before.As<float>()[row * kWidth];
    };
    EXPECT_GT(ratio(3), 2 * ratio(4)) << base;
  }
}

TEST(Ease, FoldsIntoANormalization) {
  ExpectSameFunction(TwoProducts([](ModelBuilder* builder, const std::string& x) {
                       return builder->Add("LayerNormalization", "norm",
                                           {x, builder->Weight("gamma", {kWidth}),
                                            builder->Weight("beta", {kWidth})});
                     }),
                     1, 0);
}

TEST(Ease, FoldsThroughReluAndBiasIntoAProduct) {
  ExpectSameFunction(TwoProducts([](ModelBuilder* builder, const std::string& x) {
                       const std::string product = builder->Add(
                           "MatMul", "p", {x, builder->Weight("wp", {kWidth, kWidth}, 0.1)});
                       const std::string sum =
                           builder->Add("Add", "sum", {product, builder->Weight("bias", {kWidth})});
                       return builder->Add("Relu", "relu", {sum});
                     }),
                     2, 1);  // the product's own input gets a Mul
}

TEST(Ease, PutsAMulWhereNothingFolds) {
  ExpectSameFunction(TwoProducts([](ModelBuilder* builder, const std::string& x) {
                       return builder->Add("Tanh", "tanh", {x});
                     }),
                     1, 1);
}

TEST(Ease, LeavesAnActivationAloneThatOthersReadToo) {
  ModelBuilder builder(17);
  const std::string x = builder.Input("x", {-1, kWidth});
  const std::string y = builder.Add("Tanh", "tanh", {x});
  const std::string a =
      builder.Add("MatMul", "a", {y, builder.Weight("wa", {kWidth, kWidth}, 0.1)});
  const Model model = builder.Output(builder.Add("Add", "residual", {a, y})).Build();
  EXPECT_TRUE(InputsToEase(model, RecipeWithStep("static-int8", Step::kSmooth)).empty());
}

}  // namespace ease_test
}  // namespace quantbench
