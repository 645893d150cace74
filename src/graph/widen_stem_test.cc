// Widening the first convolution: the same outputs from four channels.
#include "graph/widen_stem.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/rewrite_check.h"
#include "model_builder.h"

namespace quantbench {
namespace widen_stem_test {

using testing::CountOf;
using testing::ExpectSameOutputs;
using testing::kUpToRounding;
using testing::ModelBuilder;
using testing::Must;
using testing::RandomTensor;

std::string Stem(ModelBuilder* builder, const std::string& name, const Shape& weight,
                 std::int64_t groups = 1) {
  return builder->Add("Conv", name, {"x", builder->Weight(name + "_w", weight)},
                      {Attribute::Ints("strides", {2, 2}), Attribute::Int("group", groups)});
}

TEST(WidenStem, GivesEveryReaderOfTheInputAFourthChannel) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 3, 9, 8});
  builder.Output(Stem(&builder, "a", {5, 3, 3, 3})).Output(Stem(&builder, "b", {2, 3, 3, 3}));
  builder.Output(builder.Add("Relu", "as_it_was", {x}));
  const Model model = builder.Build();
  Model wide = model;
  EXPECT_EQ(Must(WidenStem(&wide)), 2);
  EXPECT_EQ(CountOf(wide.graph, "Pad"), 1);
  const GraphIndex index(wide.graph);
  EXPECT_EQ(index.FindInitializer(index.Producer("a_out")->inputs[1])->dims, (Shape{5, 4, 3, 3}));
  EXPECT_EQ(index.FindInitializer("a_w"), nullptr);
  EXPECT_EQ(index.Producer("as_it_was_out")->inputs[0], "x");
  for (const std::int64_t batch : {1, 3}) {
    ExpectSameOutputs(model, wide, {{"x", RandomTensor({batch, 3, 9, 8}, 2)}}, kUpToRounding);
  }
}

TEST(WidenStem, LeavesOtherConvolutions) {
  const auto widened = [](const Shape& input, const Shape& weight, std::int64_t groups,
                          std::int64_t opset) {
    ModelBuilder builder(opset);
    builder.Input("x", input);
    builder.Output(Stem(&builder, "a", weight, groups));
    Model model = builder.Build();
    return Must(WidenStem(&model));
  };
  EXPECT_EQ(widened({1, 3, 9, 9}, {6, 3, 3, 3}, 1, 11), 1);
  EXPECT_EQ(widened({1, 3, 9, 9}, {6, 3, 3, 3}, 1, 10), 0);  // no Pad with an input of amounts
  EXPECT_EQ(widened({1, 3, 9, 9}, {6, 3, 7, 7}, 1, 17), 0);
  EXPECT_EQ(widened({1, 9, 9, 9}, {6, 3, 3, 3}, 3, 17), 0);
  EXPECT_EQ(widened({1, 1, 9, 9}, {6, 1, 3, 3}, 1, 17), 0);
}

TEST(WidenStem, LeavesTheStartOfANarrowNetwork) {
  const auto widened = [](std::int64_t channels, bool is_read_twice) {
    ModelBuilder builder;
    builder.Input("x", {1, 3, 9, 9});
    const std::string a = builder.Add("Relu", "relu", {Stem(&builder, "a", {channels, 3, 3, 3})});
    builder.Output(builder.Add("Conv", "b", {a, builder.Weight("b_w", {channels, 1, 3, 3})},
                               {Attribute::Int("group", channels)}));
    if (is_read_twice) builder.Output(builder.Add("Neg", "c", {a}));
    Model model = builder.Build();
    return Must(WidenStem(&model));
  };
  EXPECT_EQ(widened(15, false), 0);
  EXPECT_EQ(widened(16, false), 1);
  EXPECT_EQ(widened(15, true), 1);
}

TEST(WidenStem, LeavesWhatComputesOnFloats) {
  ModelBuilder builder;
  builder.Input("x", {1, 3, 9, 9});
  builder.Output(Stem(&builder, "a", {5, 3, 3, 3})).Output(Stem(&builder, "b", {2, 3, 3, 3}));
  Model model = builder.Build();
  EXPECT_EQ(Must(WidenStem(&model, {"a_out"})), 1);
  const GraphIndex index(model.graph);
  EXPECT_EQ(index.Producer("a_out")->inputs[0], "x");
  EXPECT_NE(index.Producer("b_out")->inputs[0], "x");
}

TEST(WidenStem, LeavesALaterConvolution) {
  ModelBuilder builder;
  const std::string x = builder.Add("Relu", "relu", {builder.Input("x", {-1, 3, 9, 8})});
  builder.Output(builder.Add("Conv", "a", {x, builder.Weight("w", {5, 3, 3, 3})}));
  Model model = builder.Build();
  EXPECT_EQ(Must(WidenStem(&model)), 0);
}

}  // namespace widen_stem_test
}  // namespace quantbench
