// Hostile structure is refused before anything is made of it, and the error says where.
#include "model/survey.h"

#include <gtest/gtest.h>

#include "model/everything_model.h"
#include "model/shuffled.h"

namespace quantbench {
namespace survey_test {

std::string ErrorOf(const std::string& text, const ModelLimits& limits = {}) {
  const auto model = ParseText(text, limits);
  return model.ok() ? "" : model.error().message();
}

std::string ErrorOf(const onnx::ModelProto& model, const ModelLimits& limits = {}) {
  return ErrorOf(model.SerializeAsString(), limits);
}

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// If nodes inside each other: three messages a level.
onnx::ModelProto Nested(int levels) {
  onnx::ModelProto model = AddModel();
  onnx::GraphProto* graph = model.mutable_graph();
  for (int level = 0; level < levels; ++level) {
    onnx::NodeProto* node = AddNode(graph, "If", {"x"}, Format("v{}", level));
    graph = AddAttribute(node, "then_branch", onnx::AttributeProto::GRAPH)->mutable_g();
  }
  return model;
}

TEST(Survey, TakesTwentyNestedGraphsAndRefusesTwoHundred) {
  EXPECT_EQ(ErrorOf(Nested(20)), "");
  const std::string error = ErrorOf(Nested(200));
  EXPECT_TRUE(Has(error, "messages are nested deeper than 100 levels")) << error;
  EXPECT_TRUE(Has(error, "node \"If_v")) << error;
}

TEST(Survey, CountsTheDepthOfPartsThatAreOnlyPassedThrough) {
  onnx::ModelProto type = AddModel();
  onnx::TypeProto* deep = type.mutable_graph()->add_value_info()->mutable_type();
  for (int i = 0; i < 100; ++i) deep = deep->mutable_sequence_type()->mutable_elem_type();
  EXPECT_TRUE(Has(ErrorOf(type), "deeper than 100 levels"));
  onnx::ModelProto function = AddModel();
  *function.add_functions()->add_node() = Nested(40).graph().node(1);
  EXPECT_TRUE(Has(ErrorOf(function), "deeper than 100 levels"));
}

TEST(Survey, TakesTheDepthOfTheLimits) {
  ModelLimits limits;
  limits.depth = 400;
  EXPECT_EQ(ErrorOf(Nested(100), limits), "");
  const auto model = ParseText(Nested(100).SerializeAsString(), limits);
  EXPECT_EQ(EncodeText(model.value()), Nested(100).SerializeAsString());
}

TEST(Survey, KeepsTheLimits) {
  ModelLimits limits;
  limits.nodes = 2;
  EXPECT_EQ(ErrorOf(EverythingModel(), limits),
            "node \"If_chosen\", attribute \"then_branch\": more than the limit of 2 nodes");
  limits = {};
  limits.initializers = 3;
  EXPECT_TRUE(Has(ErrorOf(EverythingModel(), limits), "more than the limit of 3 tensors"));
  limits = {};
  limits.elements = 20;
  EXPECT_TRUE(Has(ErrorOf(EverythingModel(), limits), "more than the limit of 20 messages"));
  onnx::ModelProto names = AddModel();
  for (int i = 0; i < 20; ++i) names.mutable_graph()->mutable_node(0)->add_input("");
  EXPECT_TRUE(Has(ErrorOf(names, limits), "node 1: more than the limit of 20 messages and names"))
      << ErrorOf(names, limits);
}

TEST(Survey, TakesLongNamesUpToTheLimit) {
  ModelLimits limits;
  limits.name_bytes = 1000;
  onnx::ModelProto model = AddModel();
  model.mutable_graph()->mutable_node(0)->set_name(std::string(1000, 'n'));
  EXPECT_EQ(ErrorOf(model, limits), "");
  model.mutable_graph()->mutable_node(0)->set_name(std::string(1001, 'n'));
  EXPECT_TRUE(Has(ErrorOf(model, limits), "a text of 1.00 kB is longer than the limit of 1.00 kB"))
      << ErrorOf(model, limits);
  model = AddModel();
  onnx::NodeProto* node = model.mutable_graph()->mutable_node(0);
  AddAttribute(node, "s", onnx::AttributeProto::STRING)->set_s(std::string(1001, 's'));
  EXPECT_TRUE(Has(ErrorOf(model, limits), "attribute \"s\""));
}

TEST(Survey, TakesHostileNamesAndPrintsThemSafely) {
  onnx::ModelProto model = AddModel();
  onnx::TensorProto* tensor = model.mutable_graph()->mutable_initializer(0);
  tensor->set_name("a\x1b[31m\nb\xff");
  EXPECT_EQ(ErrorOf(model), "");
  tensor->mutable_segment()->set_begin(1);
  EXPECT_EQ(ErrorOf(model),
            "initializer \"a\\x1b[31m\\x0ab\\xff\": tensors in segments are not supported");
}

TEST(Survey, RefusesNumbersThatAreGivenTwice) {
  onnx::ModelProto model = AddModel();
  onnx::TensorProto* tensor = model.mutable_graph()->mutable_initializer(0);
  tensor->add_float_data(1);
  EXPECT_EQ(ErrorOf(model), "initializer \"bias\": its numbers are given twice, in different ways");
}

TEST(Survey, RefusesManyDimensionsAndUnknownDataLocations) {
  onnx::ModelProto model = AddModel();
  for (int i = 0; i < 64; ++i) model.mutable_graph()->mutable_initializer(0)->add_dims(1);
  EXPECT_EQ(ErrorOf(model), "initializer \"bias\": more than 64 dimensions");
  std::string text = AddModel().SerializeAsString();
  const std::size_t name = text.find(
      "\x42\x04"
      "bias");  // field 8
  ASSERT_NE(name, std::string::npos);
  text.replace(name, 6,
               "\x42\x02"
               "bi\x70\x07");  // a shorter name, and data_location = 7
  EXPECT_EQ(ErrorOf(text),
            "initializer \"bi\": data location 7 is neither in the model nor external");
}

TEST(Survey, LooksAtTensorsInFunctionsSparseTensorsAndTraining) {
  const auto segment = [](onnx::TensorProto* tensor) { tensor->mutable_segment()->set_begin(1); };
  onnx::ModelProto model = EverythingModel();
  segment(model.mutable_functions(0)->mutable_node(0)->mutable_attribute(0)->mutable_t());
  EXPECT_TRUE(Has(ErrorOf(model), "segments"));
  model = EverythingModel();
  segment(model.mutable_graph()->mutable_sparse_initializer(0)->mutable_indices());
  EXPECT_TRUE(Has(ErrorOf(model), "segments"));
  model = EverythingModel();
  segment(model.mutable_training_info(0)->mutable_initialization()->mutable_initializer(0));
  EXPECT_TRUE(Has(ErrorOf(model), "segments"));
  model = EverythingModel();
  segment(model.mutable_graph()
              ->mutable_node(2)
              ->mutable_attribute(8)
              ->mutable_sparse_tensor()
              ->mutable_values());
  EXPECT_TRUE(Has(ErrorOf(model), "node \"Twice_twice\", attribute \"sparse\"")) << ErrorOf(model);
}

TEST(Survey, RefusesSingleMessagesThatComeTwice) {
  const std::string graph = AddModel().graph().SerializeAsString();
  wire::Rope model;
  model.TextField(7, graph);
  model.TextField(7, graph);
  model.MessageField(8, wire::Rope());
  EXPECT_EQ(ErrorOf(RopeText(std::move(model))),
            "damaged or not a model: field 7 of a model comes twice");
}

TEST(Survey, RefusesKnownFieldsOfTheWrongWireType) {
  wire::Rope graph;
  graph.IntField(1, 5);
  wire::Rope model;
  model.MessageField(7, std::move(graph));
  EXPECT_EQ(ErrorOf(RopeText(std::move(model))),
            "damaged or not a model: field 1 of a graph has wire type 0, not 2");
}

TEST(Survey, NamesTheElementInWhichAModelEnds) {
  std::string text = AddModel().SerializeAsString();
  const std::size_t node = text.find("Add_y");
  text[node + 5] = static_cast<char>(0x22);  // the operator's name claims more bytes than there are
  text[node + 6] = static_cast<char>(0x7f);
  EXPECT_EQ(ErrorOf(text), "node \"Add_y\": field 4 has 127 bytes, but only 3 are left");
}

}  // namespace survey_test
}  // namespace quantbench
