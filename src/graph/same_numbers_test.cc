// Equal and mirrored tensors: found when they are, never when they only look so.
#include "graph/same_numbers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/permute.h"
#include "graph/rewrite_check.h"
#include "model_builder.h"

namespace quantbench {
namespace same_numbers_test {

using ::testing::ElementsAre;
using testing::ExpectSameOutputs;
using ::testing::IsEmpty;
using testing::kBitByBit;
using testing::ModelBuilder;
using testing::Must;
using testing::RandomTensor;

TEST(MergeDuplicates, KeepsOneOfEqualWeightsAndAllOthers) {
  ModelBuilder builder;
  std::string x = builder.Input("x", {-1, 32});
  const Tensor weight = RandomTensor({32, 32}, 1);
  Tensor almost = weight;
  almost.As<float>()[1000] += 1;
  Tensor narrow = weight;
  narrow.shape = {16, 64};
  int number = 0;
  for (const Tensor& tensor : {weight, almost, weight, weight}) {
    const std::string name = "w" + std::to_string(number++);
    x = builder.Add("MatMul", name + "_product", {x, builder.Constant(name, tensor)});
  }
  builder.Output(x);
  builder.Output(builder.Add("Relu", "relu", {builder.Constant("narrow", narrow)}));
  const Model model = builder.Build();
  Model merged = model;
  std::vector<std::string> notes;
  Must(MergeDuplicates(&merged, &notes));
  std::vector<std::string> left;
  for (const Initializer& tensor : merged.graph.initializers) left.push_back(tensor.name);
  EXPECT_THAT(left, ElementsAre("w0", "w1", "narrow"));
  EXPECT_THAT(notes, ElementsAre("2 initializers that repeat another (8.19 kB) merged into it"));
  ExpectSameOutputs(model, merged, {{"x", RandomTensor({2, 32}, 2, 0.1)}}, kBitByBit);
}

TEST(MergeDuplicates, ComparesBitsAndServesSubgraphs) {
  ModelBuilder inner;
  inner.Output(inner.Add("Neg", "n", {"b"}));
  Attribute body;
  body.name = "then_branch";
  body.type = AttributeType::kGraph;
  body.graphs = {inner.Build().graph};
  ModelBuilder builder;
  builder.Constant("a", Tensor::OfFloats({2}, {0, 1}));
  builder.Constant("b", Tensor::OfFloats({2}, {0, 1}));
  builder.Constant("c", Tensor::OfFloats({2}, {-0.0F, 1}));
  builder.AddNode("If", "if", {"cond"}, {"y"}, {body});
  builder.AddNode("Add", "add", {"a", "c"}, {"z"});
  Model model = builder.Build();
  std::vector<std::string> notes;
  Must(MergeDuplicates(&model, &notes));
  EXPECT_EQ(model.graph.initializers.size(), 2U);
  EXPECT_THAT(model.graph.nodes[0].attributes[0].graphs[0].nodes[0].inputs, ElementsAre("a"));
  EXPECT_THAT(model.graph.nodes[1].inputs, ElementsAre("a", "c"));
}

TEST(MergeDuplicates, LeavesAModelWithoutDuplicates) {
  ModelBuilder builder;
  for (const char* name : {"a", "b"}) {
    builder.Output(builder.Add("Relu", name, {builder.Weight(std::string(name) + "w", {8, 8})}));
  }
  Model model = builder.Build();
  std::vector<std::string> notes;
  Must(MergeDuplicates(&model, &notes));
  EXPECT_EQ(model.graph.initializers.size(), 2U);
  EXPECT_THAT(notes, IsEmpty());
}

Initializer Mirrored(const Tensor& tensor) {
  return Must(Permuted(Initializer::Of("", tensor), Shape{1, 0}, "mirrored"));
}

TEST(IsTranspose, HoldsForTransposesOnly) {
  const Initializer table = Initializer::Of("table", RandomTensor({300, 40}, 1));
  const Initializer head = Mirrored(Must(ReadTensor(table)));
  EXPECT_TRUE(Must(IsTranspose(table, head)));
  EXPECT_TRUE(Must(IsTranspose(head, table)));
  EXPECT_FALSE(Must(IsTranspose(table, table)));
  EXPECT_FALSE(Must(IsTranspose(table, Mirrored(RandomTensor({300, 40}, 2)))));
  EXPECT_FALSE(Must(IsTranspose(table, Mirrored(RandomTensor({301, 40}, 1)))));
}

TEST(IsTranspose, SeesEveryBit) {
  const Initializer table = Initializer::Of("table", RandomTensor({300, 40}, 1));
  for (const std::size_t place : {0U, 6001U, 11999U}) {
    Tensor changed = Must(ReadTensor(Mirrored(Must(ReadTensor(table)))));
    changed.As<std::uint32_t>()[place] ^= 1U;
    EXPECT_FALSE(Must(IsTranspose(table, Initializer::Of("head", changed)))) << place;
  }
}

// Within the tiles that are compared at once, and beside them.
TEST(IsTranspose, SeesEveryPlace) {
  const Tensor numbers = RandomTensor({37, 21}, 1);
  const Tensor mirrored = Must(ReadTensor(Mirrored(numbers)));
  const Initializer table = Initializer::Of("table", numbers);
  EXPECT_TRUE(Must(IsTranspose(table, Initializer::Of("head", mirrored))));
  for (std::size_t place = 0; place < 37 * 21; ++place) {
    Tensor changed = mirrored;
    changed.As<std::uint32_t>()[place] ^= 1U << place % 32;
    EXPECT_FALSE(Must(IsTranspose(table, Initializer::Of("head", changed)))) << place;
  }
}

TEST(IsTranspose, IsFalseForOtherTypesAndRanks) {
  const Initializer ints = Initializer::Of("i", Must(Tensor::Make(DataType::kInt32, {100, 100})));
  EXPECT_FALSE(Must(IsTranspose(ints, ints)));
  const Initializer cube =
      Initializer::Of("c", Must(Tensor::Make(DataType::kFloat32, {20, 20, 20})));
  EXPECT_FALSE(Must(IsTranspose(cube, cube)));
  const Initializer empty = Initializer::Of("e", Must(Tensor::Make(DataType::kFloat32, {0, 0})));
  EXPECT_TRUE(Must(IsTranspose(empty, empty)));
}

}  // namespace same_numbers_test
}  // namespace quantbench
