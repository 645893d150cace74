// For tests only: one model with every kind of message and field that ONNX 1.12 knows.
#pragma once

#include <string>

#include "model/onnx_oracle.h"

namespace quantbench {

inline void AddAttributes(onnx::NodeProto* node) {
  using A = onnx::AttributeProto;
  AddAttribute(node, "f", A::FLOAT)->set_f(-0.0F);
  AddAttribute(node, "i", A::INT)->set_i(-5);
  AddAttribute(node, "s", A::STRING)->set_s(std::string("a\0b", 3));
  SetFloats(AddAttribute(node, "t", A::TENSOR)->mutable_t(), "inner", {4, 5});
  A* floats = AddAttribute(node, "floats", A::FLOATS);
  A* ints = AddAttribute(node, "ints", A::INTS);
  A* strings = AddAttribute(node, "strings", A::STRINGS);
  for (int i = 0; i < 3; ++i) {
    floats->add_floats(static_cast<float>(i) / 2);
    ints->add_ints(i - 1);
    strings->add_strings(Format("s{}", i));
  }
  A* tensors = AddAttribute(node, "tensors", A::TENSORS);
  SetFloats(tensors->add_tensors(), "t0", {1});
  SetFloats(tensors->add_tensors(), "t1", {2});
  auto* sparse = AddAttribute(node, "sparse", A::SPARSE_TENSOR)->mutable_sparse_tensor();
  SetFloats(sparse->mutable_values(), "", {7});
  AddAttribute(node, "tp", A::TYPE_PROTO)->mutable_tp()->mutable_tensor_type()->set_elem_type(1);
  AddAttribute(node, "tps", A::TYPE_PROTOS)
      ->add_type_protos()
      ->mutable_sequence_type()
      ->mutable_elem_type()
      ->mutable_tensor_type()
      ->set_elem_type(7);
  AddAttribute(node, "ref", A::FLOAT)->set_ref_attr_name("outer");
  node->mutable_attribute(0)->set_doc_string("documented");
}

inline void AddBranches(onnx::GraphProto* graph) {
  onnx::NodeProto* node = AddNode(graph, "If", {"condition"}, "chosen");
  for (const char* branch : {"then_branch", "else_branch"}) {
    onnx::GraphProto* body = AddAttribute(node, branch, onnx::AttributeProto::GRAPH)->mutable_g();
    body->set_name(branch);
    SetFloats(body->add_initializer(), "local", {1, 2, 3});
    AddNode(body, "Add", {"y", "local"}, "sum");
    AddValue(body->add_output(), "sum", {-1, 3});
  }
  onnx::AttributeProto* graphs = AddAttribute(node, "graphs", onnx::AttributeProto::GRAPHS);
  graphs->add_graphs()->set_name("g0");
  graphs->add_graphs()->set_name("g1");
}

inline void AddTypedInitializers(onnx::GraphProto* graph) {
  onnx::TensorProto* ints = graph->add_initializer();
  ints->set_name("ints");
  ints->set_data_type(onnx::TensorProto::INT64);
  ints->add_dims(2);
  ints->add_int64_data(-1);
  ints->add_int64_data(300);
  onnx::TensorProto* texts = graph->add_initializer();
  texts->set_name("texts");
  texts->set_data_type(onnx::TensorProto::STRING);
  texts->add_dims(1);
  texts->add_string_data("hello");
  texts->set_doc_string("a string");
  onnx::TensorProto* condition = graph->add_initializer();
  condition->set_name("condition");
  condition->set_data_type(onnx::TensorProto::BOOL);
  condition->add_int32_data(1);
  onnx::TensorProto* halves = graph->add_initializer();
  halves->set_name("halves");
  halves->set_data_type(onnx::TensorProto::DOUBLE);
  halves->add_dims(1);
  halves->add_double_data(0.5);
  onnx::SparseTensorProto* sparse = graph->add_sparse_initializer();
  SetFloats(sparse->mutable_values(), "sparse_weight", {1});
  sparse->mutable_indices()->set_data_type(onnx::TensorProto::INT64);
  sparse->mutable_indices()->add_dims(1);
  sparse->mutable_indices()->add_int64_data(3);
  sparse->add_dims(10);
}

inline void AddOddValues(onnx::GraphProto* graph) {
  onnx::ValueInfoProto* map = graph->add_value_info();
  map->set_name("a_map");
  map->mutable_type()->mutable_map_type()->set_key_type(7);
  map->mutable_type()->mutable_map_type()->mutable_value_type()->mutable_tensor_type();
  onnx::ValueInfoProto* optional = graph->add_value_info();
  optional->set_name("an_optional");
  optional->mutable_type()->mutable_optional_type()->mutable_elem_type()->mutable_tensor_type();
  optional->mutable_type()->set_denotation("IMAGE");
  onnx::ValueInfoProto* sparse = graph->add_value_info();
  sparse->set_name("a_sparse");
  sparse->mutable_type()->mutable_sparse_tensor_type()->set_elem_type(1);
  sparse->mutable_type()->mutable_sparse_tensor_type()->mutable_shape()->add_dim();
  onnx::ValueInfoProto* y = graph->add_value_info();
  AddValue(y, "y", {-1, 3});
  y->set_doc_string("the sum");
  y->mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(0)->set_denotation("N");
}

inline onnx::FunctionProto MakeFunction() {
  onnx::FunctionProto function;
  function.set_name("Twice");
  function.set_domain("local");
  function.add_input("a");
  function.add_output("b");
  function.add_attribute("alpha");
  function.add_opset_import()->set_version(17);
  onnx::NodeProto* node = function.add_node();
  node->set_op_type("Constant");
  node->add_output("c");
  SetFloats(AddAttribute(node, "value", onnx::AttributeProto::TENSOR)->mutable_t(), "", {2});
  return function;
}

inline onnx::ModelProto EverythingModel() {
  onnx::ModelProto model = AddModel();
  model.set_producer_name("oracle");
  model.set_producer_version("1.2");
  model.set_domain("org.example");
  model.set_model_version(3);
  model.set_doc_string("everything");
  onnx::OperatorSetIdProto* local = model.add_opset_import();
  local->set_domain("local");
  local->set_version(1);
  onnx::StringStringEntryProto* entry = model.add_metadata_props();
  entry->set_key("author");
  entry->set_value("nobody");
  onnx::GraphProto* graph = model.mutable_graph();
  graph->set_doc_string("a graph");
  AddTypedInitializers(graph);
  AddBranches(graph);
  onnx::NodeProto* twice = AddNode(graph, "Twice", {"chosen", ""}, "twice");
  twice->set_domain("local");
  twice->set_doc_string("a node");
  AddAttributes(twice);
  AddOddValues(graph);
  onnx::TensorAnnotation* annotation = graph->add_quantization_annotation();
  annotation->set_tensor_name("x");
  annotation->add_quant_parameter_tensor_names()->set_key("SCALE_TENSOR");
  *model.add_functions() = MakeFunction();
  onnx::TrainingInfoProto* training = model.add_training_info();
  *training->mutable_initialization() = AddModel().graph();
  training->mutable_algorithm()->set_name("step");
  training->add_initialization_binding()->set_key("w");
  training->add_update_binding()->set_value("v");
  return model;
}

}  // namespace quantbench
