// Edits: the oracle reads them, unknown fields stay, and neighbours are not touched.
#include "model/encode.h"

#include <functional>

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include "model/everything_model.h"
#include "model/shuffled.h"

namespace quantbench {
namespace encode_test {

using google::protobuf::util::MessageDifferencer;

// The model with `edit` applied to ours must be, for the oracle, the one with `expect` applied to
// its own. Unknown fields count.
void ExpectEdit(const std::function<void(Model*)>& edit,
                const std::function<void(onnx::ModelProto*)>& expect) {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    Random random(seed);
    const std::string text =
        Shuffled(wire::Message::kModel, EverythingModel().SerializeAsString(), seed > 0, &random);
    auto model = ParseText(text);
    ASSERT_TRUE(model.ok()) << model.error().message();
    edit(&model.value());
    onnx::ModelProto ours;
    ASSERT_TRUE(ours.ParseFromString(EncodeText(model.value())));
    onnx::ModelProto expected;
    ASSERT_TRUE(expected.ParseFromString(text));
    expect(&expected);
    MessageDifferencer differencer;
    std::string difference;
    differencer.ReportDifferencesToString(&difference);
    EXPECT_TRUE(differencer.Compare(expected, ours)) << "seed " << seed << "\n" << difference;
  }
}

TEST(Encode, WritesAnEditedModelAndGraph) {
  ExpectEdit(
      [](Model* model) {
        model->ir_version = 9;
        model->producer_name = "quantbench";
        model->graph.name = "renamed";
      },
      [](onnx::ModelProto* model) {
        model->set_ir_version(9);
        model->set_producer_name("quantbench");
        model->mutable_graph()->set_name("renamed");
      });
}

TEST(Encode, WritesEditedNodes) {
  ExpectEdit(
      [](Model* model) {
        model->graph.nodes[0].op_type = "Sub";
        model->graph.nodes[2].inputs[1] = "y";
        model->graph.nodes[2].outputs.emplace_back("more");
        model->graph.nodes[2].name.clear();
      },
      [](onnx::ModelProto* model) {
        model->mutable_graph()->mutable_node(0)->set_op_type("Sub");
        model->mutable_graph()->mutable_node(2)->set_input(1, "y");
        model->mutable_graph()->mutable_node(2)->add_output("more");
        model->mutable_graph()->mutable_node(2)->clear_name();
      });
}

TEST(Encode, WritesEveryKindOfEditedAttribute) {
  ExpectEdit(
      [](Model* model) {
        for (Attribute& attribute : model->graph.nodes[2].attributes) attribute.name += "2";
      },
      [](onnx::ModelProto* model) {
        for (auto& attribute : *model->mutable_graph()->mutable_node(2)->mutable_attribute()) {
          attribute.set_name(attribute.name() + "2");
        }
      });
}

TEST(Encode, WritesEditsInSubgraphs) {
  ExpectEdit(
      [](Model* model) {
        model->graph.nodes[1].attributes[0].graphs[0].nodes[0].op_type = "Mul";
        model->graph.nodes[1].attributes[2].graphs[1].name = "other";
      },
      [](onnx::ModelProto* model) {
        auto* node = model->mutable_graph()->mutable_node(1);
        node->mutable_attribute(0)->mutable_g()->mutable_node(0)->set_op_type("Mul");
        node->mutable_attribute(2)->mutable_graphs(1)->set_name("other");
      });
}

TEST(Encode, WritesEditedValues) {
  ExpectEdit(
      [](Model* model) {
        model->graph.inputs[0].dims[0] = {8, ""};
        model->graph.inputs[0].type = DataType::kFloat16;
        model->graph.value_infos[0].name = "renamed_map";
        model->graph.value_infos[3].dims[1] = {-1, "features"};  // dim 0 keeps its denotation
      },
      [](onnx::ModelProto* model) {
        onnx::GraphProto* graph = model->mutable_graph();
        auto* input = graph->mutable_input(0)->mutable_type()->mutable_tensor_type();
        input->set_elem_type(onnx::TensorProto::FLOAT16);
        auto* dim = input->mutable_shape()->mutable_dim(0);
        dim->Clear();
        dim->set_dim_value(8);
        graph->mutable_value_info(0)->set_name("renamed_map");
        auto* y = graph->mutable_value_info(3)->mutable_type()->mutable_tensor_type();
        y->mutable_shape()->mutable_dim(1)->Clear();
        y->mutable_shape()->mutable_dim(1)->set_dim_param("features");
      });
}

TEST(Encode, WritesRenamedTensorsOfEveryStorage) {
  ExpectEdit(
      [](Model* model) {
        for (Initializer& tensor : model->graph.initializers) tensor.name += "_old";
      },
      [](onnx::ModelProto* model) {
        for (auto& tensor : *model->mutable_graph()->mutable_initializer()) {
          tensor.set_name(tensor.name() + "_old");
        }
      });
}

TEST(Encode, ReplacesTypedNumbersByRawOnes) {
  ExpectEdit(
      [](Model* model) {
        Initializer& ints = model->graph.initializers[1];
        ASSERT_EQ(ints.storage, Storage::kTyped);
        ints.data = BytesCopy(std::string(16, '\x01'));
        ints.storage = Storage::kRaw;
      },
      [](onnx::ModelProto* model) {
        onnx::TensorProto* ints = model->mutable_graph()->mutable_initializer(1);
        ints->clear_int64_data();
        ints->set_raw_data(std::string(16, '\x01'));
      });
}

TEST(Encode, AddsAndRemovesElements) {
  ExpectEdit(
      [](Model* model) {
        model->graph.nodes.erase(model->graph.nodes.begin() + 1);
        Node node;
        node.op_type = "Clip";
        node.inputs = {"y"};
        node.outputs = {"z"};
        node.attributes = {Attribute::Float("min", 0.5F), Attribute::Ints("axes", {1, -1}),
                           Attribute::Int("k", 0), Attribute::String("mode", "up")};
        model->graph.nodes.push_back(node);
        model->graph.initializers.push_back(
            Initializer::Of("extra", Tensor::OfFloats({2}, {1, 2})));
        model->RequireOpset("com.microsoft", 1);
        model->metadata.emplace_back("key", "value");
      },
      [](onnx::ModelProto* model) {
        onnx::GraphProto* graph = model->mutable_graph();
        graph->mutable_node()->DeleteSubrange(1, 1);
        onnx::NodeProto* node = AddNode(graph, "Clip", {"y"}, "z");
        node->clear_name();
        using A = onnx::AttributeProto;
        AddAttribute(node, "min", A::FLOAT)->set_f(0.5F);
        A* axes = AddAttribute(node, "axes", A::INTS);
        axes->add_ints(1);
        axes->add_ints(-1);
        AddAttribute(node, "k", A::INT)->set_i(0);
        AddAttribute(node, "mode", A::STRING)->set_s("up");
        SetFloats(graph->add_initializer(), "extra", {1, 2});
        // Entries whose list changed are written anew, without what is unknown in them.
        for (auto& opset : *model->mutable_opset_import()) {
          const onnx::OperatorSetIdProto before = opset;
          opset.Clear();
          opset.set_domain(before.domain());
          opset.set_version(before.version());
        }
        onnx::OperatorSetIdProto* opset = model->add_opset_import();
        opset->set_domain("com.microsoft");
        opset->set_version(1);
        for (auto& entry : *model->mutable_metadata_props()) {
          const onnx::StringStringEntryProto before = entry;
          entry.Clear();
          entry.set_key(before.key());
          entry.set_value(before.value());
        }
        onnx::StringStringEntryProto* entry = model->add_metadata_props();
        entry->set_key("key");
        entry->set_value("value");
      });
}

TEST(Encode, PassesUnchangedNeighboursThroughWithoutACopy) {
  onnx::ModelProto oracle = AddModel();
  SetFloats(oracle.mutable_graph()->add_initializer(), "large", std::vector<float>(1000, 1));
  const std::string large = oracle.graph().initializer(1).SerializeAsString();
  auto model = ParseText(oracle.SerializeAsString());
  ASSERT_TRUE(model.ok());
  model.value().graph.nodes[0].name = "renamed";
  const auto encoded = EncodeModel(model.value());
  ASSERT_TRUE(encoded.ok());
  const std::byte* in_place = model.value().graph.initializers[1].origin.view.data();
  bool borrowed = false;
  for (const Piece& piece : encoded.value().pieces) {
    borrowed = borrowed || (piece.bytes.view.data() == in_place && piece.size == large.size());
  }
  EXPECT_TRUE(borrowed);
}

TEST(Encode, WritesAModelMadeFromNothing) {
  Model model;
  model.ir_version = 8;
  model.opsets = {{"", 17}};
  model.graph.name = "made";
  Node node;
  node.op_type = "Identity";
  node.inputs = {"x"};
  node.outputs = {"y"};
  model.graph.nodes = {node};
  ValueInfo x;
  x.name = "x";
  x.is_tensor = true;
  x.type = DataType::kFloat32;
  x.has_shape = true;
  x.dims = {{-1, ""}, {-1, "n"}, {0, ""}};
  model.graph.inputs = {x};
  x.name = "y";
  x.has_shape = false;
  x.dims.clear();
  model.graph.outputs = {x};
  onnx::ModelProto oracle;
  ASSERT_TRUE(oracle.ParseFromString(EncodeText(model)));
  const auto& dims = oracle.graph().input(0).type().tensor_type().shape();
  ASSERT_EQ(dims.dim_size(), 3);
  EXPECT_FALSE(dims.dim(0).has_dim_value());
  EXPECT_EQ(dims.dim(1).dim_param(), "n");
  EXPECT_TRUE(dims.dim(2).has_dim_value());
  EXPECT_FALSE(oracle.graph().output(0).type().tensor_type().has_shape());
  EXPECT_TRUE(oracle.has_graph() && oracle.graph().node(0).op_type() == "Identity");
}

TEST(Encode, CarriesElementsFromOneModelIntoAnother) {
  auto from = ParseText(EverythingModel().SerializeAsString());
  auto into = ParseText(AddModel().SerializeAsString());
  ASSERT_TRUE(from.ok() && into.ok());
  into.value().graph.nodes.push_back(from.value().graph.nodes[1]);
  onnx::ModelProto oracle;
  ASSERT_TRUE(oracle.ParseFromString(EncodeText(into.value())));
  EXPECT_EQ(oracle.graph().node(1).SerializeAsString(),
            EverythingModel().graph().node(1).SerializeAsString());
}

}  // namespace encode_test
}  // namespace quantbench
