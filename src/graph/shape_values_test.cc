// Symbolic evaluation of integers and of what is not sure: what it says is what the engine
// computes.
#include "graph/shape_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/graph.h"

#include "engine_runner.h"
#include "graph/expect_shapes.h"
#include "model_builder.h"

namespace quantbench {
namespace shape_values_test {

using testing::ExpectWhatTheEngineComputes;
using testing::ModelBuilder;
using testing::ShapeRules;

// What exporters write to compute a target.
TEST_F(ShapeRules, FollowIntegersFromShapeOn) {
  const std::string shape = Add("Shape", {x_});
  const std::string first = Add("Gather", {shape, Int(0)});
  const std::string second = Add("Gather", {shape, Int(1)});
  const std::string last = Add("Slice", {shape, Ints({-1}), Ints({INT64_MAX}), Ints({0})});
  const std::string heads = Add("Div", {Add("Squeeze", {last, Ints({0})}), Int(3)});
  const std::string joined =
      Add("Concat",
          {Add("Unsqueeze", {first, Ints({0})}), Add("Unsqueeze", {second, Ints({0})}), Ints({3}),
           Add("Unsqueeze", {Add("Cast", {heads}, {Attribute::Int("to", 7)}), Ints({0})})},
          {Attribute::Int("axis", 0)});
  ExpectKnownElements(joined);
  Add("Reshape", {x_, joined});
  const std::string product = Add("Mul", {first, second});
  const std::string flat = Add("Unsqueeze", {product, Ints({0})});
  Add("Reshape", {x_, Add("Concat", {flat, last}, {Attribute::Int("axis", 0)})});
  Add("Size", {x_});
  Add("Sub", {Add("Add", {first, Int(5)}), second});
  ExpectWhatTheEngineComputes(builder_);
}

TEST_F(ShapeRules, FollowMasksOfMinusOneForExpand) {
  const std::string shape = Add("Shape", {x_});
  const std::string first = Add("Slice", {shape, Ints({0}), Ints({1}), Ints({0})});
  const std::string wanted =
      Add("Concat", {first, Ints({-1}), Ints({6})}, {Attribute::Int("axis", 0)});
  const std::string ones = Add("ConstantOfShape", {Add("Shape", {wanted})}, [] {
    Attribute value;
    value.name = "value";
    value.type = AttributeType::kTensor;
    value.tensors = {
        Initializer::Of("", Tensor::Of(DataType::kInt64, {1}, std::vector{INT64_C(1)}))};
    return std::vector{value};
  }());
  const std::string minus = Add("Mul", {ones, Int(-1)});
  const std::string where = Add("Where", {Add("Equal", {wanted, minus}), ones, wanted});
  ExpectKnownElements(where);
  Add("Expand", {builder_.Weight("w", {1, 1, 6}), where});
  ExpectWhatTheEngineComputes(builder_);
}

TEST_F(ShapeRules, FollowRangesAndComparisons) {
  const std::string shape = Add("Shape", {x_});
  const std::string second = Add("Gather", {shape, Int(1)});
  Add("Range", {Int(0), second, Int(1)});
  Add("Range", {Int(2), Int(11), Int(3)});
  const std::string positive = Add("Greater", {second, Int(-1)});
  ExpectKnownElements(positive);
  Add("Not", {positive});
  Add("And", {positive, Add("Less", {second, Int(0)})});
  Add("Min", {Add("Add", {second, Int(2)}), second});
  Add("Transpose", {Add("Unsqueeze", {shape, Ints({0})})});
  Add("Expand", {second, Ints({3})});
  builder_.AddNode("Split", "split", {shape, Ints({1, 2})}, {"head", "tail"});
  Add("Gather", {shape, Ints({2, 0})});
  Add("Slice", {shape, Ints({2}), Ints({INT64_MIN}), Ints({0}), Ints({-2})});
  Add("Reshape", {shape, Ints({1, -1})});
  ExpectWhatTheEngineComputes(builder_);
}

TEST_F(ShapeRules, KeepIntegersWithinTheirType) {
  const std::string shape = Add("Shape", {x_});
  const std::string narrow = Add("Cast", {shape}, {Attribute::Int("to", 6)});
  Add("Mul", {narrow, narrow});
  const std::string flag = Add("Cast", {Add("Slice", {shape, Ints({2}), Ints({3}), Ints({0})})},
                               {Attribute::Int("to", 9)});
  ExpectKnownElements(flag);
  const Model model = builder_.Build();
  ShapeValues values(model.graph, 17);
  // n * n may be beyond int32: it is not known; the shape of it is.
  EXPECT_EQ(values.Of("Mul2_out").elements->at(2).constant(), 36);
  EXPECT_NE(values.Of("Mul2_out").elements->at(0),
            values.algebra().Product(values.Of("Shape0_out").elements->at(0),
                                     values.Of("Shape0_out").elements->at(0)));
}

TEST_F(ShapeRules, AreNotSureOfDimensionsThatMayBeCopiedOrInferred) {
  // The target's second element is data: it may be -1, 0 or anything.
  builder_.Input("target", {2}, DataType::kInt64);
  const std::string reshaped = Add("Reshape", {x_, "target"});
  const Model model = builder_.Build();
  ShapeValues values(model.graph, 17);
  const KnownTensor& known = values.Of(reshaped);
  ASSERT_TRUE(known.shape);
  EXPECT_EQ(known.shape->size(), 2U);
  EXPECT_NE((*known.shape)[0], (*values.Of("x").shape)[0]);
}

TEST(ShapeValues, OfPoolsThatRoundUpOfScalesAndOfCodes) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {1, 2, 7, 7});
  const auto pool = [&](std::string_view op, const std::string& name, std::int64_t kernel,
                        std::int64_t stride, std::int64_t pad) {
    builder.Add(op, name, {x},
                {Attribute::Ints("kernel_shape", {kernel, kernel}),
                 Attribute::Ints("strides", {stride, stride}),
                 Attribute::Ints("pads", {pad, pad, pad, pad}), Attribute::Int("ceil_mode", 1)});
  };
  pool("MaxPool", "inside", 2, 2, 0);
  pool("MaxPool", "padded", 3, 2, 1);
  pool("MaxPool", "past", 2, 3, 1);
  const std::string scales = builder.Constant("scales", Tensor::OfFloats({4}, {1, 1, 2, 1.5F}));
  builder.Add("Resize", "resize", {x, "", scales});
  builder.AddNode("DynamicQuantizeLinear", "q", {x}, {"codes", "scale", "zero"});
  const std::string kernel =
      builder.Constant("kernel", Tensor::Make(DataType::kUint8, {3, 2, 3, 3}).value());
  builder.Add("ConvInteger", "conv", {"codes", kernel, "zero"});
  ExpectWhatTheEngineComputes(builder, {1, 2, 7, 7});
}

// What is given of inputs decides branches.
TEST(ShapeValues, OfTheBranchThatIsTaken) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 6});
  const std::string flag = builder.Input("flag", {}, DataType::kBool);
  const auto branch = [&](const std::string& name, const std::string& op) {
    Attribute attribute;
    attribute.name = name;
    attribute.type = AttributeType::kGraph;
    ModelBuilder inside;
    inside.Output(inside.Add(op, name, {x}));
    attribute.graphs.push_back(inside.Build().graph);
    return attribute;
  };
  builder.AddNode("If", "if", {flag}, {"y"},
                  {branch("then_branch", "Transpose"), branch("else_branch", "Relu")});
  const Model model = builder.Build();
  const auto shape_of = [&](std::int64_t taken) {
    const GivenInputs given = {{"x", {{2, 6}, {}}}, {"flag", {{}, std::vector{taken}}}};
    return ShapeValues(model.graph, 17, given).Of("y").ConstantShape();
  };
  EXPECT_EQ(shape_of(1), (Shape{6, 2}));
  EXPECT_EQ(shape_of(0), (Shape{2, 6}));
  EXPECT_FALSE(ShapeValues(model.graph, 17).Of("y").shape);
}

TEST(ShapeValues, NothingIsKnownOfUnknownOperatorsAndMalformedNodes) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 6});
  builder.Add("SomethingNew", "new", {x});
  const std::vector<std::string_view> operators = {"Reshape",
                                                   "Flatten",
                                                   "Transpose",
                                                   "Squeeze",
                                                   "Unsqueeze",
                                                   "Concat",
                                                   "Slice",
                                                   "Gather",
                                                   "Expand",
                                                   "Tile",
                                                   "Split",
                                                   "Pad",
                                                   "GatherND",
                                                   "MatMul",
                                                   "Gemm",
                                                   "Conv",
                                                   "MaxPool",
                                                   "LSTM",
                                                   "Resize",
                                                   "TopK",
                                                   "ReduceSum",
                                                   "ArgMax",
                                                   "Where",
                                                   "Range",
                                                   "Shape",
                                                   "Size",
                                                   "Cast",
                                                   "ConstantOfShape",
                                                   "Add",
                                                   "Equal",
                                                   "Not",
                                                   "Identity",
                                                   "ConvTranspose",
                                                   "DepthToSpace",
                                                   "If",
                                                   "Constant",
                                                   "Upsample",
                                                   "QLinearConv",
                                                   "ConvInteger",
                                                   "MatMulInteger",
                                                   "QLinearMatMul",
                                                   "DynamicQuantizeLinear"};
  const std::string odd = builder.Ints("odd", {7, -9, 0, 3});
  for (const std::string_view op : operators) {
    const std::string name(op);
    builder.Add(op, name + "_none", {});
    builder.Add(op, name + "_empty", {"", ""});
    builder.Add(op, name + "_odd", {odd, odd, odd, odd, odd});
    builder.Add(op, name + "_mixed", {x, odd, x}, {Attribute::Int("axis", 99)});
    builder.Add(op, name + "_perm", {odd, odd}, {Attribute::Ints("perm", {0, 0, 0, 0})});
    builder.AddNode(op, name + "_sink", {x, odd}, {});
  }
  const Model model = builder.Build();
  for (const std::int64_t opset : {1, 6, 9, 13, 21}) {
    const ShapeValues values(model.graph, opset);
    EXPECT_FALSE(values.Of("new_out").shape);
    EXPECT_FALSE(values.Of("no such value").shape);
  }
}

}  // namespace shape_values_test
}  // namespace quantbench
