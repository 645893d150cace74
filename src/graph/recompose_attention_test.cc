// Attention in pieces: MultiHeadAttention where it is proven to be one.
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/rewrite_check.h"
#include "model_builder.h"

namespace quantbench {
namespace recompose_attention_test {

using testing::CountOf;
using ::testing::ElementsAre;
using testing::ExpectSameOutputs;
using ::testing::IsEmpty;
using testing::kUpToRounding;
using testing::ModelBuilder;
using testing::Must;
using testing::RandomTensor;

constexpr std::int64_t kSide = 6;  // of the mask

// Which a row sees of the columns.
Tensor MaskOf(const std::function<bool(std::int64_t row, std::int64_t column)>& sees) {
  std::vector<std::uint8_t> cells;
  for (std::int64_t row = 0; row < kSide; ++row) {
    for (std::int64_t column = 0; column < kSide; ++column) {
      cells.push_back(sees(row, column) ? 1 : 0);
    }
  }
  return Tensor::Of(DataType::kBool, {1, 1, kSide, kSide}, cells);
}

Tensor Triangle() {
  return MaskOf([](auto row, auto column) { return column <= row; });
}

// One layer as GPT-2 has it: x [n, t, 8] is normalized, projected, split into queries, keys and
// values of two heads, and attended.
class RecomposeAttentionTest : public ::testing::Test {
 protected:
  Model Build() {
    const std::string x = builder_.Input("x", {-1, -1, 8});
    const std::string ones = builder_.Constant("g", Tensor::OfFloats({8}, std::vector(8, 1.0F)));
    const std::string input =
        normalized_ ? builder_.Add("LayerNormalization", "norm", {x, ones}) : x;
    const std::string product =
        builder_.Add("MatMul", "qkv", {input, builder_.Weight("w", {8, 24}, deviation_)});
    const std::string sum = builder_.Add("Add", "bias", {product, builder_.Weight("b", {24}, 0.1)});
    builder_.AddNode("Split", "split", {sum, builder_.Ints("sizes", {8, 8, 8})}, {"q", "k", "v"},
                     {Attribute::Int("axis", 2)});
    const std::string scores =
        builder_.Add("MatMul", "scores", {Heads("q", {0, 2, 1, 3}), Heads("k", {0, 2, 3, 1})});
    const std::string scaled = builder_.Add("Div", "scaled", {scores, Number("two", 2)});
    const std::string weights = builder_.Add(
        "Softmax", "weights", {masked_ ? Masked(scaled) : scaled}, {Attribute::Int("axis", axis_)});
    const std::string attended =
        builder_.Add("MatMul", "attended", {weights, Heads("v", {0, 2, 1, 3})});
    const std::string turned =
        builder_.Add("Transpose", "turned", {attended}, {Attribute::Ints("perm", {0, 2, 1, 3})});
    builder_.Output(builder_.Add("Reshape", "joined", {turned, builder_.Ints("whole", {0, 0, 8})}));
    return builder_.Build();
  }
  Model Rewritten(const Model& model) {
    Model result = model;
    Must(RecomposeAttention(&result, &notes_));
    return result;
  }
  // Whether the layer stays as it was written.
  void ExpectLeft() {
    EXPECT_EQ(CountOf(Rewritten(Build()).graph, "MultiHeadAttention"), 0);
    EXPECT_THAT(notes_, IsEmpty());
  }
  static void ExpectSame(const Model& model, const Model& rewritten) {
    for (const Shape& shape : {Shape{1, 1, 8}, Shape{2, 5, 8}, Shape{3, kSide, 8}}) {
      ExpectSameOutputs(model, rewritten, {{"x", RandomTensor(shape, 1)}}, kUpToRounding);
    }
  }

  ModelBuilder builder_;
  std::vector<std::string> notes_;
  bool normalized_ = true;
  bool masked_ = true;
  double deviation_ = 0.5;
  float fill_ = std::numeric_limits<float>::lowest();
  Tensor mask_ = Triangle();
  std::int64_t from_ = 0;
  std::int64_t axis_ = -1;

 private:
  std::string Number(const std::string& name, float value) {
    return builder_.Constant(name, Tensor::OfFloats({}, {value}));
  }
  std::string Heads(const std::string& x, std::vector<std::int64_t> order) {
    const std::string cut =
        builder_.Add("Reshape", x + "_cut", {x, builder_.Ints(x + "_heads", {0, 0, 2, 4})});
    return builder_.Add("Transpose", x + "_turned", {cut},
                        {Attribute::Ints("perm", std::move(order))});
  }
  std::string Masked(const std::string& scores) {
    const std::string shape = builder_.Add("Shape", "shape", {"x"});
    const std::string length = builder_.Add(
        "Slice", "length", {shape, builder_.Ints("one", {1}), builder_.Ints("end", {2})});
    const std::string from = builder_.Ints("from", {from_});
    const std::string rows = builder_.Add(
        "Slice", "rows",
        {builder_.Constant("mask", mask_), from, length, builder_.Ints("axis_2", {2})});
    const std::string cells = builder_.Add(
        "Slice", "cells",
        {rows, from, length, builder_.Ints("axis_3", {-1}), builder_.Ints("step", {1})});
    return builder_.Add("Where", "masked", {cells, scores, Number("fill", fill_)});
  }
};

TEST_F(RecomposeAttentionTest, WritesCausalAttentionAsOneNode) {
  const Model model = Build();
  const Model rewritten = Rewritten(model);
  EXPECT_THAT(notes_, ElementsAre("1 attention recomposed"));
  ASSERT_EQ(rewritten.graph.nodes.size(), 5U);  // with normalization, projection, bias and Split
  const Node& node = rewritten.graph.nodes.back();
  EXPECT_EQ(node.op_type, "MultiHeadAttention");
  EXPECT_EQ(node.name, "attended");
  EXPECT_EQ(node.IntAttribute("num_heads", 0), 2);
  EXPECT_EQ(rewritten.graph.FindInitializer("mask"), nullptr);
  ExpectSame(model, rewritten);
}

TEST_F(RecomposeAttentionTest, WritesAttentionWithoutAMask) {
  masked_ = false;
  const Model model = Build();
  const Model rewritten = Rewritten(model);
  EXPECT_EQ(CountOf(rewritten.graph, "MultiHeadAttention"), 1);
  ExpectSame(model, rewritten);
}

TEST_F(RecomposeAttentionTest, TakesAFillThatTheWeightsCannotReach) {
  fill_ = -10000;
  const Model model = Build();
  const Model rewritten = Rewritten(model);
  EXPECT_EQ(CountOf(rewritten.graph, "MultiHeadAttention"), 1);
  ExpectSame(model, rewritten);
}

TEST_F(RecomposeAttentionTest, LeavesAFillThatTheWeightsMayReach) {
  fill_ = -10000;
  deviation_ = 20;
  ExpectLeft();
}

TEST_F(RecomposeAttentionTest, LeavesAFillThatAnUnboundedInputMayReach) {
  fill_ = -10000;
  normalized_ = false;
  ExpectLeft();
}

TEST_F(RecomposeAttentionTest, LeavesMasksThatAreNotCausal) {
  mask_ = MaskOf([](auto row, auto column) { return column <= row || (row == 2 && column == 5); });
  ExpectLeft();
}

TEST_F(RecomposeAttentionTest, LeavesMasksThatHideMore) {
  mask_ = MaskOf([](auto row, auto column) { return column <= row && row - column < 4; });
  ExpectLeft();
}

TEST_F(RecomposeAttentionTest, LeavesAMaskThatIsCutElsewhere) {
  from_ = 1;
  ExpectLeft();
}

TEST_F(RecomposeAttentionTest, LeavesWeightsOverQueries) {
  axis_ = 2;
  masked_ = false;
  ExpectLeft();
}

TEST_F(RecomposeAttentionTest, LeavesWeightsThatOthersRead) {
  builder_.Output("weights_out");
  ExpectLeft();
}

}  // namespace recompose_attention_test
}  // namespace quantbench
