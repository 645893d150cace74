// Removing idle nodes: only what hands on its input as it is.
#include "graph/remove_idle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/remove_nodes.h"
#include "graph/rewrite_check.h"
#include "model_builder.h"

namespace quantbench {
namespace remove_idle_test {

using testing::CountOf;
using ::testing::ElementsAre;
using testing::ExpectSameOutputs;
using ::testing::IsEmpty;
using testing::kBitByBit;
using testing::ModelBuilder;
using testing::OperatorsOf;
using ::testing::Pair;
using testing::RandomTensor;

Model WithoutIdle(const Model& model, std::vector<std::string>* notes = nullptr) {
  std::vector<std::string> ignored;
  Model result = model;
  RemoveIdle(&result, notes == nullptr ? &ignored : notes);
  RemoveDeadNodes(&result.graph);
  return result;
}

Attribute Perm(std::vector<std::int64_t> order) {
  return Attribute::Ints("perm", std::move(order));
}

TEST(RemoveIdle, RemovesChainsOfAllKinds) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 3, 4});
  const std::string identity = builder.Add("Identity", "identity", {x});
  const std::string dropped = builder.Add("Dropout", "dropout", {identity});
  const std::string cast = builder.Add("Cast", "cast", {dropped}, {Attribute::Int("to", 1)});
  const std::string there = builder.Add("Transpose", "there", {cast}, {Perm({1, 2, 0})});
  const std::string back = builder.Add("Transpose", "back", {there}, {Perm({2, 0, 1})});
  builder.Output(builder.Add("Relu", "relu", {back}));
  const Model model = builder.Build();
  std::vector<std::string> notes;
  const Model result = WithoutIdle(model, &notes);
  EXPECT_THAT(OperatorsOf(result.graph), ElementsAre(Pair("Relu", 1)));
  EXPECT_THAT(result.graph.nodes[0].inputs, ElementsAre("x"));
  EXPECT_THAT(notes, ElementsAre("4 Identity, idle Dropout, Cast or pairs of Transpose removed"));
  ExpectSameOutputs(model, result, {{"x", RandomTensor({2, 3, 4}, 1)}}, kBitByBit);
}

TEST(RemoveIdle, KeepsTransposesThatDoNotUndoEachOther) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 3, 4});
  const std::string there = builder.Add("Transpose", "there", {x}, {Perm({1, 2, 0})});
  const std::string twice = builder.Add("Transpose", "twice", {there}, {Perm({1, 2, 0})});
  builder.Output(builder.Add("Relu", "relu", {twice}));
  EXPECT_EQ(CountOf(WithoutIdle(builder.Build()).graph, "Transpose"), 2);
}

TEST(RemoveIdle, KeepsATransposeThatOthersReadAndReversesWithoutPerm) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 3, 4});
  const std::string there = builder.Add("Transpose", "there", {x});
  const std::string back = builder.Add("Transpose", "back", {there}, {Perm({2, 1, 0})});
  builder.Output(builder.Add("Relu", "relu", {back})).Output(builder.Add("Abs", "abs", {there}));
  const Model model = builder.Build();
  const Model result = WithoutIdle(model);
  EXPECT_EQ(CountOf(result.graph, "Transpose"), 1);
  ExpectSameOutputs(model, result, {{"x", RandomTensor({2, 3, 4}, 1)}}, kBitByBit);
}

TEST(RemoveIdle, KeepsCastsThatConvertAndDropoutThatTrainsOrWhoseMaskIsRead) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 4});
  const std::string ints = builder.Add("Cast", "ints", {x}, {Attribute::Int("to", 7)});
  const std::string floats = builder.Add("Cast", "floats", {ints}, {Attribute::Int("to", 1)});
  const std::string ratio = builder.Constant("ratio", Tensor::OfFloats({}, {0.5F}));
  const std::string yes =
      builder.Constant("yes", Tensor::Of(DataType::kBool, {}, std::vector<std::uint8_t>{1}));
  const std::string trains = builder.Add("Dropout", "trains", {floats, ratio, yes});
  builder.AddNode("Dropout", "masked", {trains}, {"kept", "mask"});
  builder.Output(builder.Add("Relu", "relu", {"kept"})).Output("mask", DataType::kBool);
  std::vector<std::string> notes;
  EXPECT_THAT(OperatorsOf(WithoutIdle(builder.Build(), &notes).graph),
              ElementsAre(Pair("Cast", 2), Pair("Dropout", 2), Pair("Relu", 1)));
  EXPECT_THAT(notes, IsEmpty());
}

TEST(RemoveIdle, DoesNotTrustTypesOfUnknownOperators) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 4});
  builder.AddNode("Strange", "strange", {x}, {"s"});
  Model model = builder.Build();
  model.graph.nodes[0].domain = "somebody";
  model.graph.nodes.push_back(MakeNode("Cast", "cast", {"s"}, {"y"}, {Attribute::Int("to", 1)}));
  model.graph.nodes.push_back(MakeNode("Relu", "relu", {"y"}, {"z"}));
  model.graph.outputs.emplace_back().name = "z";
  EXPECT_EQ(CountOf(WithoutIdle(model).graph, "Cast"), 1);
}

TEST(RemoveIdle, KeepsOutputsByTheirNames) {
  ModelBuilder builder;
  builder.Output(builder.Add("Identity", "identity", {builder.Input("x", {4})}));
  EXPECT_EQ(CountOf(WithoutIdle(builder.Build()).graph, "Identity"), 1);
}

}  // namespace remove_idle_test
}  // namespace quantbench
