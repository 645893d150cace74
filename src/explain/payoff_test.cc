// What pays: which layers count, what replaces what, and classes of shapes.
#include <gtest/gtest.h>

#include "quantbench/explain.h"

namespace quantbench {
namespace payoff_test {

LayerTime Layer(const std::string& name, std::int64_t terms, double original, double quantized) {
  LayerTime layer;
  layer.layer = name;
  layer.original = "MatMul";
  layer.quantized = "MatMulInteger";
  layer.terms = terms;
  layer.channels = 100;
  layer.positions = 7;
  layer.original_us = original;
  layer.quantized_us = quantized;
  return layer;
}

TEST(Payoffs, AreOfLayersThatTheRecipeChanged) {
  SpeedExplanation told;
  told.layers = {Layer("a", 300, 100, 40), Layer("b", 300, 100, 100), Layer("c", 300, 100, 0)};
  told.layers[0].around_quantized_us = 10;
  told.layers[1].kind = ReasonKind::kLeftFloat;
  const auto rows = PayoffsOf(told, "m.onnx", "dynamic-int8", 1);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].layer, "a");
  EXPECT_DOUBLE_EQ(rows[0].speedup, 2);
  EXPECT_EQ(Payoff::FromJson(rows[0].ToJson()).value().ToJson(), rows[0].ToJson());
  EXPECT_FALSE(Payoff::FromJson(rows[0].ToJson().Set("speedup", -1.0)).ok());
  EXPECT_FALSE(Payoff::FromJson(rows[0].ToJson().Set("family", "cake")).ok());
}

TEST(Payoffs, OfAModelAndRecipeAreReplaced) {
  Payoff old;
  old.model = "m";
  old.recipe = "r";
  old.layer = "gone";
  Payoff other = old;
  other.recipe = "s";
  Payoff fresh = old;
  fresh.layer = "new";
  std::vector<Payoff> known = {old, other};
  MergePayoffs({fresh}, &known);
  ASSERT_EQ(known.size(), 2U);
  EXPECT_EQ(known[0].recipe, "s");
  EXPECT_EQ(known[1].layer, "new");
}

TEST(Payoffs, FallIntoClassesOfPowersOfFour) {
  const auto row = [](std::int64_t terms, const std::string& recipe, double speedup) {
    Payoff payoff;
    payoff.recipe = recipe;
    payoff.terms = terms;
    payoff.channels = 64;
    payoff.positions = 1;
    payoff.speedup = speedup;
    return payoff;
  };
  const auto classes = ClassifyPayoffs({row(256, "static", 1.9), row(1023, "static", 2.1),
                                        row(300, "dynamic", 3), row(500, "dynamic", 0.5),
                                        row(255, "static", 0.8), row(1024, "static", 0.9)});
  ASSERT_EQ(classes.size(), 3U);
  EXPECT_EQ(classes[0].terms_from, 64);
  EXPECT_EQ(classes[0].best(), nullptr);
  EXPECT_EQ(classes[1].terms_from, 256);
  ASSERT_NE(classes[1].best(), nullptr);
  EXPECT_EQ(classes[1].best()->recipe, "static");  // dynamic is faster in one of two only
  EXPECT_EQ(classes[1].best()->layers, 2);
  EXPECT_DOUBLE_EQ(classes[1].best()->median, 2);
  EXPECT_EQ(classes[2].terms_from, 1024);
}

}  // namespace payoff_test
}  // namespace quantbench
