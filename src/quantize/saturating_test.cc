// Layers that can saturate, found in graphs that others wrote.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/quantize.h"

#include "model_builder.h"

namespace quantbench {
namespace saturating_test {

using testing::ModelBuilder;

// Two outputs of four products each; only the first has neighbours of 127.
Tensor Codes(const Shape& shape) {
  const bool rows = shape[0] == 2;
  return rows ? Tensor::Of(DataType::kInt8, shape,
                           std::vector<std::int8_t>{127, 127, 0, 0, 127, 0, 127, 0})
              : Tensor::Of(DataType::kInt8, shape,
                           std::vector<std::int8_t>{127, 127, 127, 0, 0, 127, 0, 0});
}

std::string ZeroPoint(ModelBuilder& builder, const std::string& name, DataType type) {
  return builder.Constant(name, Tensor::Make(type, {}).value());
}

TEST(FindSaturating, NamesOperatorsOfCodesByTheirWeightsAndActivations) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {1, 4}, DataType::kUint8);
  const std::string s = builder.Constant("s", Tensor::OfFloats({}, {1}));
  const std::string u8 = ZeroPoint(builder, "u8", DataType::kUint8);
  const std::string s8 = ZeroPoint(builder, "s8", DataType::kInt8);
  const std::string columns = builder.Constant("columns", Codes({4, 2}));
  const std::string rows = builder.Constant("rows", Codes({2, 4}));
  const std::string taps = builder.Constant("taps", Codes({2, 4, 1, 1}));
  builder.Add("QLinearMatMul", "product", {x, s, u8, columns, s, s8, s, u8});
  builder.Add("QLinearMatMul", "signed", {x, s, s8, columns, s, s8, s, s8});
  builder.Add("QLinearConv", "conv",
              {builder.Input("image", {1, 4, 1, 1}, DataType::kUint8), s, u8, taps, s, s8, s, u8});
  builder.Add("MatMulInteger", "dynamic", {x, columns});
  builder.Add("MatMulInteger", "swapped", {x, rows});  // [K, N] = [2, 4]: columns of two
  builder.Add("MatMul", "float", {x, columns});
  const Model model = builder.Build();
  const std::vector<SaturatingLayer> found = FindSaturating(model.graph);
  std::vector<std::string> told;
  for (const SaturatingLayer& layer : found) {
    told.push_back(layer.name + " " + std::to_string(layer.unsafe_outputs) + " of " +
                   std::to_string(layer.outputs));
  }
  EXPECT_THAT(told, ::testing::ElementsAre("product 1 of 2", "conv 1 of 2", "dynamic 1 of 2",
                                           "swapped 1 of 4"));
}

}  // namespace saturating_test
}  // namespace quantbench
