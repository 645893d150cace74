// Lowering: the same function from operators that have integer kernels.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/graph.h"

#include "engine_runner.h"
#include "model_builder.h"

namespace quantbench {
namespace lower_for_integers_test {

using testing::ModelBuilder;
using testing::Must;
using testing::RandomTensor;
using testing::RunModel;
using testing::Sqnr;

Model Lowered(const Model& model, std::vector<std::string>* notes = nullptr) {
  Model lowered = model;
  Must(LowerForIntegers(&lowered, notes));
  Must(CheckModel(lowered));
  return lowered;
}

void ExpectSameFunction(const Model& model, const Model& lowered) {
  const std::vector<NamedTensor> input = {{"x", RandomTensor({3, 8}, 5, 4)}};
  EXPECT_GT(Sqnr(RunModel(model, input)[0], RunModel(lowered, input)[0]), 120);
}

TEST(LowerForIntegers, WritesHardSwishWithAddClipAndMul) {
  ModelBuilder builder;
  builder.Output(builder.Add("HardSwish", "swish", {builder.Input("x", {-1, 8})}));
  std::vector<std::string> notes;
  const Model model = builder.Build();
  const Model lowered = Lowered(model, &notes);
  std::vector<std::string> operators;
  for (const Node& node : lowered.graph.nodes) operators.push_back(node.op_type);
  EXPECT_THAT(operators, ::testing::ElementsAre("Add", "Clip", "Mul", "Mul"));
  EXPECT_EQ(lowered.graph.nodes.back().name, "swish");
  EXPECT_EQ(notes.size(), 1U);
  ExpectSameFunction(model, lowered);
}

TEST(LowerForIntegers, KeepsTheSlopeOfHardSigmoid) {
  for (const std::int64_t opset : {10, 17}) {
    ModelBuilder builder(opset, 7);
    builder.Output(builder.Add("HardSigmoid", "gate", {builder.Input("x", {-1, 8})},
                               {Attribute::Float("alpha", 0.3F), Attribute::Float("beta", 0.4F)}));
    ExpectSameFunction(builder.Build(), Lowered(builder.Build()));
  }
}

TEST(LowerForIntegers, LeavesAFallingSlope) {
  ModelBuilder builder;
  builder.Output(builder.Add("HardSigmoid", "gate", {builder.Input("x", {-1, 8})},
                             {Attribute::Float("alpha", -0.3F)}));
  EXPECT_EQ(Lowered(builder.Build()).graph.nodes.size(), 1U);
}

TEST(LowerForIntegers, LeavesActivationsOfFloats) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 8});
  const std::string first = builder.Add("HardSwish", "a", {builder.Add("Neg", "float", {x})});
  builder.Output(builder.Add("HardSwish", "b", {builder.Add("Neg", "codes", {first})}));
  Model lowered = builder.Build();
  Must(LowerForIntegers(&lowered, nullptr, {"float_out"}));
  std::vector<std::string> operators;
  for (const Node& node : lowered.graph.nodes) operators.push_back(node.op_type);
  EXPECT_THAT(operators,
              ::testing::ElementsAre("Neg", "HardSwish", "Neg", "Add", "Clip", "Mul", "Mul"));
  ExpectSameFunction(builder.Build(), lowered);
}

TEST(LowerForIntegers, SharesConstants) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 8});
  builder.Output(builder.Add("HardSwish", "b", {builder.Add("HardSwish", "a", {x})}));
  const Model lowered = Lowered(builder.Build());
  EXPECT_EQ(lowered.graph.initializers.size(), 4U);  // 3, 0, 6, 1/6
  ExpectSameFunction(builder.Build(), lowered);
}

}  // namespace lower_for_integers_test
}  // namespace quantbench
