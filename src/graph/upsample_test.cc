// ConvTranspose as Conv: the same outputs.
#include "graph/upsample.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/rewrite_check.h"
#include "model_builder.h"

namespace quantbench {
namespace upsample_test {

using testing::CountOf;
using testing::ExpectSameOutputs;
using testing::kUpToRounding;
using testing::ModelBuilder;
using testing::Must;
using testing::RandomTensor;

// Three channels to five, 4 by 3 to 8 by 6; `more` replaces or adds attributes.
Model Enlarging(const std::vector<Attribute>& more, bool with_bias = true,
                const Shape& weight = {3, 5, 2, 2}, const Shape& input = {-1, 3, 4, 3}) {
  ModelBuilder builder;
  std::vector<std::string> inputs = {builder.Add("Relu", "relu", {builder.Input("x", input)}),
                                     builder.Weight("w", weight)};
  std::vector<Attribute> attributes = {Attribute::Ints("strides", {2, 2})};
  for (const Attribute& attribute : more) {
    std::erase_if(attributes, [&](const Attribute& old) { return old.name == attribute.name; });
    attributes.push_back(attribute);
  }
  const std::int64_t groups = more.empty() || more[0].name != "group" ? 1 : more[0].i;
  if (with_bias) inputs.push_back(builder.Weight("b", {weight[1] * groups}));
  builder.Output(builder.Add("ConvTranspose", "up", inputs, attributes));
  return builder.Build();
}

std::int64_t Rewritten(Model model) {
  return Must(WriteUpsamplingAsConv(&model));
}

TEST(WriteUpsamplingAsConv, ComputesTheSame) {
  for (const bool with_bias : {false, true}) {
    const Model model =
        Enlarging({Attribute::Ints("pads", {0, 0, 0, 0}), Attribute::Ints("kernel_shape", {2, 2})},
                  with_bias);
    Model rewritten = model;
    EXPECT_EQ(Must(WriteUpsamplingAsConv(&rewritten)), 1);
    EXPECT_EQ(CountOf(rewritten.graph, "ConvTranspose"), 0);
    EXPECT_EQ(rewritten.graph.nodes[1].name, "up");
    EXPECT_EQ(rewritten.graph.FindInitializer("w"), nullptr);
    for (const std::int64_t batch : {1, 2}) {
      ExpectSameOutputs(model, rewritten, {{"x", RandomTensor({batch, 3, 4, 3}, 4)}},
                        kUpToRounding);
    }
  }
}

TEST(WriteUpsamplingAsConv, LeavesOtherForms) {
  EXPECT_EQ(Rewritten(Enlarging({})), 1);
  EXPECT_EQ(Rewritten(Enlarging({Attribute::Ints("strides", {1, 1})})), 0);
  EXPECT_EQ(Rewritten(Enlarging({Attribute::Ints("strides", {2, 3})})), 0);
  EXPECT_EQ(Rewritten(Enlarging({Attribute::Ints("pads", {1, 0, 0, 0})})), 0);
  EXPECT_EQ(Rewritten(Enlarging({Attribute::Ints("output_padding", {1, 1})})), 0);
  EXPECT_EQ(Rewritten(Enlarging({Attribute::Ints("output_shape", {8, 6})})), 0);
  EXPECT_EQ(Rewritten(Enlarging({Attribute::Ints("dilations", {2, 2})})), 0);
  EXPECT_EQ(Rewritten(Enlarging({Attribute::String("auto_pad", "SAME_UPPER")})), 0);
  EXPECT_EQ(Rewritten(Enlarging({Attribute::Int("group", 3)}, true, {3, 1, 2, 2})), 0);
  EXPECT_EQ(Rewritten(Enlarging({}, true, {3, 5, 3, 3})), 0);
}

TEST(WriteUpsamplingAsConv, LeavesFreeSizes) {
  EXPECT_EQ(Rewritten(Enlarging({}, true, {3, 5, 2, 2}, {1, 3, -1, 3})), 0);
  EXPECT_EQ(Rewritten(Enlarging({}, true, {3, 5, 2, 2}, {1, 3, 4, -1})), 0);
}

}  // namespace upsample_test
}  // namespace quantbench
