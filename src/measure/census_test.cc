// The census: every form of a layer with weights is seen for what it is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/measure.h"

#include "model_builder.h"

namespace quantbench {
namespace census_test {

using testing::ModelBuilder;

LayerKernel Only(const ModelBuilder& builder) {
  const std::vector<LayerKernel> layers = CensusOf(builder.Build());
  EXPECT_EQ(layers.size(), 1U);
  return layers.empty() ? LayerKernel() : layers.front();
}

std::string Codes(ModelBuilder* builder, const std::string& name, const Shape& dims) {
  return builder->Constant(name, Tensor::Make(DataType::kInt8, dims).value());
}

TEST(Census, TellsFloatLayersByTheirWeights) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 8});
  builder.Output(builder.Add("MatMul", "fc", {x, builder.Weight("w", {8, 4})}));
  builder.Output(builder.Add("MatMul", "attention", {x, x}));
  const LayerKernel layer = Only(builder);
  EXPECT_EQ(layer.layer, "fc");
  EXPECT_EQ(layer.kind, KernelKind::kFloat);
  EXPECT_EQ(layer.weight_bytes, 8U * 4 * 4);
  EXPECT_EQ(layer.granularity, "");
  EXPECT_FALSE(layer.decoded);
}

TEST(Census, SeesThroughWhatDecodesAWeight) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 8});
  const std::string scales = builder.Constant("s", Tensor::OfFloats({4}, {1, 1, 1, 1}));
  const std::string w =
      builder.Add("DequantizeLinear", "dq", {Codes(&builder, "c", {8, 4}), scales},
                  {Attribute::Int("axis", 1)});
  builder.Output(builder.Add("MatMul", "fc", {x, w}));
  const LayerKernel layer = Only(builder);
  EXPECT_EQ(layer.kind, KernelKind::kFloat);  // its activation is no code
  EXPECT_EQ(layer.weight_type, DataType::kInt8);
  EXPECT_EQ(layer.granularity, "per channel, 4 scales");
  EXPECT_TRUE(layer.decoded);
}

TEST(Census, LeavesFusionToTheEngine) {
  ModelBuilder builder;
  const std::string s = builder.Constant("s", Tensor::OfFloats({}, {1}));
  const std::string x =
      builder.Add("DequantizeLinear", "xdq", {builder.Input("x", {-1, 8}, DataType::kUint8), s});
  const std::string w = builder.Add("DequantizeLinear", "wdq", {Codes(&builder, "c", {8, 4}), s});
  builder.Output(builder.Add("MatMul", "fc", {x, w}));
  EXPECT_EQ(Only(builder).kind, KernelKind::kIfFused);
  EXPECT_EQ(Only(builder).granularity, "per tensor");
}

TEST(Census, KnowsIntegerKernels) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 8}, DataType::kUint8);
  builder.Output(builder.Add("MatMulInteger", "fc", {x, Codes(&builder, "c", {8, 4})}));
  EXPECT_EQ(Only(builder).kind, KernelKind::kInteger);
}

TEST(Census, CountsMatMulNBitsAsIntegerOnlyWhereItsActivationsAre) {
  for (const std::int64_t level : {0, 4}) {
    ModelBuilder builder;
    const std::string s = builder.Constant("s", Tensor::OfFloats({4, 1}, {1, 1, 1, 1}));
    const std::string blocks =
        builder.Constant("b", Tensor::Make(DataType::kUint8, {4, 1, 16}).value());
    builder.Output(
        builder.Add("MatMulNBits", "fc", {builder.Input("x", {-1, 32}), blocks, s},
                    {Attribute::Int("block_size", 32), Attribute::Int("accuracy_level", level)}));
    EXPECT_EQ(Only(builder).kind, level == 4 ? KernelKind::kInteger : KernelKind::kFloat);
    EXPECT_EQ(Only(builder).granularity, "blocks of 32");
  }
}

TEST(Census, LooksIntoSubgraphsAndSkipsIndexTables) {
  ModelBuilder inner;
  inner.Output(inner.Add("MatMul", "inside", {"x", inner.Weight("w", {8, 8})}));
  Attribute body;
  body.name = "then_branch";
  body.type = AttributeType::kGraph;
  body.graphs = {inner.Build().graph};
  ModelBuilder builder;
  builder.Input("x", {-1, 8});
  builder.Output(builder.Add("If", "if", {builder.Input("c", {}, DataType::kBool)}, {body}));
  builder.Output(builder.Add("Gather", "pick", {builder.Ints("order", {3, 1, 2}), "i"}));
  builder.Input("i", {1}, DataType::kInt64);
  EXPECT_EQ(Only(builder).layer, "inside");
}

}  // namespace census_test
}  // namespace quantbench
