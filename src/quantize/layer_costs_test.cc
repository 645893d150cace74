// Expected costs: on the right side of what was measured.
#include "quantize/layer_costs.h"

#include <gtest/gtest.h>

#include "quantbench/quantize.h"

#include "model_builder.h"

namespace quantbench {
namespace layer_costs_test {

using testing::ModelBuilder;

TEST(LayerCosts, TakesOneSample) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 3, 8, 8});
  builder.Output(builder.Add("Conv", "a", {x, builder.Weight("w", {5, 3, 3, 3})}));
  builder.Output(builder.Add("Relu", "b", {builder.Input("y", {2, -1})}));
  const SampleShapes shapes(builder.Build());
  EXPECT_EQ(*shapes.Of("a_out"), (Shape{1, 5, 6, 6}));
  EXPECT_EQ(shapes.ElementsOf("x"), 192);
  EXPECT_EQ(shapes.Of("b_out"), nullptr);  // a second dimension that is free
}

// How many times as fast as integers one convolution is expected to be, the network's first.
double GainOf(Target target, const Shape& input, const Shape& weight, std::int64_t groups = 1) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", input);
  builder.Output(builder.Add(
      "Conv", "a", {x, builder.Weight("w", weight)},
      {Attribute::Int("group", groups), Attribute::Ints("kernel_shape", {weight[2], weight[3]})}));
  const Model model = builder.Build();
  const GraphIndex index(model.graph);
  const WeightedLayer layer = InspectLayer(model.graph.nodes[0], model.graph, index, {});
  const auto cost =
      CostOfLayer(*KernelCostsOf(target), model.graph.nodes[0], layer, SampleShapes(model), true);
  return cost ? cost->as_float / cost->as_integers : 0;
}

// The shapes that the constants were fitted to, on both sides of what pays.
TEST(LayerCosts, AreThoseThatWereMeasuredWithoutVnni) {
  const auto gain = [](const Shape& input, const Shape& weight, std::int64_t groups = 1) {
    return GainOf(Target::kX64, input, weight, groups);
  };
  EXPECT_LT(gain({1, 1, 32, 32}, {8, 1, 5, 5}), 0.4);        // mnist_cnn: 0.24
  EXPECT_GT(gain({1, 64, 58, 58}, {64, 64, 3, 3}), 1.8);     // ResNet-18
  EXPECT_GT(gain({1, 128, 6, 6}, {128, 128, 1, 1}), 1.5);    // MobileNetV1 0.25: 1.7
  EXPECT_LT(gain({1, 24, 46, 46}, {24, 1, 3, 3}, 24), 0.5);  // FastestDet: 0.3
  EXPECT_LT(gain({1, 32, 26, 26}, {32, 1, 3, 3}, 32), 1);    // MobileNetV1 0.25: 0.7
  EXPECT_EQ(gain({1, 8, 8, 8}, {8, 4, 3, 3}, 2), 0);         // groups were not
}

TEST(LayerCosts, AreThoseThatWereMeasuredWithVnni) {
  const auto gain = [](const Shape& input, const Shape& weight, std::int64_t groups = 1) {
    return GainOf(Target::kX64Vnni, input, weight, groups);
  };
  EXPECT_LT(gain({1, 1, 32, 32}, {8, 1, 5, 5}), 0.6);         // mnist_cnn
  EXPECT_GT(gain({1, 64, 58, 58}, {64, 64, 3, 3}), 3);        // ResNet-18
  EXPECT_GT(gain({1, 192, 14, 14}, {64, 192, 1, 1}), 2);      // MobileNetV2
  EXPECT_LT(gain({1, 24, 46, 46}, {24, 1, 3, 3}, 24), 0.5);   // FastestDet: 0.3
  EXPECT_LT(gain({1, 144, 58, 58}, {144, 1, 3, 3}, 144), 1);  // MobileNetV2: 1.0
  EXPECT_GT(gain({1, 58, 30, 30}, {58, 1, 3, 3}, 58), 2);  // ShuffleNetV2: floats are not blocked
}

TEST(LayerCosts, KnowTheTargetsThatWereMeasured) {
  EXPECT_EQ(KernelCostsOf(Target::kArm), nullptr);
  EXPECT_EQ(KernelCostsOf(Target::kPortable), nullptr);
}

// MobileNetV3's squeeze-and-excitation at 56 x 56 with 16 channels.
TEST(LayerCosts, CountTheRowsOfAnImageThatAreMultipliedByOne) {
  const auto cost = [](const Shape& factor) {
    ModelBuilder builder;
    builder.Output(
        builder.Add("Mul", "a", {builder.Input("x", {1, 16, 56, 56}), builder.Input("y", factor)}));
    const Model model = builder.Build();
    return CostBetween(*KernelCostsOf(Target::kX64Vnni), model.graph.nodes[0], SampleShapes(model),
                       {})
        ->as_integers;
  };
  EXPECT_GT(cost({1, 16, 1, 1}), cost({1, 16, 56, 56}) + 20 * 56 * 56);
  EXPECT_EQ(cost({1, 1, 1, 1}), cost({1, 16, 56, 56}));
}

// One row through a layer of an LSTM network: little work, and still less as codes.
TEST(LayerCosts, ReadTheWeightsOfProductsOnce) {
  ModelBuilder builder;
  builder.Output(
      builder.Add("MatMul", "a", {builder.Input("x", {1, 128}), builder.Weight("w", {128, 257})}));
  const Model model = builder.Build();
  const GraphIndex index(model.graph);
  const WeightedLayer layer = InspectLayer(model.graph.nodes[0], model.graph, index, {});
  const auto cost = CostOfLayer(*KernelCostsOf(Target::kX64), model.graph.nodes[0], layer,
                                SampleShapes(model), true);
  ASSERT_TRUE(cost);
  EXPECT_GT(cost->as_float, cost->as_integers + CostOfQuantizing(128, false));  // dtln_1
}

// The engine computes HardSwish's gate in the convolution before, as long as both are floats.
TEST(LayerCosts, HaveTheGateOfHardSwishForNothing) {
  ModelBuilder builder;
  builder.Output(
      builder.Add("Add", "a", {builder.Input("x", {1, 16, 56, 56}), builder.Weight("w", {1})}));
  const Model model = builder.Build();
  const auto cost = CostBetween(*KernelCostsOf(Target::kX64Vnni), model.graph.nodes[0],
                                SampleShapes(model), {.reads_constant = true, .is_clamped = true});
  EXPECT_EQ(cost->as_float, 0);
  EXPECT_GT(cost->as_integers, 1000);
}

}  // namespace layer_costs_test
}  // namespace quantbench
