// Simplifying shapes: the same function with fewer nodes, and nothing that is not proven.
#include "graph/simplify_shapes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/remove_nodes.h"
#include "graph/rewrite_check.h"
#include "model_builder.h"

namespace quantbench {
namespace simplify_shapes_test {

using ::testing::Contains;
using testing::CountOf;
using ::testing::ElementsAre;
using testing::ExpectSameOutputs;
using ::testing::IsEmpty;
using testing::kBitByBit;
using testing::ModelBuilder;
using testing::Must;
using testing::OperatorsOf;
using ::testing::Pair;
using testing::RandomTensor;

class SimplifyShapesTest : public ::testing::Test {
 protected:
  std::string Add(std::string_view op, std::vector<std::string> inputs,
                  std::vector<Attribute> attributes = {}) {
    return builder_.Add(op, std::string(op) + std::to_string(counter_++), std::move(inputs),
                        std::move(attributes));
  }
  std::string Ints(const std::vector<std::int64_t>& values) {
    return builder_.Ints("i" + std::to_string(counter_++), values);
  }
  // One dimension of a tensor as exporters write it: a vector of one.
  std::string Dim(const std::string& of, std::int64_t axis) {
    const std::string index = builder_.Constant(
        "i" + std::to_string(counter_++), Tensor::Of(DataType::kInt64, {}, std::vector{axis}));
    return Add("Unsqueeze", {Add("Gather", {Add("Shape", {of}), index}), Ints({0})});
  }
  std::string Joined(std::vector<std::string> parts) {
    return Add("Concat", std::move(parts), {Attribute::Int("axis", 0)});
  }
  Model Simplified(const Model& model) {
    Model result = model;
    SimplifyShapes(&result, &notes_);
    RemoveDeadNodes(&result.graph);
    return result;
  }
  // The constant target of the only Reshape left.
  static std::vector<std::int64_t> TargetOf(const Graph& graph) {
    for (const Node& node : graph.nodes) {
      if (!node.Is("Reshape")) continue;
      const Initializer* target = graph.FindInitializer(node.inputs[1]);
      if (target == nullptr) return {};
      const Tensor tensor = Must(ReadTensor(*target));
      const auto values = tensor.As<std::int64_t>();
      return {values.begin(), values.end()};
    }
    ADD_FAILURE() << "no Reshape";
    return {};
  }

  ModelBuilder builder_;
  std::vector<std::string> notes_;
  int counter_ = 0;
};

TEST_F(SimplifyShapesTest, SplitsHeadsWithAConstantTarget) {
  const std::string x = builder_.Input("x", {-1, -1, 12});
  const std::string heads =
      Add("Reshape", {x, Joined({Dim(x, 0), Dim(x, 1), Ints({3}), Ints({4})})},
          {Attribute::Int("allowzero", 0)});
  builder_.Output(Add("Transpose", {heads}, {Attribute::Ints("perm", {0, 2, 1, 3})}));
  const Model model = builder_.Build();
  const Model simplified = Simplified(model);
  EXPECT_THAT(OperatorsOf(simplified.graph), ElementsAre(Pair("Reshape", 1), Pair("Transpose", 1)));
  EXPECT_THAT(TargetOf(simplified.graph), ElementsAre(0, 0, 3, 4));
  EXPECT_THAT(notes_, Contains("1 computed targets of Reshape made constant"));
  for (const Shape& shape : {Shape{1, 1, 12}, Shape{2, 5, 12}, Shape{0, 3, 12}}) {
    ExpectSameOutputs(model, simplified, {{"x", RandomTensor(shape, 1)}}, kBitByBit);
  }
}

TEST_F(SimplifyShapesTest, SharesOneTargetAmongReshapesAlike) {
  const std::string x = builder_.Input("x", {-1, 8});
  const std::string a = Add("Reshape", {x, Joined({Dim(x, 0), Ints({2}), Ints({4})})});
  const std::string b = Add("Relu", {x});
  builder_.Output(a).Output(Add("Reshape", {b, Joined({Dim(b, 0), Ints({2}), Ints({4})})}));
  const Model simplified = Simplified(builder_.Build());
  EXPECT_THAT(OperatorsOf(simplified.graph), ElementsAre(Pair("Relu", 1), Pair("Reshape", 2)));
  EXPECT_EQ(simplified.graph.initializers.size(), 1U);
}

TEST_F(SimplifyShapesTest, FlattensWithWhatRemainsWhereTheOthersAreNumbers) {
  const std::string x = builder_.Input("x", {-1, -1, 12});
  const std::string rows = Add("Mul", {Dim(x, 0), Dim(x, 1)});
  builder_.Output(Add("Reshape", {x, Joined({rows, Ints({12})})}));
  const Model model = builder_.Build();
  const Model simplified = Simplified(model);
  EXPECT_THAT(TargetOf(simplified.graph), ElementsAre(-1, 12));
  for (const Shape& shape : {Shape{2, 5, 12}, Shape{0, 3, 12}}) {
    ExpectSameOutputs(model, simplified, {{"x", RandomTensor(shape, 1)}}, kBitByBit);
  }
}

// [n, 2, m, 4] -> [n, 2m, 4] would be [0, -1, 4]; but with n = 0 the -1 could not be inferred.
TEST_F(SimplifyShapesTest, DoesNotInferADimensionNextToOneThatMayBeZero) {
  const std::string x = builder_.Input("x", {-1, 2, -1, 4});
  const std::string middle = Add("Mul", {Dim(x, 2), Ints({2})});
  builder_.Output(Add("Reshape", {x, Joined({Dim(x, 0), middle, Ints({4})})}));
  const Model model = builder_.Build();
  const Model simplified = Simplified(model);
  EXPECT_THAT(TargetOf(simplified.graph), IsEmpty());
  SessionOptions options;
  options.optimization = GraphOptimization::kNone;  // the engine's own would infer it, and fail
  ExpectSameOutputs(model, simplified, {{"x", RandomTensor({0, 2, 3, 4}, 1)}}, kBitByBit, options);
}

TEST_F(SimplifyShapesTest, KeepsAMinusOneThatWasThere) {
  const std::string x = builder_.Input("x", {-1, 2, -1, 4});
  builder_.Output(Add("Reshape", {x, Joined({Dim(x, 0), Ints({-1}), Ints({4})})}));
  const Model model = builder_.Build();
  const Model simplified = Simplified(model);
  EXPECT_THAT(TargetOf(simplified.graph), ElementsAre(0, -1, 4));
  ExpectSameOutputs(model, simplified, {{"x", RandomTensor({3, 2, 5, 4}, 1)}}, kBitByBit);
}

TEST_F(SimplifyShapesTest, LeavesATargetThatIsOnlyHalfProven) {
  const std::string x = builder_.Input("x", {-1, -1, 12});
  const std::string y = builder_.Input("y", {-1, -1});
  builder_.Output(Add("Reshape", {x, Joined({Dim(y, 1), Dim(y, 0), Ints({12})})}));
  Model model = builder_.Build();
  model.graph.inputs[1].dims[0].name = "other";
  const Model simplified = Simplified(model);
  EXPECT_THAT(TargetOf(simplified.graph), IsEmpty());
  ExpectSameOutputs(model, simplified,
                    {{"x", RandomTensor({2, 6, 12}, 1)}, {"y", RandomTensor({3, 4}, 1)}},
                    kBitByBit);
}

TEST_F(SimplifyShapesTest, MakesAllConstantChainsInitializers) {
  const std::string x = builder_.Input("x", {2, 12});
  const std::string rows = Add("Sub", {Dim(x, 1), Dim(x, 0)});
  builder_.Output(Add("Expand", {builder_.Weight("w", {1, 3}), Joined({rows, Ints({3})})}));
  builder_.Output(Add("Relu", {x}));
  const Model model = builder_.Build();
  const Model simplified = Simplified(model);
  EXPECT_THAT(OperatorsOf(simplified.graph), ElementsAre(Pair("Expand", 1), Pair("Relu", 1)));
  ExpectSameOutputs(model, simplified, {{"x", RandomTensor({2, 12}, 1)}}, kBitByBit);
}

TEST_F(SimplifyShapesTest, ReadsOneOfManyEqualIntegers) {
  const std::string x = builder_.Input("x", {-1, -1, 4});
  const std::string table = builder_.Weight("table", {9, 4});
  std::string y = x;
  for (int i = 0; i < 3; ++i) {
    const std::string rows = Add("Slice", {table, Ints({0}), Dim(y, 1), Ints({0})});
    y = Add("Add", {y, rows});
  }
  builder_.Output(y);
  const Model model = builder_.Build();
  const Model simplified = Simplified(model);
  EXPECT_EQ(CountOf(simplified.graph, "Shape"), 1);
  EXPECT_EQ(CountOf(simplified.graph, "Gather"), 1);
  EXPECT_EQ(CountOf(simplified.graph, "Slice"), 3);
  ExpectSameOutputs(model, simplified, {{"x", RandomTensor({2, 7, 4}, 1)}}, kBitByBit);
}

TEST_F(SimplifyShapesTest, RemovesWhatChangesNothing) {
  const std::string x = builder_.Input("x", {-1, -1, 4});
  const std::string same = Add("Reshape", {x, Joined({Dim(x, 0), Dim(x, 1), Ints({4})})});
  const std::string all = Add("Slice", {same, Ints({0}), Ints({INT64_MAX}), Ints({1})});
  const std::string expanded = Add("Expand", {all, Joined({Ints({1}), Dim(x, 1), Ints({4})})});
  builder_.Output(Add("Relu", {expanded}));
  const Model model = builder_.Build();
  const Model simplified = Simplified(model);
  EXPECT_THAT(OperatorsOf(simplified.graph), ElementsAre(Pair("Relu", 1)));
  EXPECT_THAT(notes_, Contains("3 Reshape, Expand or Slice that change nothing removed"));
  ExpectSameOutputs(model, simplified, {{"x", RandomTensor({2, 3, 4}, 1)}}, kBitByBit);
}

TEST_F(SimplifyShapesTest, KeepsASliceThatReverses) {
  const std::string x = builder_.Input("x", {-1, 4});
  const std::string reversed =
      Add("Slice", {x, Ints({-1}), Ints({INT64_MIN}), Ints({1}), Ints({-1})});
  builder_.Output(Add("Relu", {reversed}));
  EXPECT_EQ(CountOf(Simplified(builder_.Build()).graph, "Slice"), 1);
}

TEST_F(SimplifyShapesTest, KeepsNodesThatAreOutputs) {
  const std::string x = builder_.Input("x", {2, 4});
  builder_.Output(Add("Shape", {x}), DataType::kInt64);
  builder_.Output(Add("Reshape", {x, Ints({2, 4})}));
  const Model model = builder_.Build();
  const Model simplified = Simplified(model);
  EXPECT_THAT(OperatorsOf(simplified.graph), ElementsAre(Pair("Reshape", 1), Pair("Shape", 1)));
  ExpectSameOutputs(model, simplified, {{"x", RandomTensor({2, 4}, 1)}}, kBitByBit);
}

TEST_F(SimplifyShapesTest, ServesSubgraphsThatReadWhatBecameConstant) {
  ModelBuilder inner;
  inner.Output(inner.Add("Identity", "copy", {"Shape0_out"}), DataType::kInt64);
  Attribute then_branch;
  then_branch.name = "then_branch";
  then_branch.type = AttributeType::kGraph;
  then_branch.graphs = {inner.Build().graph};
  Attribute else_branch = then_branch;
  else_branch.name = "else_branch";
  const std::string x = builder_.Input("x", {2, 4});
  builder_.Input("c", {}, DataType::kBool);
  Add("Shape", {x});
  builder_.Output(Add("If", {"c"}, {then_branch, else_branch}), DataType::kInt64);
  const Model model = builder_.Build();
  const Model simplified = Simplified(model);
  EXPECT_EQ(CountOf(simplified.graph, "Shape"), 0);
  ExpectSameOutputs(model, simplified,
                    {{"x", RandomTensor({2, 4}, 1)},
                     {"c", Tensor::Of(DataType::kBool, {}, std::vector<std::uint8_t>{1})}},
                    kBitByBit);
}

}  // namespace simplify_shapes_test
}  // namespace quantbench
