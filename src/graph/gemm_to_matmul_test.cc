// Gemm between flattening Reshapes: MatMul and Add where the shapes are proven.
#include "graph/gemm_to_matmul.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/remove_nodes.h"
#include "graph/rewrite_check.h"
#include "model_builder.h"

namespace quantbench {
namespace gemm_to_matmul_test {

using testing::CountOf;
using ::testing::ElementsAre;
using testing::ExpectSameOutputs;
using ::testing::IsEmpty;
using testing::kUpToRounding;
using testing::ModelBuilder;
using testing::Must;
using testing::OperatorsOf;
using ::testing::Pair;
using testing::RandomTensor;

class GemmToMatMulTest : public ::testing::Test {
 protected:
  Model Rewritten(const Model& model) {
    Model result = model;
    Must(GemmToMatMul(&result, &notes_));
    RemoveDeadNodes(&result.graph);
    return result;
  }
  // x [n, t, k] -> [n t, k] -> Gemm -> [n, t, width].
  std::string Layer(const std::string& name, const std::string& x,
                    std::vector<std::string> operands, std::int64_t k, std::int64_t width,
                    std::vector<Attribute> attributes = {}) {
    operands.insert(operands.begin(), builder_.Add("Reshape", name + "_in",
                                                   {x, builder_.Ints(name + "_flat", {-1, k})}));
    const std::string gemm = builder_.Add("Gemm", name, operands, std::move(attributes));
    const std::string rows = builder_.Add(
        "Slice", name + "_rows",
        {builder_.Add("Shape", name + "_shape", {x}), builder_.Ints(name + "_from", {0}),
         builder_.Ints(name + "_to", {2}), builder_.Ints(name + "_axis", {0})});
    const std::string shape =
        builder_.Add("Concat", name + "_target", {rows, builder_.Ints(name + "_width", {width})},
                     {Attribute::Int("axis", 0)});
    return builder_.Add("Reshape", name + "_out", {gemm, shape});
  }

  ModelBuilder builder_;
  std::vector<std::string> notes_;
};

TEST_F(GemmToMatMulTest, WritesALayerWithAndWithoutBiasAndTransposed) {
  const std::string x = builder_.Input("x", {-1, -1, 16});
  const std::string a =
      Layer("a", x, {builder_.Weight("wa", {16, 24}), builder_.Weight("ba", {24})}, 16, 24);
  const std::string b = Layer("b", a, {builder_.Weight("wb", {24, 8})}, 24, 8);
  const std::string c =
      Layer("c", b, {builder_.Weight("wc", {4, 8}), builder_.Weight("bc", {1, 4})}, 8, 4,
            {Attribute::Int("transB", 1)});
  builder_.Output(c);
  const Model model = builder_.Build();
  const Model rewritten = Rewritten(model);
  EXPECT_THAT(OperatorsOf(rewritten.graph), ElementsAre(Pair("Add", 2), Pair("MatMul", 3)));
  EXPECT_THAT(notes_, ElementsAre("3 Gemm between flattening Reshapes made MatMul and Add"));
  EXPECT_EQ(rewritten.graph.FindInitializer("wc"), nullptr);  // only its transposed copy
  EXPECT_EQ(rewritten.graph.nodes[0].name, "a");
  for (const Shape& shape : {Shape{1, 1, 16}, Shape{2, 7, 16}}) {
    ExpectSameOutputs(model, rewritten, {{"x", RandomTensor(shape, 1)}}, kUpToRounding);
  }
}

TEST_F(GemmToMatMulTest, TransposesAWeightOnceForAllItsLayers) {
  const std::string x = builder_.Input("x", {-1, -1, 8});
  const std::string w = builder_.Weight("w", {8, 8});
  const std::vector<Attribute> transposed = {Attribute::Int("transB", 1)};
  builder_.Output(Layer("b", Layer("a", x, {w}, 8, 8, transposed), {w}, 8, 8, transposed));
  const Model model = builder_.Build();
  const Model rewritten = Rewritten(model);
  EXPECT_THAT(OperatorsOf(rewritten.graph), ElementsAre(Pair("MatMul", 2)));
  ASSERT_EQ(rewritten.graph.initializers.size(), 1U);
  ExpectSameOutputs(model, rewritten, {{"x", RandomTensor({2, 3, 8}, 1)}}, kUpToRounding);
}

TEST_F(GemmToMatMulTest, LeavesATransposedWeightThatAnEmbeddingReads) {
  const std::string x = builder_.Input("x", {-1, -1, 8});
  const std::string w = builder_.Weight("w", {32, 8});
  builder_.Output(Layer("a", x, {w}, 8, 32, {Attribute::Int("transB", 1)}));
  builder_.Output(builder_.Add("Gather", "embed", {w, builder_.Ints("ids", {0, 1})}));
  EXPECT_EQ(CountOf(Rewritten(builder_.Build()).graph, "Gemm"), 1);
  EXPECT_THAT(notes_, IsEmpty());
}

TEST_F(GemmToMatMulTest, LeavesScaledGemmsAndBiasesOfEveryRow) {
  const std::string x = builder_.Input("x", {2, 3, 8});
  const std::string w = builder_.Weight("w", {8, 8});
  std::string y = Layer("alpha", x, {w}, 8, 8, {Attribute::Float("alpha", 0.5F)});
  y = Layer("beta", y, {w, builder_.Weight("b", {8})}, 8, 8, {Attribute::Float("beta", 2)});
  y = Layer("rows", y, {w, builder_.Weight("m", {6, 8})}, 8, 8);
  builder_.Output(y);
  EXPECT_EQ(CountOf(Rewritten(builder_.Build()).graph, "Gemm"), 3);
}

TEST_F(GemmToMatMulTest, LeavesAGemmWhoseRowsAreCutOtherwise) {
  const std::string x = builder_.Input("x", {-1, -1, 8});
  const std::string flat = builder_.Add("Reshape", "in", {x, builder_.Ints("f", {-1, 4})});
  const std::string gemm = builder_.Add("Gemm", "gemm", {flat, builder_.Weight("w", {4, 8})});
  builder_.Output(builder_.Add("Reshape", "out", {gemm, builder_.Ints("o", {2, -1, 8})}));
  EXPECT_EQ(CountOf(Rewritten(builder_.Build()).graph, "Gemm"), 1);
}

TEST_F(GemmToMatMulTest, LeavesAGemmThatOthersRead) {
  const std::string x = builder_.Input("x", {-1, -1, 8});
  builder_.Output(Layer("a", x, {builder_.Weight("w", {8, 8})}, 8, 8));
  builder_.Output("a_out");
  EXPECT_EQ(CountOf(Rewritten(builder_.Build()).graph, "Gemm"), 1);
}

}  // namespace gemm_to_matmul_test
}  // namespace quantbench
