// Symbolic evaluation: what it says of shapes and integers is what the engine computes.
#include "graph/shape_values.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/graph.h"

#include "engine_runner.h"
#include "model_builder.h"

namespace quantbench {
namespace shape_values_test {

using testing::ModelBuilder;
using testing::Must;
using testing::RandomTensor;
using testing::RunModel;

// The value in a run in which n and m are these; absent when other unknowns remain.
std::optional<std::int64_t> ValueOf(const Expr& expr,
                                    const std::map<std::int32_t, std::int64_t>& of) {
  std::int64_t sum = 0;
  for (const auto& [monomial, coefficient] : expr.terms()) {
    std::int64_t term = coefficient;
    for (const std::int32_t unknown : monomial) {
      const auto found = of.find(unknown);
      if (found == of.end()) return std::nullopt;
      term *= found->second;
    }
    sum += term;
  }
  return sum;
}

// Every node's output as an output of the model.
Model WithAllOutputs(const Model& model) {
  Model result = model;
  result.graph.outputs.clear();
  const ElementTypes types = InferElementTypes(model.graph);
  for (const Node& node : model.graph.nodes) {
    for (const std::string& name : node.outputs) {
      ValueInfo output;
      output.name = name;
      output.is_tensor = true;
      output.type = types.at(name);
      result.graph.outputs.push_back(output);
    }
  }
  return result;
}

// Runs x [n, m, 6], or another shape, and compares every value. All shapes must be known in terms
// of n and m.
void ExpectWhatTheEngineComputes(const ModelBuilder& builder, const Shape& x = {2, 5, 6}) {
  Model model = WithAllOutputs(builder.Build());
  for (std::size_t i = 0; i < model.graph.inputs[0].dims.size(); ++i) {
    Dimension& dim = model.graph.inputs[0].dims[i];
    if (dim.value < 0) dim.name = i == 0 ? "n" : "m";
  }
  ShapeValues values(model.graph, OnnxOpset(model));
  const std::map<std::int32_t, std::int64_t> sizes = {
      {*values.algebra().NamedSize("n").unknown(), x[0]},
      {*values.algebra().NamedSize("m").unknown(), x.size() > 1 ? x[1] : 0}};
  SessionOptions options;
  options.optimization = GraphOptimization::kNone;
  const std::vector<Tensor> computed = RunModel(model, {{"x", RandomTensor(x, 1)}}, options);
  for (std::size_t i = 0; i < computed.size(); ++i) {
    const std::string& name = model.graph.outputs[i].name;
    const KnownTensor& known = values.Of(name);
    ASSERT_TRUE(known.shape) << name;
    ASSERT_EQ(known.shape->size(), computed[i].shape.size()) << name;
    for (std::size_t d = 0; d < known.shape->size(); ++d) {
      EXPECT_EQ(ValueOf((*known.shape)[d], sizes), computed[i].shape[d]) << name << " " << d;
    }
    if (!known.elements) continue;
    EXPECT_EQ(known.type, computed[i].type) << name;
    const std::vector<double> elements = Must(ToDoubles(computed[i]));
    ASSERT_EQ(elements.size(), known.elements->size()) << name;
    for (std::size_t e = 0; e < elements.size(); ++e) {
      EXPECT_EQ(ValueOf((*known.elements)[e], sizes), elements[e]) << name << " element " << e;
    }
  }
}

class ShapeRules : public ::testing::Test {
 protected:
  explicit ShapeRules(std::int64_t opset = 17) : builder_(opset) {
    x_ = builder_.Input("x", {-1, -1, 6});
  }
  std::string Ints(const std::vector<std::int64_t>& values) {
    return builder_.Ints("i" + std::to_string(counter_++), values);
  }
  std::string Int(std::int64_t value) {
    return builder_.Constant("i" + std::to_string(counter_++),
                             Tensor::Of(DataType::kInt64, {}, std::vector{value}));
  }
  std::string Add(std::string_view op, std::vector<std::string> inputs,
                  std::vector<Attribute> attributes = {}) {
    return builder_.Add(op, std::string(op) + std::to_string(counter_++), std::move(inputs),
                        std::move(attributes));
  }
  // The last node's output must have known elements.
  void ExpectKnownElements(const std::string& name) {
    const Model model = builder_.Build();
    EXPECT_TRUE(ShapeValues(model.graph, OnnxOpset(model)).Of(name).elements) << name;
  }

  ModelBuilder builder_;
  std::string x_;
  int counter_ = 0;
};

TEST_F(ShapeRules, OfElementwiseAndBroadcastingOperators) {
  const std::string relu = Add("Relu", {x_});
  Add("Add", {relu, builder_.Weight("w", {6})});
  Add("Mul", {x_, builder_.Weight("v", {4, 1, 1, 1})});
  Add("Softmax", {x_}, {Attribute::Int("axis", -1)});
  Add("Pow", {x_, x_});
  ExpectWhatTheEngineComputes(builder_);
}

TEST_F(ShapeRules, OfProducts) {
  Add("MatMul", {x_, builder_.Weight("w", {6, 4})});
  Add("MatMul", {builder_.Weight("v", {3, 1, 9, 5}), x_});
  Add("MatMul", {x_, builder_.Weight("u", {6})});
  Add("MatMul", {builder_.Weight("t", {5}), x_});
  const std::string flat = Add("Reshape", {x_, Ints({-1, 6})});
  Add("Gemm", {flat, builder_.Weight("g", {8, 6})}, {Attribute::Int("transB", 1)});
  Add("Gemm", {flat, builder_.Weight("h", {10, 3})}, {Attribute::Int("transA", 1)});
  ExpectWhatTheEngineComputes(builder_);
}

TEST_F(ShapeRules, OfReshape) {
  Add("Reshape", {x_, Ints({0, 0, 2, 3})});
  Add("Reshape", {x_, Ints({0, -1})});
  Add("Reshape", {x_, Ints({-1})});
  Add("Reshape", {x_, Ints({1, -1, 0})});
  Add("Flatten", {x_});
  Add("Flatten", {x_}, {Attribute::Int("axis", 0)});
  Add("Flatten", {x_}, {Attribute::Int("axis", -1)});
  ExpectWhatTheEngineComputes(builder_);
}

TEST_F(ShapeRules, OfLayoutOperators) {
  Add("Transpose", {x_}, {Attribute::Ints("perm", {2, 0, 1})});
  const std::string reversed = Add("Transpose", {x_});
  const std::string wide = Add("Unsqueeze", {x_, Ints({-1, 0})});
  Add("Squeeze", {wide, Ints({0})});
  Add("Concat", {x_, x_}, {Attribute::Int("axis", 1)});
  Add("Concat", {x_, builder_.Weight("w", {2, 5, 1})}, {Attribute::Int("axis", -1)});
  Add("Expand", {reversed, Ints({4, 1, 1, 1})});
  Add("Tile", {x_, Ints({1, 3, 2})});
  Add("Pad", {x_, Ints({0, 1, 0, 2, 0, -1})});
  ExpectWhatTheEngineComputes(builder_);
}

TEST_F(ShapeRules, OfSlice) {
  Add("Slice", {x_, Ints({0}), Ints({INT64_MAX}), Ints({1})});
  Add("Slice", {x_, Ints({2, 0}), Ints({5, INT32_MAX}), Ints({2, 0})});
  Add("Slice", {x_, Ints({-2}), Ints({INT64_MAX}), Ints({2})});
  Add("Slice", {x_, Ints({-1}), Ints({INT64_MIN}), Ints({2}), Ints({-2})});
  Add("Slice", {x_, Ints({5}), Ints({0}), Ints({2}), Ints({-1})});
  Add("Slice", {x_, Ints({4}), Ints({2}), Ints({2})});
  Add("Slice", {x_, Ints({0}), Ints({-4}), Ints({2}), Ints({2})});
  ExpectWhatTheEngineComputes(builder_);
}

TEST_F(ShapeRules, OfSplitAndGather) {
  builder_.AddNode("Split", "equal", {x_}, {"a", "b", "c"}, {Attribute::Int("axis", 2)});
  builder_.AddNode("Split", "given", {x_, Ints({1, 5})}, {"d", "e"}, {Attribute::Int("axis", -1)});
  Add("Gather", {x_, Int(1)}, {Attribute::Int("axis", 1)});
  Add("Gather", {x_, Ints({0, 1, -1})}, {Attribute::Int("axis", 2)});
  Add("GatherND", {x_, builder_.Constant("at", Tensor::Of(DataType::kInt64, {2, 2},
                                                          std::vector<std::int64_t>{0, 1, 1, 2}))});
  ExpectWhatTheEngineComputes(builder_);
}

TEST_F(ShapeRules, OfReductions) {
  Add("ReduceMean", {x_}, {Attribute::Ints("axes", {-1})});
  Add("ReduceMean", {x_}, {Attribute::Ints("axes", {0, 2}), Attribute::Int("keepdims", 0)});
  Add("ReduceSum", {x_, Ints({1})});
  Add("ReduceSum", {x_});
  Add("ReduceSum", {x_}, {Attribute::Int("noop_with_empty_axes", 1)});
  Add("ArgMax", {x_}, {Attribute::Int("axis", -1), Attribute::Int("keepdims", 0)});
  builder_.AddNode("TopK", "top", {x_, Ints({2})}, {"values", "indices"});
  Model model = builder_.Build();
  ExpectWhatTheEngineComputes(builder_);
}

TEST(ShapeRulesOfImages, FollowConvolutionsAndPools) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 4, 15, 16});
  const std::string w = builder.Weight("w", {8, 4, 3, 3});
  builder.Add("Conv", "plain", {x, w});
  builder.Add("Conv", "strided", {x, w},
              {Attribute::Ints("strides", {2, 3}), Attribute::Ints("pads", {1, 0, 2, 1})});
  builder.Add("Conv", "dilated", {x, w}, {Attribute::Ints("dilations", {2, 3})});
  builder.Add("Conv", "same", {x, w},
              {Attribute::String("auto_pad", "SAME_UPPER"), Attribute::Ints("strides", {2, 2})});
  builder.Add("Conv", "valid", {x, w}, {Attribute::String("auto_pad", "VALID")});
  builder.Add("ConvTranspose", "up", {x, builder.Weight("t", {4, 5, 3, 2})},
              {Attribute::Ints("strides", {3, 2}), Attribute::Ints("pads", {1, 0, 0, 0}),
               Attribute::Ints("output_padding", {0, 1})});
  builder.Add("ConvTranspose", "grouped", {x, builder.Weight("g", {4, 5, 2, 2})},
              {Attribute::Int("group", 2), Attribute::Ints("dilations", {2, 1})});
  builder.Add("MaxPool", "max", {x},
              {Attribute::Ints("kernel_shape", {2, 3}), Attribute::Ints("strides", {2, 2})});
  builder.Add("GlobalAveragePool", "global", {x});
  builder.Add("DepthToSpace", "shuffle", {x}, {Attribute::Int("blocksize", 2)});
  builder.Add("BatchNormalization", "bn",
              {x, builder.Weight("s", {4}), builder.Weight("b", {4}), builder.Weight("m", {4}),
               builder.Constant("v", Tensor::OfFloats({4}, {1, 2, 3, 4}))});
  ExpectWhatTheEngineComputes(builder, {2, 4, 15, 16});
}

TEST(ShapeRulesOfSequences, FollowRecurrentLayers) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, -1, 6});
  builder.AddNode(
      "LSTM", "lstm", {x, builder.Weight("w", {2, 16, 6}), builder.Weight("r", {2, 16, 4})},
      {"y", "h", "c"},
      {Attribute::Int("hidden_size", 4), Attribute::String("direction", "bidirectional")});
  builder.AddNode("GRU", "gru",
                  {x, builder.Weight("w1", {1, 12, 6}), builder.Weight("r1", {1, 12, 4})}, {"y1"},
                  {Attribute::Int("hidden_size", 4)});
  ExpectWhatTheEngineComputes(builder, {7, 3, 6});
}

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
