// Structure: what CheckModel refuses, and which element it names.
#include <functional>

#include <gtest/gtest.h>

#include "model/everything_model.h"

namespace quantbench {
namespace check_test {

std::string ErrorOf(const onnx::ModelProto& oracle) {
  const auto model = ParseText(oracle.SerializeAsString());
  if (!model.ok()) return "unreadable: " + model.error().message();
  const auto checked = CheckModel(model.value());
  return checked.ok() ? "" : checked.error().message();
}

// The error of a model of which the graph was edited.
std::string After(const std::function<void(onnx::GraphProto*)>& edit) {
  onnx::ModelProto model = AddModel();
  edit(model.mutable_graph());
  return ErrorOf(model);
}

TEST(Check, PassesSoundModels) {
  EXPECT_EQ(ErrorOf(AddModel()), "");
  EXPECT_EQ(ErrorOf(EverythingModel()), "");
}

TEST(Check, PassesOldModelsWhoseInitializersAreInputs) {
  onnx::ModelProto model = AddModel();
  model.set_ir_version(3);
  AddValue(model.mutable_graph()->add_input(), "bias", {3});
  EXPECT_EQ(ErrorOf(model), "");
  const auto parsed = ParseText(model.SerializeAsString());
  const auto inputs = parsed.value().RuntimeInputs();
  ASSERT_EQ(inputs.size(), 1U);
  EXPECT_EQ(inputs[0]->name, "x");
}

TEST(Check, NamesANodeThatReadsWhatNothingDefines) {
  EXPECT_EQ(After([](auto* graph) { graph->mutable_node(0)->set_input(1, "weight"); }),
            "node \"Add_y\" (Add) reads \"weight\", which nothing defines");
}

TEST(Check, NamesNodesThatAreNotSorted) {
  EXPECT_EQ(After([](auto* graph) {
              AddNode(graph, "Relu", {"x"}, "later");
              graph->mutable_node(0)->set_input(1, "later");
            }),
            "node \"Add_y\" (Add) reads \"later\", which node \"Relu_later\" (Relu) defines only "
            "later; nodes must be sorted");
  EXPECT_EQ(After([](auto* graph) { graph->mutable_node(0)->set_input(1, "y"); }),
            "node \"Add_y\" (Add) reads \"y\", which it defines only later; nodes must be sorted");
}

TEST(Check, RefusesNamesThatAreDefinedTwice) {
  EXPECT_EQ(After([](auto* graph) { AddNode(graph, "Relu", {"x"}, "y"); }),
            "node \"Relu_y\" (Relu) defines \"y\", which is defined already");
  EXPECT_EQ(After([](auto* graph) { AddNode(graph, "Relu", {"y"}, "bias"); }),
            "node \"Relu_bias\" (Relu) defines \"bias\", which is defined already");
  EXPECT_EQ(After([](auto* graph) { *graph->add_initializer() = graph->initializer(0); }),
            "initializer \"bias\" is defined twice");
  EXPECT_EQ(After([](auto* graph) {
              *graph->add_sparse_initializer()->mutable_values() = graph->initializer(0);
            }),
            "initializer \"bias\" is defined twice");
  EXPECT_EQ(After([](auto* graph) { *graph->add_input() = graph->input(0); }),
            "input \"x\" is listed twice");
  EXPECT_EQ(After([](auto* graph) { *graph->add_output() = graph->output(0); }),
            "output \"y\" is listed twice");
}

TEST(Check, RefusesOutputsThatNothingDefines) {
  EXPECT_EQ(After([](auto* graph) { graph->mutable_output(0)->set_name("z"); }),
            "output \"z\" is defined by nothing");
}

TEST(Check, RefusesNamelessParts) {
  EXPECT_EQ(After([](auto* graph) { graph->mutable_node(0)->clear_op_type(); }),
            "node \"Add_y\" () names no operator");
  EXPECT_EQ(After([](auto* graph) { graph->mutable_initializer(0)->clear_name(); }),
            "an initializer has no name");
}

TEST(Check, TakesSparseInitializersForDefinitions) {
  EXPECT_EQ(After([](auto* graph) {
              SetFloats(graph->add_sparse_initializer()->mutable_values(), "sparse", {1});
              graph->mutable_node(0)->set_input(1, "sparse");
            }),
            "");
}

TEST(Check, LetsSubgraphsSeeOuterNamesButNotTheOtherWayRound) {
  onnx::ModelProto model = EverythingModel();
  AddNode(model.mutable_graph(), "Relu", {"local"}, "late");  // a name of the branches
  EXPECT_EQ(ErrorOf(model), "node \"Relu_late\" (Relu) reads \"local\", which nothing defines");
  model = EverythingModel();
  onnx::GraphProto* body =
      model.mutable_graph()->mutable_node(1)->mutable_attribute(1)->mutable_g();
  body->mutable_node(0)->set_input(0, "twice");  // comes after the If
  EXPECT_EQ(ErrorOf(model),
            "node \"If_chosen\" (If): node \"Add_sum\" (Add) reads \"twice\", which nothing "
            "defines");
}

TEST(Check, MeasuresPayloads) {
  EXPECT_EQ(After([](auto* graph) { graph->mutable_initializer(0)->set_dims(0, 4); }),
            "initializer \"bias\": float32 of shape [4] needs 16 bytes, not 12");
  EXPECT_EQ(After([](auto* graph) { graph->mutable_initializer(0)->clear_data_type(); }),
            "initializer \"bias\" has no element type");
  EXPECT_EQ(After([](auto* graph) {
              graph->mutable_initializer(0)->set_dims(0, INT64_MAX);
              graph->mutable_initializer(0)->add_dims(4);
            }),
            "initializer \"bias\": shape [9223372036854775807, 4] is too large");
  onnx::ModelProto model = EverythingModel();
  model.mutable_graph()->mutable_node(2)->mutable_attribute(3)->mutable_t()->set_dims(0, 9);
  EXPECT_EQ(ErrorOf(model),
            "node \"Twice_twice\" (Twice): initializer \"inner\": float32 of shape [9] needs 36 "
            "bytes, not 8");
}

TEST(Check, LeavesUnknownElementTypesAlone) {
  EXPECT_EQ(After([](auto* graph) { graph->mutable_initializer(0)->set_data_type(99); }), "");
}

TEST(Check, JudgesAHundredThousandNodesInAChain) {
  onnx::ModelProto model = AddModel();
  std::string last = "y";
  for (int i = 0; i < 100'000; ++i) {
    const std::string next = Format("v{}", i);
    AddNode(model.mutable_graph(), "Relu", {last}, next);
    last = next;
  }
  EXPECT_EQ(ErrorOf(model), "");
}

}  // namespace check_test
}  // namespace quantbench
