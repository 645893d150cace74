// GraphIndex: producers, consumers and borders of a graph.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/everything_model.h"

namespace quantbench {
namespace graph_index_test {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Graph Parsed(const onnx::ModelProto& oracle) {
  auto model = ParseText(oracle.SerializeAsString());
  QB_CHECK(model.ok(), "a model of the oracle");
  return std::move(model).value().graph;
}

TEST(GraphIndex, FindsProducers) {
  const Graph graph = Parsed(EverythingModel());
  const GraphIndex index(graph);
  EXPECT_EQ(index.Producer("chosen"), &graph.nodes[1]);
  EXPECT_EQ(index.ProducerIndex("twice"), 2);
  EXPECT_EQ(index.Producer("x"), nullptr);
  EXPECT_EQ(index.ProducerIndex("bias"), -1);
  EXPECT_EQ(index.Producer(""), nullptr);
  EXPECT_EQ(index.Producer("sum"), nullptr);  // inside the branches
}

TEST(GraphIndex, CountsReadersOnceAndLooksIntoSubgraphs) {
  onnx::ModelProto model = EverythingModel();
  AddNode(model.mutable_graph(), "Mul", {"bias", "bias"}, "square");
  const Graph graph = Parsed(model);
  const GraphIndex index(graph);
  EXPECT_THAT(index.Consumers("y"), ElementsAre(1));  // both branches of the If
  EXPECT_THAT(index.Consumers("bias"), ElementsAre(0, 3));
  EXPECT_THAT(index.Consumers("square"), IsEmpty());
  EXPECT_THAT(index.Consumers(""), IsEmpty());
}

TEST(GraphIndex, DoesNotTakeNamesOfASubgraphForOuterOnes) {
  onnx::ModelProto model = EverythingModel();
  AddNode(model.mutable_graph(), "Relu", {"x"}, "local");
  const Graph graph = Parsed(model);
  const GraphIndex index(graph);
  EXPECT_THAT(index.Consumers("local"), IsEmpty());
  EXPECT_THAT(index.Consumers("sum"), IsEmpty());
}

TEST(GraphIndex, SeesValuesThatASubgraphOnlyReturns) {
  onnx::ModelProto model = EverythingModel();
  onnx::GraphProto* body =
      model.mutable_graph()->mutable_node(1)->mutable_attribute(0)->mutable_g();
  body->clear_node();
  body->mutable_output(0)->set_name("x");
  const Graph graph = Parsed(model);
  EXPECT_THAT(GraphIndex(graph).Consumers("x"), ElementsAre(0, 1));
}

TEST(GraphIndex, KnowsBordersAndInitializers) {
  const Graph graph = Parsed(EverythingModel());
  const GraphIndex index(graph);
  EXPECT_TRUE(index.IsGraphInput("x"));
  EXPECT_FALSE(index.IsGraphInput("y"));
  EXPECT_TRUE(index.IsGraphOutput("y"));
  EXPECT_FALSE(index.IsGraphOutput("twice"));
  EXPECT_EQ(index.FindInitializer("bias"), &graph.initializers[0]);
  EXPECT_EQ(graph.FindInitializer("bias"), &graph.initializers[0]);
  EXPECT_EQ(index.FindInitializer("local"), nullptr);
  EXPECT_EQ(graph.FindInitializer("local"), nullptr);
}

}  // namespace graph_index_test
}  // namespace quantbench
