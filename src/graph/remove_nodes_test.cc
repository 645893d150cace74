// Removing nodes: what something reads stays.
#include "graph/remove_nodes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/rewrite_check.h"
#include "model_builder.h"

namespace quantbench {
namespace remove_nodes_test {

using ::testing::ElementsAre;
using testing::ModelBuilder;
using testing::OperatorsOf;
using ::testing::Pair;

Attribute Body(const Graph& graph) {
  Attribute body;
  body.name = "then_branch";
  body.type = AttributeType::kGraph;
  body.graphs = {graph};
  return body;
}

TEST(RemoveDeadNodes, RemovesChainsWithTheWeightsThatOnlyTheyRead) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {4});
  const std::string both = builder.Weight("both", {4});
  builder.Output(builder.Add("Add", "live", {x, both}));
  const std::string dead = builder.Add("Mul", "dead", {x, builder.Weight("gone", {4})});
  builder.Add("Sub", "dead_too", {dead, both});
  Graph graph = builder.Build().graph;
  EXPECT_EQ(RemoveDeadNodes(&graph), 2);
  EXPECT_THAT(OperatorsOf(graph), ElementsAre(Pair("Add", 1)));
  ASSERT_EQ(graph.initializers.size(), 1U);
  EXPECT_EQ(graph.initializers[0].name, "both");
}

TEST(RemoveDeadNodes, KeepsWhatSubgraphsReadAndOneOutputOfMany) {
  ModelBuilder inner;
  inner.Add("Neg", "unread", {"read_inside_out"});
  inner.Output(inner.Add("Relu", "n", {"read_inside_out"}));
  ModelBuilder builder;
  const std::string x = builder.Input("x", {4});
  builder.Add("Abs", "read_inside", {x});
  builder.AddNode("Split", "split", {x}, {"left", "right"});
  builder.AddNode("If", "if", {"left"}, {"z"}, {Body(inner.Build().graph)});
  builder.Output("z");
  Graph graph = builder.Build().graph;
  EXPECT_EQ(RemoveDeadNodes(&graph), 1);
  EXPECT_EQ(graph.nodes.size(), 3U);
  EXPECT_THAT(OperatorsOf(graph.nodes[2].attributes[0].graphs[0]), ElementsAre(Pair("Relu", 1)));
}

TEST(RemoveDeadNodes, LeavesAGraphWithoutDeadNodesAndSurvivesCycles) {
  ModelBuilder builder;
  builder.AddNode("Relu", "a", {"v"}, {"u"});
  builder.AddNode("Relu", "b", {"u"}, {"v"});
  builder.Output("v");
  Graph graph = builder.Build().graph;
  EXPECT_EQ(RemoveDeadNodes(&graph), 0);
  EXPECT_EQ(graph.nodes.size(), 2U);
}

}  // namespace remove_nodes_test
}  // namespace quantbench
