// Preparing for a recipe: attention is one node where activations stay float.
#include <gtest/gtest.h>

#include "model_builder.h"
#include "quantize_model.h"

namespace quantbench {
namespace prepare_for_test {

using testing::ModelBuilder;
using testing::Must;
using testing::OperatorsRun;
using testing::Quantize;

// x [n, t, 16]: queries, keys and values of two heads, no mask.
Model Attention() {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, -1, 16});
  const std::string cut = builder.Ints("cut", {0, 0, 2, 8});
  const auto heads = [&](const std::string& name, std::vector<std::int64_t> order) {
    const std::string projected =
        builder.Add("MatMul", name, {x, builder.Weight(name + ".w", {16, 16}, 0.3)});
    return builder.Add("Transpose", name + "_turned",
                       {builder.Add("Reshape", name + "_cut", {projected, cut})},
                       {Attribute::Ints("perm", std::move(order))});
  };
  const std::string q = heads("q", {0, 2, 1, 3});
  const std::string k = heads("k", {0, 2, 3, 1});
  const std::string weights =
      builder.Add("Softmax", "weights", {builder.Add("MatMul", "scores", {q, k})});
  const std::string v = heads("v", {0, 2, 1, 3});
  const std::string turned =
      builder.Add("Transpose", "turned", {builder.Add("MatMul", "attended", {weights, v})},
                  {Attribute::Ints("perm", {0, 2, 1, 3})});
  builder.Output(builder.Add("Reshape", "joined", {turned, builder.Ints("whole", {0, 0, 16})}));
  return builder.Build();
}

TEST(PrepareFor, MakesAttentionOneNodeOfADynamicModel) {
  const Model model = Attention();
  const auto samples = testing::NormalSamples({5, 16}, 1);
  const Model quantized = Quantize(model, Must(FindRecipe("dynamic-int8")), samples).model;
  const auto run = OperatorsRun(quantized);
  EXPECT_EQ(run.at("MultiHeadAttention"), 1);
  EXPECT_EQ(run.count("Softmax"), 0U);
  const std::vector<NamedTensor> input = {{"x", testing::RandomTensor({2, 5, 16}, 4)}};
  EXPECT_GT(
      testing::Sqnr(testing::RunModel(model, input)[0], testing::RunModel(quantized, input)[0]),
      30);
}

TEST(PrepareFor, LeavesAttentionInPiecesForCodes) {
  const Model prepared = Must(PrepareFor(Attention(), Must(FindRecipe("static-int8")), nullptr));
  for (const Node& node : prepared.graph.nodes) EXPECT_NE(node.op_type, "MultiHeadAttention");
}

}  // namespace prepare_for_test
}  // namespace quantbench
