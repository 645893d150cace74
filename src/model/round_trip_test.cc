// What was not edited is written byte for byte as it was read, and is read as the oracle reads it.
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include "model/everything_model.h"
#include "model/shuffled.h"

namespace quantbench {
namespace round_trip_test {

std::string Everything() {
  return EverythingModel().SerializeAsString();
}

void ExpectRoundTrip(const std::string& text) {
  const auto model = ParseText(text);
  ASSERT_TRUE(model.ok()) << model.error().message();
  EXPECT_EQ(EncodeText(model.value()), text);
}

TEST(RoundTrip, IsIdenticalForAModelOfEveryKindOfField) {
  ExpectRoundTrip(Everything());
  ExpectRoundTrip(AddModel().SerializeAsString());
}

TEST(RoundTrip, IsIdenticalInWhateverOrderFieldsWereWritten) {
  const onnx::ModelProto oracle = EverythingModel();
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    const std::string text = Shuffled(wire::Message::kModel, Everything(), false, &random);
    onnx::ModelProto same;
    ASSERT_TRUE(same.ParseFromString(text));
    ASSERT_TRUE(google::protobuf::util::MessageDifferencer::Equals(oracle, same));
    ExpectRoundTrip(text);
  }
}

TEST(RoundTrip, IsIdenticalWithUnknownFieldsInEveryMessage) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    const std::string text = Shuffled(wire::Message::kModel, Everything(), true, &random);
    onnx::ModelProto known;
    ASSERT_TRUE(known.ParseFromString(text));
    ASSERT_GT(text.size(), Everything().size());
    ExpectRoundTrip(text);
  }
}

TEST(RoundTrip, ReadsAGraphAsTheOracleDoes) {
  const onnx::ModelProto oracle = EverythingModel();
  const auto parsed = ParseText(oracle.SerializeAsString());
  ASSERT_TRUE(parsed.ok()) << parsed.error().message();
  const Model& model = parsed.value();
  EXPECT_EQ(model.ir_version, 8);
  EXPECT_EQ(model.OpsetVersion(), 17);
  EXPECT_EQ(model.OpsetVersion("local"), 1);
  EXPECT_EQ(model.producer_name, "oracle");
  EXPECT_EQ(model.producer_version, "1.2");
  EXPECT_EQ(model.metadata[0], (std::pair<std::string, std::string>("author", "nobody")));
  EXPECT_EQ(model.functions, 1);
  EXPECT_EQ(model.graph.name, "main");
  ASSERT_EQ(model.graph.nodes.size(), 3U);
  EXPECT_EQ(model.graph.nodes[1].op_type, "If");
  EXPECT_EQ(model.graph.nodes[2].domain, "local");
  EXPECT_EQ(model.graph.nodes[2].inputs, (std::vector<std::string>{"chosen", ""}));
  EXPECT_EQ(model.graph.sparse_initializers, std::vector<std::string>{"sparse_weight"});
  EXPECT_EQ(model.graph.inputs[0].type, DataType::kFloat32);
  EXPECT_EQ(ToString(std::span<const Dimension>(model.graph.inputs[0].dims)), "[batch, 3]");
  ASSERT_EQ(model.graph.value_infos.size(), 4U);
  EXPECT_FALSE(model.graph.value_infos[0].is_tensor);
  EXPECT_TRUE(model.graph.value_infos[3].is_tensor);
  EXPECT_TRUE(CheckModel(model).ok()) << CheckModel(model).error().message();
}

TEST(RoundTrip, ReadsAttributesAsTheOracleDoes) {
  const auto parsed = ParseText(Everything());
  ASSERT_TRUE(parsed.ok());
  const Node& node = parsed.value().graph.nodes[2];
  EXPECT_TRUE(std::signbit(node.FindAttribute("f")->f));
  EXPECT_EQ(node.IntAttribute("i", 0), -5);
  EXPECT_EQ(node.IntAttribute("absent", 9), 9);
  EXPECT_EQ(node.FloatAttribute("absent", 0.5F), 0.5F);
  EXPECT_EQ(node.FindAttribute("s")->s, std::string("a\0b", 3));
  EXPECT_EQ(node.FindAttribute("floats")->floats, (std::vector<float>{0, 0.5F, 1}));
  EXPECT_EQ(node.FindAttribute("ints")->ints, (std::vector<std::int64_t>{-1, 0, 1}));
  EXPECT_EQ(node.FindAttribute("strings")->strings, (std::vector<std::string>{"s0", "s1", "s2"}));
  ASSERT_EQ(node.FindAttribute("t")->tensors.size(), 1U);
  EXPECT_EQ(node.FindAttribute("tensors")->tensors.size(), 2U);
  const auto inner = ReadTensor(node.FindAttribute("t")->tensors[0]);
  ASSERT_TRUE(inner.ok());
  EXPECT_EQ(inner.value().As<float>()[1], 5.0F);
  const Node& choice = parsed.value().graph.nodes[1];
  EXPECT_EQ(choice.FindAttribute("then_branch")->graphs[0].nodes[0].inputs[1], "local");
  EXPECT_EQ(choice.FindAttribute("graphs")->graphs.size(), 2U);
}

TEST(RoundTrip, TakesPackedAttributesToo) {
  wire::Rope attribute;
  attribute.TextField(1, "axes");
  attribute.TextField(8, std::string_view("\x01\x02\xac\x02", 4));
  attribute.IntField(20, 7);
  wire::Rope node;
  node.TextField(4, "Squeeze");
  node.MessageField(5, std::move(attribute));
  wire::Rope graph;
  graph.MessageField(1, std::move(node));
  wire::Rope text;
  text.MessageField(7, std::move(graph));
  text.MessageField(8, wire::Rope());
  const std::string bytes = RopeText(std::move(text));
  const auto model = ParseText(bytes);
  ASSERT_TRUE(model.ok()) << model.error().message();
  EXPECT_EQ(model.value().graph.nodes[0].attributes[0].ints,
            (std::vector<std::int64_t>{1, 2, 300}));
  EXPECT_EQ(EncodeText(model.value()), bytes);
}

TEST(RoundTrip, TakesTheLastOfSeveralTypesAsProtobufDoes) {
  onnx::ModelProto tensor = AddModel();
  onnx::ModelProto map = AddModel();
  map.mutable_graph()->mutable_input(0)->mutable_type()->mutable_map_type()->set_key_type(7);
  const std::string first = tensor.graph().input(0).type().SerializeAsString();
  const std::string second = map.graph().input(0).type().SerializeAsString();
  for (const bool tensor_last : {false, true}) {
    wire::Rope value;
    value.TextField(1, "x");
    value.TextField(2, tensor_last ? second + first : first + second);
    onnx::ModelProto model = AddModel();
    ASSERT_TRUE(model.mutable_graph()->mutable_input(0)->ParseFromString(RopeText(value)));
    EXPECT_EQ(model.graph().input(0).type().has_tensor_type(), tensor_last);
    wire::Rope graph;
    graph.TextField(11, RopeText(std::move(value)));
    wire::Rope text;
    text.MessageField(7, std::move(graph));
    text.MessageField(8, wire::Rope());
    const auto ours = ParseText(RopeText(std::move(text)));
    ASSERT_TRUE(ours.ok()) << ours.error().message();
    EXPECT_EQ(ours.value().graph.inputs[0].is_tensor, tensor_last);
  }
}

}  // namespace round_trip_test
}  // namespace quantbench
