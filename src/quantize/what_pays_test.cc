// What pays: which layers of small and of large networks stay float, and that it is said.
#include "quantize/what_pays.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/quantize.h"

#include "model_builder.h"
#include "quantize_model.h"

namespace quantbench {
namespace what_pays_test {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::LayerOf;
using testing::ModelBuilder;
using testing::Must;

// --- small regions by hand ---

// A chain: each reads the one before, the first what is quantized for 10, the last is read by
// others for 10.
WeighedRegion Chain(const std::vector<std::pair<double, double>>& costs, double border) {
  WeighedRegion region;
  region.tensors.push_back({-1, {0}, false, 10, 10});
  for (const auto& [as_float, as_integers] : costs) {
    const auto place = static_cast<std::int64_t>(region.members.size());
    region.members.push_back({place, as_float, as_integers, false});
    region.tensors.push_back({place, {static_cast<std::size_t>(place) + 1}, false, border, border});
  }
  region.tensors.back() = {region.tensors.back().producer, {}, true, 10, 10};
  return region;
}

TEST(WhichPay, AddsUpMembersAndConversions) {
  const WeighedRegion region = Chain({{100, 60}, {30, 90}, {200, 50}}, 7);
  EXPECT_EQ(region.CostOf({true, true, true}), 10 + 60 + 90 + 50 + 10);
  EXPECT_EQ(region.CostOf({false, false, false}), 330);
  EXPECT_EQ(region.CostOf({true, false, true}), 10 + 60 + 7 + 30 + 7 + 50 + 10);
}

TEST(WhichPay, LeavesTheWholeWhereItClearlyGains) {
  EXPECT_THAT(WhichPay(Chain({{100, 60}, {30, 90}, {400, 50}}, 7)), Each(true));
}

TEST(WhichPay, LeavesWhatLosesAtTheEdge) {
  EXPECT_THAT(WhichPay(Chain({{50, 120}, {100, 60}, {100, 60}}, 7)),
              ElementsAre(false, true, true));
}

TEST(WhichPay, PaysTheConversionsOfAnIslandOnlyIfThatIsLess) {
  const auto island = [](double border) {
    return WhichPay(Chain({{100, 40}, {20, 90}, {100, 40}}, border));
  };
  EXPECT_THAT(island(10), ElementsAre(true, false, true));
  EXPECT_THAT(island(40), Each(true));
}

TEST(WhichPay, LeavesEverythingWhereTheBestHardlyGains) {
  EXPECT_THAT(WhichPay(Chain({{20, 90}, {60, 35}}, 30)), Each(false));
}

TEST(WhichPay, KeepsWhatWasAskedFor) {
  WeighedRegion region = Chain({{20, 90}, {60, 35}}, 30);
  region.members[0].is_forced = true;
  EXPECT_THAT(WhichPay(region), Each(true));  // the second then pays
}

TEST(WhichPay, ConvertsOnceForSeveralReaders) {
  // Two readers of one tensor: apart neither pays its conversion, together they do.
  WeighedRegion region;
  region.members = {{0, 100, 80, false}, {1, 100, 80, false}};
  region.tensors = {{-1, {0, 1}, false, 25, 25}};
  EXPECT_EQ(region.CostOf({true, true}), 185);
  EXPECT_THAT(WhichPay(region), Each(true));
}

// --- whole models ---

// A stem of eight 5x5 windows over one channel, and a second layer: mnist_cnn's shapes.
Model SmallNetwork() {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 1, 28, 28});
  const std::string stem = builder.Add("Conv", "stem", {x, builder.Weight("sw", {8, 1, 5, 5})},
                                       {Attribute::Ints("pads", {2, 2, 2, 2})});
  const std::string pool =
      builder.Add("MaxPool", "pool", {builder.Add("Relu", "relu", {stem})},
                  {Attribute::Ints("kernel_shape", {2, 2}), Attribute::Ints("strides", {2, 2})});
  builder.Output(builder.Add("Conv", "second", {pool, builder.Weight("w", {16, 8, 5, 5})}));
  return builder.Build();
}

// A large image with few channels, whose depthwise layer is slow as integers, then wide layers.
Model LargeStart() {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {1, 3, 160, 160});
  std::string value = builder.Add("Conv", "stem", {x, builder.Weight("sw", {24, 3, 3, 3}, 0.2)});
  for (const char* name : {"filter1", "filter2", "filter3"}) {
    value = builder.Add("Conv", name,
                        {value, builder.Weight(std::string(name) + "w", {24, 1, 3, 3}, 0.3)},
                        {Attribute::Int("group", 24)});
  }
  value =
      builder.Add("MaxPool", "pool", {value},
                  {Attribute::Ints("kernel_shape", {4, 4}), Attribute::Ints("strides", {4, 4})});
  value = builder.Add("Conv", "wide", {value, builder.Weight("w1", {64, 24, 3, 3}, 0.1)});
  builder.Output(builder.Add("Conv", "last", {value, builder.Weight("w2", {64, 64, 3, 3}, 0.1)}));
  return builder.Build();
}

Recipe Static() {
  Recipe recipe = Must(FindRecipe("static-int8-fast"));
  recipe.target = Target::kX64;
  return recipe;
}

Plan PlanOf(const Model& model, const Recipe& recipe) {
  const Model prepared = Must(PrepareFor(model, recipe, nullptr));
  CalibrationTable table;
  for (const std::string& tensor : TensorsToObserve(prepared, recipe)) {
    table.ranges[tensor] = {-1, 3, 100, 0, DataType::kFloat32, {1, 4, 8, 8}};
  }
  return Must(PlanQuantization(prepared, recipe, &table));
}

TEST(WhatPays, LeavesASmallNetworkFloatAndStoresItsWeights) {
  const Plan plan = PlanOf(SmallNetwork(), Static());
  EXPECT_EQ(LayerOf(plan, "stem").scheme, Scheme::kKeepFloat);  // 200 weights: nothing to save
  EXPECT_EQ(LayerOf(plan, "second").scheme, Scheme::kStored);
  EXPECT_THAT(LayerOf(plan, "second").reason, HasSubstr("no part of the network"));
  EXPECT_THAT(plan.activations, IsEmpty());
  EXPECT_THAT(plan.notes, ::testing::Contains(HasSubstr("2 layers stay float")));
  EXPECT_THAT(TensorsToObserve(Must(PrepareFor(SmallNetwork(), Static(), nullptr)), Static()),
              IsEmpty());
}

TEST(WhatPays, IsNotAskedWhereIntegersAreAskedForByName) {
  Recipe recipe = Static();
  recipe.rules = {Must(ParseRule("Conv=static-int8"))};
  const Plan plan = PlanOf(SmallNetwork(), recipe);
  EXPECT_EQ(LayerOf(plan, "stem").scheme, Scheme::kStaticInt8);
  EXPECT_EQ(LayerOf(plan, "second").scheme, Scheme::kStaticInt8);
}

TEST(WhatPays, IsKnownOfTwoTargetsAndOneForm) {
  const auto scheme = [](const Recipe& recipe) {
    return LayerOf(PlanOf(SmallNetwork(), recipe), "second").scheme;
  };
  for (const auto& [target, expected] :
       {std::pair{Target::kX64, Scheme::kStored}, std::pair{Target::kX64Vnni, Scheme::kStored},
        std::pair{Target::kArm, Scheme::kStaticInt8},
        std::pair{Target::kPortable, Scheme::kStaticInt8}}) {
    Recipe recipe = Static();
    recipe.target = target;
    EXPECT_EQ(scheme(recipe), expected) << Name(target);
  }
  Recipe recipe = Static();
  recipe.SetFormat(QuantFormat::kQdq);
  EXPECT_EQ(scheme(recipe), Scheme::kStaticInt8);
  EXPECT_EQ(scheme(testing::Unweighed("static-int8")), Scheme::kStaticInt8);
}

TEST(WhatPays, IsNotKnownWithoutShapes) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 1, -1, -1});
  builder.Output(builder.Add("Conv", "stem", {x, builder.Weight("sw", {8, 1, 5, 5})}));
  EXPECT_EQ(LayerOf(PlanOf(builder.Build(), Static()), "stem").scheme, Scheme::kStaticInt8);
}

TEST(WhatPays, LeavesTheStartAloneAndNoWiderThanItWas) {
  const Model model = LargeStart();
  const Plan plan = PlanOf(model, Static());
  for (const char* layer : {"stem", "filter1", "filter2", "filter3"}) {
    EXPECT_EQ(LayerOf(plan, layer).scheme, Scheme::kKeepFloat) << layer;
  }
  EXPECT_THAT(LayerOf(plan, "filter1").reason, HasSubstr("expected to be slower as integers"));
  EXPECT_EQ(LayerOf(plan, "wide").scheme, Scheme::kStaticInt8);
  EXPECT_EQ(LayerOf(plan, "last").scheme, Scheme::kStaticInt8);
  // No Pad in front of a first convolution that stays float, by recipe or by plan.
  EXPECT_EQ(Must(PrepareFor(model, Static(), nullptr)).graph.nodes[0].op_type, "Conv");
  EXPECT_EQ(Must(PrepareFor(model, plan, nullptr)).graph.nodes[0].op_type, "Conv");
  Recipe everywhere = testing::Unweighed("static-int8");
  everywhere.target = Target::kX64;
  EXPECT_EQ(Must(PrepareFor(model, everywhere, nullptr)).graph.nodes[0].op_type, "Pad");
}

// Few channels at a large image, HardSwish, then wide layers.
TEST(WhatPays, LeavesTheActivationsOfFloatLayersAsTheyWere) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {1, 1, 96, 96});
  const std::string stem = builder.Add("Conv", "stem", {x, builder.Weight("sw", {8, 1, 5, 5})});
  std::string value =
      builder.Add("MaxPool", "pool", {builder.Add("HardSwish", "swish", {stem})},
                  {Attribute::Ints("kernel_shape", {8, 8}), Attribute::Ints("strides", {8, 8})});
  std::int64_t channels = 8;
  for (const char* name : {"a", "b"}) {
    value = builder.Add("Conv", name,
                        {value, builder.Weight(std::string(name) + "w", {128, channels, 3, 3})});
    value = builder.Add("HardSwish", std::string(name) + "swish", {value});
    channels = 128;
  }
  builder.Output(builder.Add("Conv", "last", {value, builder.Weight("lw", {128, 128, 3, 3})}));
  const Model model = builder.Build();
  Recipe recipe = Static();
  recipe.target = Target::kX64Vnni;
  const auto kept = [](const Model& prepared) {
    std::vector<std::string> names;
    for (const Node& node : prepared.graph.nodes) {
      if (node.Is("HardSwish")) names.push_back(node.name);
    }
    return names;
  };
  EXPECT_THAT(kept(Must(PrepareFor(model, recipe, nullptr))), ElementsAre("swish"));
  EXPECT_THAT(kept(Must(PrepareFor(model, PlanOf(model, recipe), nullptr))), ElementsAre("swish"));
}

TEST(WhatPays, LeavesNothingWhereTheWholeGains) {
  ModelBuilder builder;
  std::string value = builder.Input("x", {-1, 3, 64, 64});
  std::int64_t channels = 3;
  for (const char* name : {"a", "b", "c"}) {
    value = builder.Add("Conv", name,
                        {value, builder.Weight(std::string(name) + "w", {64, channels, 3, 3})});
    channels = 64;
  }
  const Plan plan = PlanOf(builder.Output(value).Build(), Static());
  for (const char* layer : {"a", "b", "c"}) {
    EXPECT_EQ(LayerOf(plan, layer).scheme, Scheme::kStaticInt8);
  }
  EXPECT_THAT(plan.notes, Each(::testing::Not(HasSubstr("stay float"))));
}

// The whole way: what stays float computes as it did, the rest on codes.
TEST(WhatPays, MixesFloatsAndIntegersInOneModel) {
  const Model model = LargeStart();
  const auto made = testing::Quantize(model, Static(), testing::NormalSamples({3, 160, 160}, 2));
  const std::map<std::string, int> run = testing::OperatorsRun(made.model);
  EXPECT_EQ(run.at("Conv"), 4);
  EXPECT_EQ(run.at("QLinearConv"), 2);
  const std::vector<NamedTensor> input = {{"x", testing::RandomTensor({1, 3, 160, 160}, 3)}};
  EXPECT_GT(
      testing::Sqnr(testing::RunModel(model, input)[0], testing::RunModel(made.model, input)[0]),
      25);
}

}  // namespace what_pays_test
}  // namespace quantbench
