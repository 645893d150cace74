// Rules of operators: what is said of shapes is what the engine computes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/graph.h"

#include "engine_runner.h"
#include "graph/expect_shapes.h"
#include "graph/shape_values.h"
#include "model_builder.h"

namespace quantbench {
namespace shape_rules_test {

using testing::ExpectWhatTheEngineComputes;
using testing::ModelBuilder;
using testing::ShapeRules;

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

}  // namespace shape_rules_test
}  // namespace quantbench
