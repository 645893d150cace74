// Tied weights: one table of codes in the file, the same numbers out of the engine.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model_builder.h"
#include "quantize_model.h"

namespace quantbench {
namespace tied_weights_test {

using ::testing::HasSubstr;
using testing::LayerOf;
using testing::ModelBuilder;
using testing::Must;

constexpr std::int64_t kRows = 256;
constexpr std::int64_t kColumns = 64;

// rows of a table -> the table again, transposed: scores. `changed`: one number of the head is
// another.
Model LanguageModel(bool changed = false) {
  Tensor table = testing::RandomTensor({kRows, kColumns}, 1);
  Tensor head = testing::RandomTensor({kColumns, kRows}, 2);
  for (std::int64_t r = 0; r < kRows; ++r) {
    for (std::int64_t c = 0; c < kColumns; ++c) {
      head.As<float>()[static_cast<std::size_t>(c * kRows + r)] =
          table.As<float>()[static_cast<std::size_t>(r * kColumns + c)];
    }
  }
  if (changed) head.As<float>()[777] += 0.25F;
  ModelBuilder builder;
  builder.Constant("t", table);
  builder.Constant("h", head);
  const std::string rows =
      builder.Add("Gather", "table", {"t", builder.Input("ids", {-1, 4}, DataType::kInt64)});
  builder.Output(builder.Add("MatMul", "head", {rows, "h"}));
  return builder.Build();
}

Recipe AllAs(std::string_view treatment) {
  Recipe recipe;
  recipe.name = "custom";
  recipe.choices = {Must(FindTreatment(treatment))};
  return recipe;
}

Tensor ScoresOf(const Model& model) {
  const std::vector<std::int64_t> ids = {0, 3, 77, 255, 128, 9, 3, 41};
  return testing::RunModel(model, {{"ids", Tensor::Of(DataType::kInt64, {2, 4}, ids)}})[0];
}

std::size_t BytesOf(const Model& model) {
  return Must(EncodeToBytes(model)).size();
}

Plan Untied(Plan plan) {
  for (LayerPlan& layer : plan.layers) layer.tied_to.clear();
  return plan;
}

class TiedWeights : public ::testing::TestWithParam<const char*> {};

TEST_P(TiedWeights, AreWrittenOnceAndComputeTheSame) {
  const Model prepared = Must(PrepareFor(LanguageModel(), AllAs(GetParam()), nullptr));
  const Plan plan = Must(PlanQuantization(prepared, AllAs(GetParam()), nullptr));
  EXPECT_EQ(LayerOf(plan, "head").tied_to, "t");
  EXPECT_EQ(Must(Plan::FromJson(plan.ToJson())), plan);
  const Model tied = Must(ApplyPlan(prepared, plan));
  Must(CheckModel(tied));
  const Model apart = Must(ApplyPlan(prepared, Untied(plan)));
  const std::size_t codes = kRows * kColumns / 2;  // of 4 bits at least
  EXPECT_LT(BytesOf(tied) + codes - 500, BytesOf(apart));
  // A product's scales are wider than a table's where its sums could overflow.
  const bool same_scales = std::string_view(GetParam()) != "dynamic-int8";
  EXPECT_GT(testing::Sqnr(ScoresOf(apart), ScoresOf(tied)), same_scales ? 120 : 35);
  EXPECT_GT(testing::Sqnr(ScoresOf(LanguageModel()), ScoresOf(tied)), 17);
}

INSTANTIATE_TEST_SUITE_P(Treatments, TiedWeights,
                         ::testing::Values("dynamic-int8", "weight-int4", "weight-int8", "float16",
                                           "bfloat16", "stored-int8"),
                         [](const auto& param) {
                           std::string name = param.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(TieWeights, ComputesOnIntegersStill) {
  const auto dynamic =
      testing::Quantize(LanguageModel(), AllAs("dynamic-int8"), testing::VectorDataset({}));
  const auto operators = testing::OperatorsRun(dynamic.model);
  EXPECT_TRUE(operators.contains("MatMulIntegerToFloat") ||
              operators.contains("DynamicQuantizeMatMul"));
  EXPECT_FALSE(operators.contains("Transpose"));
  const auto blocks =
      testing::Quantize(LanguageModel(), AllAs("weight-int4"), testing::VectorDataset({}));
  EXPECT_EQ(testing::OperatorsRun(blocks.model),
            (std::map<std::string, int>{{"GatherBlockQuantized", 1}, {"MatMulNBits", 1}}));
}

TEST(TieWeights, LeavesOthersApart) {
  const auto tied_to = [](const Model& model, const Recipe& recipe) {
    return LayerOf(
               Must(PlanQuantization(Must(PrepareFor(model, recipe, nullptr)), recipe, nullptr)),
               "head")
        .tied_to;
  };
  EXPECT_EQ(tied_to(LanguageModel(true), AllAs("dynamic-int8")), "");
  Recipe mixed = AllAs("dynamic-int8");
  mixed.rules = {Must(ParseRule("Gather=float16"))};
  EXPECT_EQ(tied_to(LanguageModel(), mixed), "");
  Recipe other_block = AllAs("weight-int4");
  other_block.rules = {Must(ParseRule("Gather=weight-int4"))};
  other_block.rules[0].choices[0].block = 16;
  EXPECT_EQ(tied_to(LanguageModel(), other_block), "");
}

TEST(TieWeights, RefusesAPlanThatTiesWhatDiffers) {
  const Recipe recipe = AllAs("float16");
  const Model prepared = Must(PrepareFor(LanguageModel(true), recipe, nullptr));
  Plan plan = Must(PlanQuantization(prepared, recipe, nullptr));
  for (LayerPlan& layer : plan.layers) {
    if (layer.layer == "head") layer.tied_to = "t";
  }
  const auto applied = ApplyPlan(prepared, plan);
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(applied.error().message(),
              HasSubstr("ties layer \"head\" to \"t\", whose transpose its weight is not"));
}

}  // namespace tied_weights_test
}  // namespace quantbench
