// Folding BatchNormalization: into every kind of layer, before it and after it.
#include "graph/fold_batchnorm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/rewrite_check.h"
#include "model_builder.h"

namespace quantbench {
namespace fold_batchnorm_test {

using testing::CountOf;
using testing::ExpectSameOutputs;
using testing::kUpToRounding;
using testing::ModelBuilder;
using testing::Must;
using testing::OperatorsOf;
using testing::RandomTensor;

// A normalization with positive variances, negative factors and means away from 0.
std::string BatchNorm(ModelBuilder* builder, const std::string& name, const std::string& input,
                      int channels) {
  const auto vector = [&](const std::string& suffix, float first, float step) {
    std::vector<float> values;
    for (int i = 0; i < channels; ++i) values.push_back(first + step * static_cast<float>(i));
    return builder->Constant(name + suffix, Tensor::OfFloats({channels}, values));
  };
  return builder->Add("BatchNormalization", name,
                      {input, vector(".g", -0.7F, 0.4F), vector(".b", 0.5F, -0.1F),
                       vector(".m", 1.0F, 0.3F), vector(".v", 0.2F, 0.5F)});
}

Model Folded(const Model& model) {
  std::vector<std::string> notes;
  Model result = model;
  Must(FoldBatchNorms(&result, &notes));
  Must(FoldBatchNormsForward(&result, &notes));
  return result;
}

void ExpectFolded(const Model& model, const std::map<std::string, int>& operators,
                  const Shape& shape) {
  const Model folded = Folded(model);
  EXPECT_EQ(OperatorsOf(folded.graph), operators);
  ExpectSameOutputs(model, folded, {{"x", RandomTensor(shape, 1)}}, kUpToRounding);
}

TEST(FoldBatchNorms, TakesConvTransposeWithGroups) {
  for (const std::int64_t groups : {1, 2}) {
    ModelBuilder builder;
    const std::string up =
        builder.Add("ConvTranspose", "up",
                    {builder.Input("x", {-1, 4, 5, 5}), builder.Weight("w", {4, 3, 3, 2}),
                     builder.Weight("b", {3 * groups})},
                    {Attribute::Int("group", groups), Attribute::Ints("strides", {2, 2})});
    builder.Output(BatchNorm(&builder, "bn", up, static_cast<int>(3 * groups)));
    ExpectFolded(builder.Build(), {{"ConvTranspose", 1}}, {2, 4, 5, 5});
  }
}

TEST(FoldBatchNorms, TakesGroupedConvOfOneDimension) {
  ModelBuilder builder;
  const std::string conv =
      builder.Add("Conv", "conv", {builder.Input("x", {-1, 4, 9}), builder.Weight("w", {6, 2, 3})},
                  {Attribute::Int("group", 2), Attribute::Ints("pads", {1, 1})});
  builder.Output(BatchNorm(&builder, "bn", conv, 6));
  ExpectFolded(builder.Build(), {{"Conv", 1}}, {2, 4, 9});
}

TEST(FoldBatchNorms, TakesGemmBothWays) {
  for (const bool transposed : {false, true}) {
    ModelBuilder builder;
    const std::string gemm = builder.Add(
        "Gemm", "gemm",
        {builder.Input("x", {-1, 8}), builder.Weight("w", transposed ? Shape{5, 8} : Shape{8, 5}),
         builder.Weight("b", {5})},
        {Attribute::Int("transB", transposed ? 1 : 0)});
    builder.Output(BatchNorm(&builder, "bn", gemm, 5));
    ExpectFolded(builder.Build(), {{"Gemm", 1}}, {3, 8});
  }
}

TEST(FoldBatchNorms, TakesMatMulWithAndWithoutBias) {
  for (const bool with_bias : {false, true}) {
    ModelBuilder builder;
    std::string y = builder.Add("MatMul", "product",
                                {builder.Input("x", {-1, 8}), builder.Weight("w", {8, 5})});
    if (with_bias) y = builder.Add("Add", "add", {builder.Weight("b", {5}), y});
    builder.Output(BatchNorm(&builder, "bn", y, 5));
    ExpectFolded(builder.Build(), {{"Add", 1}, {"MatMul", 1}}, {3, 8});
  }
}

TEST(FoldBatchNorms, LeavesMatMulOfMoreAxes) {
  ModelBuilder builder;
  const std::string product = builder.Add(
      "MatMul", "product", {builder.Input("x", {-1, 5, 8}), builder.Weight("w", {8, 5})});
  builder.Output(BatchNorm(&builder, "bn", product, 5));
  EXPECT_EQ(CountOf(Folded(builder.Build()).graph, "BatchNormalization"), 1);
}

TEST(FoldBatchNormsForward, TakesAConvThatPadsNothing) {
  for (const std::int64_t groups : {1, 2}) {
    ModelBuilder builder;
    const std::string relu = builder.Add("Relu", "relu", {builder.Input("x", {-1, 4, 6, 6})});
    std::vector<std::string> inputs = {BatchNorm(&builder, "bn", relu, 4),
                                       builder.Weight("w", {6, 4 / groups, 3, 3})};
    if (groups == 2) inputs.push_back(builder.Weight("b", {6}));
    builder.Output(builder.Add("Conv", "conv", inputs, {Attribute::Int("group", groups)}));
    ExpectFolded(builder.Build(), {{"Conv", 1}, {"Relu", 1}}, {2, 4, 6, 6});
  }
}

TEST(FoldBatchNormsForward, LeavesAConvThatPadsAndNormalizationsThatOthersRead) {
  ModelBuilder builder;
  const std::string relu = builder.Add("Relu", "relu", {builder.Input("x", {-1, 4, 6, 6})});
  const std::string padded = BatchNorm(&builder, "padded", relu, 4);
  const std::string same = BatchNorm(&builder, "same", relu, 4);
  const std::string read = BatchNorm(&builder, "read", relu, 4);
  const std::string w = builder.Weight("w", {6, 4, 3, 3});
  builder.Output(builder.Add("Conv", "conv", {padded, w}, {Attribute::Ints("pads", {0, 0, 0, 1})}));
  builder.Output(
      builder.Add("Conv", "conv2", {same, w}, {Attribute::String("auto_pad", "SAME_LOWER")}));
  builder.Output(builder.Add("Conv", "conv3", {read, w})).Output(read);
  EXPECT_EQ(CountOf(Folded(builder.Build()).graph, "BatchNormalization"), 3);
}

}  // namespace fold_batchnorm_test
}  // namespace quantbench
