// Editing graphs: names stay unique, reads follow, nothing that is read is removed.
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/graph.h"

#include "model_builder.h"

namespace quantbench {
namespace graph_edit_test {

using ::testing::ElementsAre;
using testing::ModelBuilder;

Attribute Body(const Graph& graph) {
  Attribute body;
  body.name = "then_branch";
  body.type = AttributeType::kGraph;
  body.graphs = {graph};
  return body;
}

TEST(ListNodes, GivesEveryNodeANameOfItsOwn) {
  ModelBuilder builder;
  builder.AddNode("Relu", "same", {"x"}, {"a"});
  builder.AddNode("Relu", "same", {"a"}, {"b"});
  builder.AddNode("Relu", "", {"b"}, {"same#2"});
  builder.AddNode("Relu", "a", {"b"}, {"b"});
  builder.AddNode("Sink", "", {"b"}, {});
  builder.AddNode("Sink", "", {"b"}, {});
  std::set<std::string> names;
  for (const NodeRef& node : ListNodes(builder.Build().graph)) names.insert(node.name);
  EXPECT_EQ(names.size(), 6U);
  EXPECT_TRUE(names.contains("same"));
  EXPECT_TRUE(names.contains("b"));
}

TEST(ListNodes, MarksNodesOfSubgraphs) {
  ModelBuilder inner;
  inner.AddNode("Relu", "inside", {"x"}, {"y"});
  ModelBuilder builder;
  builder.AddNode("If", "if", {"c"}, {"z"}, {Body(inner.Build().graph)});
  builder.AddNode("Relu", "after", {"z"}, {"w"});
  const Model model = builder.Build();
  const std::vector<NodeRef> nodes = ListNodes(model.graph);
  ASSERT_EQ(nodes.size(), 3U);
  EXPECT_EQ(nodes[0].index, 0);
  EXPECT_EQ(nodes[1].name, "inside");
  EXPECT_EQ(nodes[1].index, -1);
  EXPECT_EQ(nodes[2].index, 1);
}

TEST(NameSource, AvoidsEveryNameOfTheModelAndItsOwn) {
  ModelBuilder inner;
  inner.AddNode("Relu", "n", {"outer"}, {"inner_value"});
  ModelBuilder builder;
  builder.Input("x", {1});
  builder.Weight("w", {4});
  builder.AddNode("If", "if", {"c"}, {"z"}, {Body(inner.Build().graph)});
  NameSource names(builder.Build().graph);
  for (const char* taken : {"x", "w", "if", "c", "z", "n", "outer", "inner_value"}) {
    EXPECT_EQ(names.Fresh(taken), std::string(taken) + "_2");
  }
  EXPECT_EQ(names.Fresh("new"), "new");
  EXPECT_EQ(names.Fresh("new"), "new_2");
  EXPECT_EQ(names.Fresh("new"), "new_3");
}

TEST(RenameReads, ReachesSubgraphsAndLeavesWrites) {
  ModelBuilder inner;
  inner.AddNode("Relu", "n", {"old"}, {"y"});
  inner.Output("old");
  ModelBuilder builder;
  builder.AddNode("Relu", "writer", {"x"}, {"old"});
  builder.AddNode("If", "if", {"old"}, {"z"}, {Body(inner.Build().graph)});
  builder.Output("old");
  Model model = builder.Build();
  RenameReads({{"old", "new"}}, &model.graph);
  EXPECT_THAT(model.graph.nodes[0].outputs, ElementsAre("old"));
  EXPECT_THAT(model.graph.nodes[1].inputs, ElementsAre("new"));
  const Graph& body = model.graph.nodes[1].attributes[0].graphs[0];
  EXPECT_THAT(body.nodes[0].inputs, ElementsAre("new"));
  EXPECT_EQ(body.outputs[0].name, "new");
  EXPECT_EQ(model.graph.outputs[0].name, "old");
}

TEST(RemoveUnread, RemovesOnlyCandidatesThatNothingReads) {
  ModelBuilder inner;
  inner.AddNode("Relu", "n", {"read_inside"}, {"y"});
  ModelBuilder builder;
  builder.Input("unread", {4});
  for (const char* name : {"unread", "read_inside", "output", "no_candidate"})
    builder.Weight(name, {4});
  builder.AddNode("If", "if", {"c"}, {"z"}, {Body(inner.Build().graph)});
  builder.Output("output");
  Model model = builder.Build();
  RemoveUnread({"unread", "read_inside", "output"}, &model.graph);
  std::vector<std::string> left;
  for (const Initializer& tensor : model.graph.initializers) left.push_back(tensor.name);
  EXPECT_THAT(left, ElementsAre("read_inside", "output", "no_candidate"));
  EXPECT_TRUE(model.graph.inputs.empty());
}

TEST(InferElementTypes, FollowsCastsShapesAndComparisons) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {4});
  const std::string shape = builder.Add("Shape", "shape", {x});
  const std::string part = builder.Add("Gather", "part", {shape, builder.Ints("zero", {0})});
  const std::string cast = builder.Add("Cast", "cast", {part}, {Attribute::Int("to", 1)});
  const std::string equal = builder.Add("Equal", "equal", {x, x});
  const std::string where = builder.Add("Where", "where", {equal, cast, x});
  const std::string chosen = builder.Add("If", "if", {equal}, {Body(Graph())});
  const Model model = builder.Build();
  const ElementTypes types = InferElementTypes(model.graph);
  EXPECT_EQ(types.at(shape), DataType::kInt64);
  EXPECT_EQ(types.at(part), DataType::kInt64);
  EXPECT_EQ(types.at(cast), DataType::kFloat32);
  EXPECT_EQ(types.at(equal), DataType::kBool);
  EXPECT_EQ(types.at(where), DataType::kFloat32);
  EXPECT_FALSE(types.contains(chosen));
}

}  // namespace graph_edit_test
}  // namespace quantbench
