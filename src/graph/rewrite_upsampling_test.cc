// Upsampling by ConvTranspose, and the Conv and DepthToSpace that do the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/rewrite_check.h"
#include "model_builder.h"

namespace quantbench {
namespace {

using ::testing::ElementsAre;
using testing::ExpectSameOutputs;
using testing::kUpToRounding;
using testing::ModelBuilder;
using testing::Must;
using testing::OperatorsOf;
using ::testing::Pair;
using testing::RandomTensor;

struct Case {
  std::int64_t opset = 17;
  std::int64_t block = 2;
  bool with_bias = true;
};

TEST(RewriteUpsampling, IsExactInBothOrdersOfDepthToSpace) {
  for (const Case& each :
       {Case{17, 2, true}, Case{17, 3, false}, Case{10, 2, true}, Case{10, 4, false}}) {
    ModelBuilder builder(each.opset, 5);
    std::vector<std::string> inputs = {builder.Input("x", {-1, 3, 5, 6}),
                                       builder.Weight("w", {3, 4, each.block, each.block})};
    if (each.with_bias) inputs.push_back(builder.Weight("b", {4}));
    builder.Output(
        builder.Add("ConvTranspose", "up", inputs,
                    {Attribute::Ints("strides", {each.block, each.block}),
                     Attribute::Ints("kernel_shape", {each.block, each.block}),
                     Attribute::Ints("pads", {0, 0, 0, 0}), Attribute::Int("group", 1)}));
    const Model model = builder.Build();
    Model rewritten = model;
    EXPECT_EQ(Must(RewriteUpsampling(&rewritten)), 1);
    EXPECT_THAT(OperatorsOf(rewritten.graph),
                ElementsAre(Pair("Conv", 1), Pair("DepthToSpace", 1)));
    EXPECT_EQ(rewritten.graph.nodes[0].name, "up");
    EXPECT_EQ(rewritten.graph.initializers.size(), each.with_bias ? 2U : 1U);
    ExpectSameOutputs(model, rewritten, {{"x", RandomTensor({2, 3, 5, 6}, 1)}}, kUpToRounding);
  }
}

TEST(RewriteUpsampling, LeavesWhatOverlapsOrIsPaddedGroupedOrNotSquare) {
  const std::vector<std::pair<Shape, std::vector<Attribute>>> cases = {
      {{4, 4, 3, 3}, {Attribute::Ints("strides", {2, 2})}},
      {{4, 4, 2, 2}, {}},
      {{4, 4, 2, 3}, {Attribute::Ints("strides", {2, 3})}},
      {{4, 4, 2, 2}, {Attribute::Ints("strides", {2, 2}), Attribute::Ints("pads", {1, 0, 0, 0})}},
      {{4, 2, 2, 2}, {Attribute::Ints("strides", {2, 2}), Attribute::Int("group", 2)}},
      {{4, 4, 2, 2},
       {Attribute::Ints("strides", {2, 2}), Attribute::Ints("output_padding", {1, 0})}},
      {{4, 4, 2, 2}, {Attribute::Ints("strides", {2, 2}), Attribute::Ints("dilations", {2, 2})}},
      {{4, 4, 2, 2},
       {Attribute::Ints("strides", {2, 2}), Attribute::String("auto_pad", "SAME_UPPER")}},
      {{4, 4, 2}, {Attribute::Ints("strides", {2})}},
  };
  for (const auto& [weight, attributes] : cases) {
    ModelBuilder builder;
    builder.Output(builder.Add("ConvTranspose", "up",
                               {builder.Input("x", {-1, 4, 5, 6}), builder.Weight("w", weight)},
                               attributes));
    Model model = builder.Build();
    EXPECT_EQ(Must(RewriteUpsampling(&model)), 0);
    EXPECT_EQ(model.graph.nodes[0].op_type, "ConvTranspose");
  }
}

TEST(RewriteUpsampling, LeavesAWeightThatIsNotConstant) {
  ModelBuilder builder;
  builder.Output(builder.Add("ConvTranspose", "up",
                             {builder.Input("x", {-1, 4, 5, 6}), builder.Input("w", {4, 4, 2, 2})},
                             {Attribute::Ints("strides", {2, 2})}));
  Model model = builder.Build();
  EXPECT_EQ(Must(RewriteUpsampling(&model)), 0);
}

}  // namespace
}  // namespace quantbench
