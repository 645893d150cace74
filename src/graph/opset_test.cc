// Operator sets: what may be raised, and what may not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/graph.h"

#include "model_builder.h"

namespace quantbench {
namespace opset_test {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::ModelBuilder;

Model ModelWith(std::string_view op_type, std::int64_t opset, std::int64_t ir_version = 3) {
  ModelBuilder builder(opset, ir_version);
  builder.Output(builder.Add(op_type, "node", {builder.Input("x", {-1, 8})}));
  return builder.Build();
}

TEST(WhyNotOpset, IsEmptyForAModelThatHasTheVersion) {
  EXPECT_THAT(WhyNotOpset(ModelWith("Upsample", 13), 13), IsEmpty());
}

TEST(WhyNotOpset, LetsUnchangedOperatorsRise) {
  EXPECT_THAT(WhyNotOpset(ModelWith("Relu", 8), 13), IsEmpty());
  EXPECT_THAT(WhyNotOpset(ModelWith("Softmax", 8), 11), IsEmpty());
}

TEST(WhyNotOpset, NamesTheOperatorThatChanged) {
  EXPECT_THAT(WhyNotOpset(ModelWith("Softmax", 11), 13), HasSubstr("Softmax changed in between"));
  EXPECT_THAT(WhyNotOpset(ModelWith("Squeeze", 11), 13), HasSubstr("Squeeze"));
  EXPECT_THAT(WhyNotOpset(ModelWith("Slice", 9), 11), HasSubstr("Slice"));
  EXPECT_THAT(WhyNotOpset(ModelWith("Clip", 10), 11), HasSubstr("Clip"));
  EXPECT_THAT(WhyNotOpset(ModelWith("SomethingNew", 10), 11), HasSubstr("SomethingNew"));
}

TEST(WhyNotOpset, LooksIntoSubgraphs) {
  ModelBuilder inner;
  inner.Output(inner.Add("Upsample", "up", {"x"}));
  Attribute body;
  body.name = "then_branch";
  body.type = AttributeType::kGraph;
  body.graphs = {inner.Build().graph};
  Model model = ModelWith("Relu", 8);
  model.graph.nodes[0].attributes.push_back(body);
  EXPECT_THAT(WhyNotOpset(model, 11), HasSubstr("Upsample"));
}

TEST(WhyNotOpset, RefusesVersionsBeforeBroadcasting) {
  EXPECT_THAT(WhyNotOpset(ModelWith("Relu", 6), 11), HasSubstr("too old"));
}

TEST(StaticOpset, PrefersOnnxOwnPerAxisFormThenBytesAndElseStaysLow) {
  EXPECT_EQ(StaticOpset(ModelWith("Softmax", 17)), 17);
  EXPECT_EQ(StaticOpset(ModelWith("Relu", 8)), 13);
  EXPECT_EQ(StaticOpset(ModelWith("Softmax", 11)), 12);
  EXPECT_EQ(StaticOpset(ModelWith("Softmax", 8)), 12);
  EXPECT_EQ(StaticOpset(ModelWith("Dropout", 11)), 11);
  EXPECT_EQ(StaticOpset(ModelWith("Upsample", 9)), 0);
}

TEST(RaiseOpset, RaisesTheIrVersionAlongAndNeverLowers) {
  Model model = ModelWith("Relu", 8, 3);
  RaiseOpset(13, &model);
  EXPECT_EQ(OnnxOpset(model), 13);
  EXPECT_EQ(model.ir_version, 7);
  RaiseOpset(11, &model);
  EXPECT_EQ(OnnxOpset(model), 13);
}

TEST(RaiseOpset, KeepsTheSpellingOfTheDomain) {
  Model model = ModelWith("Relu", 8);
  model.opsets = {{"ai.onnx", 8}};
  RaiseOpset(13, &model);
  EXPECT_EQ(model.opsets, (std::vector<Opset>{{"ai.onnx", 13}}));
}

}  // namespace opset_test
}  // namespace quantbench
