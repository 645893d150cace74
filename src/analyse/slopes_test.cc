// Slopes: along a sweep, over the variants of a model, over all models of a study.
#include "analyse/slopes.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "planted_analysis.h"

namespace quantbench {
namespace slopes_test {

using testing::CellOf;
using testing::Claimed;
using ::testing::HasSubstr;
using testing::JudgedOn;
using testing::OneModel;
using testing::SizeOfArm;

TEST(Judge, SlopeAlongTheBatchIsThatOfLogarithms) {
  // 2 ms and 3 ms a sample: below proportion.
  std::vector<CellResult> cells;
  for (const std::int64_t batch : {1, 2, 4, 8}) {
    cells.push_back(CellOf(batch, 2 + 3 * static_cast<double>(batch), {}));
  }
  const Analysis analysis = OneModel(std::move(cells));
  const HypothesisResult result =
      JudgedOn(analysis, Claimed(Metric::kLatency, {"original"}, "slope < 1", "batch"));
  EXPECT_EQ(result.judgement, Judgement::kSupported);
  // numpy.polyfit(log([1, 2, 4, 8]), log([5, 8, 14, 26]), 1)[0]
  EXPECT_NEAR(result.verdicts[0].value.estimate, 0.79428898, 1e-6);
  EXPECT_EQ(JudgedOn(analysis, Claimed(Metric::kThroughput, {"original"}, "increases", "batch"))
                .judgement,
            Judgement::kSupported);
  EXPECT_EQ(
      JudgedOn(analysis, Claimed(Metric::kLatency, {"original"}, "decreases", "batch")).judgement,
      Judgement::kRefuted);
}

TEST(Judge, LatencyTracksSizeWhereTheSlopeIsOne) {
  Analysis analysis = OneModel({CellOf(1, 8, {{"half", 0.5}, {"quarter", 0.25}, {"lame", 0.9}})});
  analysis.sizes = {SizeOfArm("original", 4000), SizeOfArm("half", 2000),
                    SizeOfArm("quarter", 1000), SizeOfArm("lame", 1000)};
  EXPECT_EQ(JudgedOn(analysis, Claimed(Metric::kLatencyRatio, {"half", "quarter"}, "slope 0.9..1.1",
                                       "size.ratio"))
                .judgement,
            Judgement::kSupported);
  const HypothesisResult lame =
      JudgedOn(analysis, Claimed(Metric::kLatencyRatio, {"lame"}, "slope 0.9..1.1", "size.ratio"));
  EXPECT_EQ(lame.judgement, Judgement::kRefuted);
  EXPECT_NEAR(lame.verdicts[0].value.estimate, std::log(0.9) / std::log(0.25), 1e-9);
  EXPECT_EQ(JudgedOn(analysis, Claimed(Metric::kLatencyRatio, {}, "slope 0.9..1.1", "size.ratio"))
                .judgement,
            Judgement::kRefuted);  // all three together
}

// Model a: half the size in half the time, a quarter in a quarter; model b: a quarter in half.
Analysis TwoModels() {
  Analysis analysis = OneModel({CellOf(1, 8, {{"half", 0.5}, {"quarter", 0.25}}),
                                CellOf(1, 80, {{"half", 0.9}, {"quarter", 0.5}})});
  analysis.study.models.push_back({});
  analysis.study.models[0].id = analysis.cells[0].model = "a";
  analysis.study.models[1].id = analysis.cells[1].model = "b";
  analysis.sizes = {SizeOfArm("original", 4000), SizeOfArm("half", 2000),
                    SizeOfArm("quarter", 1000),  SizeOfArm("original", 400),
                    SizeOfArm("half", 400),      SizeOfArm("quarter", 100)};
  for (std::size_t i = 0; i < 6; ++i) analysis.sizes[i].model = i < 3 ? "a" : "b";
  return analysis;
}

TEST(Judge, LatencyTracksSizeOverAllModels) {
  const Analysis analysis = TwoModels();
  const HypothesisResult result =
      JudgedOn(analysis, Claimed(Metric::kLatencyRatio, {}, "slope 0.7..0.8", "models"));
  ASSERT_EQ(result.verdicts.size(), 1U);
  const Verdict& verdict = result.verdicts[0];
  EXPECT_EQ(verdict.model, "");
  EXPECT_EQ(verdict.where, "batch 1, 1 thread");
  // In units of ln 2, sum of x y over sum of x^2: (1 + 4 + 2) / (1 + 4 + 4); b's half is as large
  // as b and does not count.
  EXPECT_NEAR(verdict.value.estimate, 7.0 / 9, 1e-9);
  // Each process is off by 0.005 z in all y; z has the deviation sqrt(2.62 / 3). Products are off
  // by 3 ln 2 and 2 ln 2 times that: half = t(0.975, 3) sqrt((9 + 4) / 4) 0.005 sqrt(2.62 / 3) / (9
  // ln 2).
  EXPECT_NEAR(verdict.value.high - verdict.value.estimate, 0.00429722, 1e-7);
  EXPECT_EQ(result.judgement, Judgement::kSupported);
  EXPECT_EQ(result.explanation,
            "the time of variants over that of the original goes as size^0.7778 (95 % interval "
            "0.7735 to 0.7821), over 2 models, alone from 0.5 (b) to 1 (a); expected was slope "
            "0.7..0.8, which the whole interval satisfies");
}

TEST(Judge, SlopesOverModelsNeedTwoOfThem) {
  const HypothesisResult one =
      JudgedOn(TwoModels(), Claimed(Metric::kLatencyRatio, {"half"}, "slope > 0.5", "models"));
  EXPECT_EQ(one.judgement, Judgement::kNotJudged);
  EXPECT_EQ(one.explanation, "fewer than two models have a variant of another size");
}

TEST(Judge, SlopesOverModelsFeelAFailedControl) {
  Analysis analysis = TwoModels();
  const Hypothesis claim = Claimed(Metric::kLatencyRatio, {}, "slope > 0.5", "models");
  const Interval before = JudgedOn(analysis, claim).verdicts[0].value;
  analysis.cells[0].control = {1.02, 1.01, 1.03};
  const Interval after = JudgedOn(analysis, claim).verdicts[0].value;
  EXPECT_DOUBLE_EQ(after.estimate, before.estimate);
  // All of a's y may be off by ln 1.03: 3 ln 2 of 9 (ln 2)^2.
  EXPECT_NEAR(after.high - before.high, std::log(1.03) / (3 * std::log(2)), 1e-9);
}

TEST(Judge, SlopesOverModelsAreOfEqualCircumstances) {
  Analysis analysis = TwoModels();
  CellResult larger = analysis.cells[0];
  larger.cell.batch = 2;
  analysis.cells.push_back(larger);
  larger.model = "b";
  larger.contention = 2;
  analysis.cells.push_back(larger);
  const HypothesisResult result =
      JudgedOn(analysis, Claimed(Metric::kLatencyRatio, {}, "slope > 0.5", "models"));
  ASSERT_EQ(result.verdicts.size(), 2U);
  EXPECT_EQ(result.verdicts[1].where, "batch 2, 1 thread");
  EXPECT_EQ(result.verdicts[0].judgement, Judgement::kSupported);
  EXPECT_EQ(result.verdicts[1].judgement, Judgement::kNotJudged);
}

}  // namespace slopes_test
}  // namespace quantbench
