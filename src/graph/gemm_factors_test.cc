// The factors of Gemm: in the weights afterwards, and the same function.
#include "graph/gemm_factors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/rewrite_check.h"
#include "model_builder.h"

namespace quantbench {
namespace gemm_factors_test {

using testing::ExpectSameOutputs;
using ::testing::IsEmpty;
using testing::kUpToRounding;
using testing::ModelBuilder;
using testing::Must;
using testing::RandomTensor;

Model Folded(const Model& model, std::vector<std::string>* notes = nullptr) {
  std::vector<std::string> ignored;
  Model result = model;
  Must(FoldGemmFactors(&result, notes == nullptr ? &ignored : notes));
  return result;
}

TEST(FoldGemmFactors, ScalesWeightAndBiasAndKeepsTransB) {
  for (const float beta : {1.0F, -0.5F, 0.0F}) {
    ModelBuilder builder;
    builder.Output(builder.Add(
        "Gemm", "gemm",
        {builder.Input("x", {-1, 8}), builder.Weight("w", {4, 8}), builder.Weight("b", {4})},
        {Attribute::Float("alpha", 0.25F), Attribute::Float("beta", beta),
         Attribute::Int("transB", 1)}));
    const Model model = builder.Build();
    const Model folded = Folded(model);
    const Node& gemm = folded.graph.nodes[0];
    EXPECT_EQ(gemm.FloatAttribute("alpha", 1), 1);
    EXPECT_EQ(gemm.FloatAttribute("beta", 1), 1);
    EXPECT_EQ(gemm.IntAttribute("transB", 0), 1);
    EXPECT_EQ(gemm.inputs.size(), beta == 0 ? 2U : 3U);
    EXPECT_EQ(folded.graph.initializers.size(), beta == 0 ? 1U : 2U);
    ExpectSameOutputs(model, folded, {{"x", RandomTensor({3, 8}, 1)}}, kUpToRounding);
  }
}

TEST(FoldGemmFactors, LeavesActivationsLargeSharedWeightsAndGemmsThatNeedNothing) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 64});
  const std::string w = builder.Weight("w", {64, 64});
  const std::vector<Attribute> halved = {Attribute::Float("alpha", 0.5F)};
  std::string y = builder.Add("Gemm", "a", {x, w}, halved);
  y = builder.Add("Gemm", "b", {y, w}, halved);
  y = builder.Add("Gemm", "plain", {y, builder.Weight("v", {64, 64})});
  builder.Output(builder.Add("Gemm", "square", {y, y}, {halved[0], Attribute::Int("transB", 1)}));
  std::vector<std::string> notes;
  const Model folded = Folded(builder.Build(), &notes);
  EXPECT_THAT(notes, IsEmpty());
  EXPECT_EQ(folded.graph.initializers.size(), 2U);
}

}  // namespace gemm_factors_test
}  // namespace quantbench
