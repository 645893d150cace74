// Every treatment on weights that are hard: NaN and infinities, channels of zeros, of denormals, of
// one outlier. The engine itself decodes: the product of the identity with a weight is the weight.
#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/quantize.h"

#include "model_builder.h"
#include "quantize_model.h"

namespace quantbench {
namespace every_treatment_test {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using testing::LayerOf;
using testing::ModelBuilder;
using testing::Must;
using testing::RandomTensor;
using testing::RunModel;

constexpr std::int64_t kSize = 32;

std::size_t At(std::int64_t row, std::int64_t column) {
  return static_cast<std::size_t>(row * kSize + column);
}

Model Product(const Tensor& weight) {
  ModelBuilder builder(21, 10);
  const std::string x = builder.Input("x", {-1, kSize});
  builder.Output(builder.Add("MatMul", "product", {x, builder.Constant("fc.weight", weight)}));
  return builder.Build();
}

Tensor Identity() {
  Tensor identity = Must(Tensor::Make(DataType::kFloat32, {kSize, kSize}));
  for (std::int64_t i = 0; i < kSize; ++i) identity.As<float>()[At(i, i)] = 1;
  return identity;
}

// One sample with the range of the identity, so that zeros and ones have codes of their own.
testing::VectorDataset Ones() {
  std::vector<float> values(kSize, 0.0F);
  values[3] = 1;
  Sample sample;
  sample.inputs.push_back(Tensor::OfFloats({kSize}, values));
  std::vector<Sample> samples;
  samples.push_back(std::move(sample));
  return testing::VectorDataset(std::move(samples));
}

class EveryTreatment : public ::testing::TestWithParam<const char*> {
 protected:
  static Recipe RecipeOf(bool per_channel) {
    Recipe recipe;
    recipe.name = "custom";
    recipe.choices = {Must(FindTreatment(GetParam()))};
    recipe.target = Target::kX64Vnni;  // scales as they are chosen, none widened
    recipe.SetPerChannel(per_channel);
    return recipe;
  }
};

TEST_P(EveryTreatment, NamesAWeightWithNanOrInfinity) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Tensor weight = RandomTensor({kSize, kSize}, 4);
    weight.As<float>()[77] = bad;
    const Recipe recipe = RecipeOf(true);
    const Model model = Must(PrepareFor(Product(weight), recipe, nullptr));
    CalibrationTable table;
    table.ranges["x"] = {0, 1, 100, 0, DataType::kFloat32, {1, kSize}};
    const auto plan = PlanQuantization(model, recipe, &table);
    if (recipe.choices[0].scheme == Scheme::kStored) {  // it stays as it is, and the plan says why
      EXPECT_EQ(LayerOf(Must(plan), "product").scheme, Scheme::kKeepFloat);
      EXPECT_THAT(LayerOf(Must(plan), "product").reason,
                  AnyOf(HasSubstr("hold NaN"), HasSubstr("hold infinities")));
    } else {
      ASSERT_FALSE(plan.ok());
      EXPECT_EQ(plan.error().code(), ErrorCode::kMalformed);
      EXPECT_THAT(plan.error().message(), HasSubstr("\"fc.weight\""));
    }
  }
}

// Columns: zeros, one outlier, denormals; the rest normal.
Tensor HardWeight() {
  Tensor weight = RandomTensor({kSize, kSize}, 4);
  for (std::int64_t row = 0; row < kSize; ++row) {
    weight.As<float>()[At(row, 0)] = 0;
    weight.As<float>()[At(row, 1)] = row == 5 ? -1000.0F : 0.001F;
    weight.As<float>()[At(row, 2)] = 1e-41F;
  }
  return weight;
}

// How far a decoded weight may be from w, where the largest of its channel (or of all that share
// its scale) is `largest`: half a step.
double HalfStep(const Treatment& treatment, double w, double largest, double largest_of_all) {
  switch (treatment.weights) {
    case DataType::kFloat16: return std::abs(w) * 0x1p-11 + 0x1p-25;
    case DataType::kBfloat16: return std::abs(w) * 0x1p-8;
    case DataType::kFloat8E4M3FN: return std::max(std::abs(w) / 16, largest_of_all / 448 * 0x1p-10);
    case DataType::kInt4: return largest / 7 / 2;
    default: return largest / 127 / 2;
  }
}

TEST_P(EveryTreatment, DecodesHardWeightsWithinHalfAStep) {
  const Tensor weight = HardWeight();
  for (const bool per_channel : {true, false}) {
    const Recipe recipe = RecipeOf(per_channel);
    const auto quantized = testing::Quantize(Product(weight), recipe, Ones());
    const LayerPlan layer = LayerOf(quantized.plan, "product");
    ASSERT_EQ(layer.scheme, recipe.choices[0].scheme) << layer.reason;
    SessionOptions options;
    if (recipe.choices[0].scheme == Scheme::kFloat8) {
      options.optimization = GraphOptimization::kNone;  // it would make an operator without float8
    }
    const Tensor decoded = RunModel(quantized.model, {{"x", Identity()}}, options)[0];
    for (std::int64_t column = 0; column < kSize; ++column) {
      double largest = 0;
      for (std::int64_t row = 0; row < kSize; ++row) {
        largest = std::max<double>(largest, std::abs(weight.As<float>()[At(row, column)]));
      }
      const bool shares = !per_channel && recipe.choices[0].scheme != Scheme::kWeightOnly;
      for (std::int64_t row = 0; row < kSize; ++row) {
        const double w = weight.As<float>()[At(row, column)];
        const double allowed = HalfStep(recipe.choices[0], w, shares ? 1000 : largest, 1000);
        const double slack = std::abs(w) * 1e-5 + FLT_MIN;  // float arithmetic, denormals
        ASSERT_NEAR(decoded.As<float>()[At(row, column)], w, allowed * (1 + 1e-5) + slack)
            << row << ", " << column;
        if (column == 0) {
          ASSERT_EQ(decoded.As<float>()[At(row, column)], 0);
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Treatments, EveryTreatment,
                         ::testing::Values("stored-int8", "float16", "bfloat16", "weight-int8",
                                           "weight-int4", "dynamic-int8", "static-int8",
                                           "static-int16", "float8"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace every_treatment_test
}  // namespace quantbench
