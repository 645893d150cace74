// Verdicts on planted rows: regions, steps, orders, and hypotheses that share an error rate.
#include "analyse/judge.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "planted_analysis.h"

namespace quantbench {
namespace judge_test {

using testing::CellOf;
using testing::Claimed;
using ::testing::HasSubstr;
using testing::JudgedOn;
using testing::OneModel;
using testing::SizeOfArm;

// What is not shown to differ is not shown to be the same.
TEST(Judge, SameMeansWithinAMargin) {
  const Hypothesis same = Claimed(Metric::kLatencyRatio, {"q", "original"}, "1 +- 3 %");
  EXPECT_EQ(JudgedOn(OneModel({CellOf(1, 5, {{"q", 1.01}}, 0.005)}), same).judgement,
            Judgement::kSupported);
  EXPECT_EQ(JudgedOn(OneModel({CellOf(1, 5, {{"q", 1.01}}, 0.05)}), same).judgement,
            Judgement::kInconclusive);
  EXPECT_EQ(JudgedOn(OneModel({CellOf(1, 5, {{"q", 1.1}}, 0.005)}), same).judgement,
            Judgement::kRefuted);
}

TEST(Judge, TellsWhatAnOpenVerdictWouldTake) {
  const Analysis analysis = OneModel({CellOf(1, 5, {{"q", 0.5}}, 0.05)});
  const Interval ratio = analysis.cells[0].arms[1].ratio;
  const double distance = std::log(0.53 / ratio.estimate);
  const double half = std::log(ratio.high / ratio.low) / 2;
  ASSERT_GT(half, distance);
  const double more = std::ceil(4 * (std::pow(half / distance, 2) - 1));
  const HypothesisResult open =
      JudgedOn(analysis, Claimed(Metric::kLatencyRatio, {"q", "original"}, "< 0.53"));
  EXPECT_EQ(open.judgement, Judgement::kInconclusive);
  EXPECT_THAT(open.explanation,
              HasSubstr("about " + std::to_string(static_cast<int>(more)) + " more processes"));
  EXPECT_THAT(open.explanation, HasSubstr("a large effect"));
  // The control shows differences of 0.1 % only.
  const HypothesisResult close =
      JudgedOn(analysis, Claimed(Metric::kLatencyRatio, {"q", "original"}, "< 0.5002"));
  EXPECT_THAT(close.explanation,
              HasSubstr("closer to the border than this device resolves (0.1 %)"));
}

TEST(Judge, ClaimsNothingAtSizesThatTheModelDoesNotHave) {
  CellResult skipped = CellOf(2, 5, {});
  skipped.outcome = Outcome::kSkipped;
  skipped.reason = "its batch is fixed at 1";
  const Analysis analysis = OneModel({CellOf(1, 5, {{"q", 0.5}}), skipped});
  Hypothesis faster = Claimed(Metric::kLatencyRatio, {"q", "original"}, "< 0.6");
  EXPECT_EQ(JudgedOn(analysis, faster).judgement, Judgement::kSupported);
  faster.batch = 2;
  EXPECT_EQ(JudgedOn(analysis, faster).judgement, Judgement::kNotJudged);
  EXPECT_EQ(JudgedOn(analysis, faster).explanation, "its batch is fixed at 1");
}

TEST(Judge, ClaimsNothingOfModelsThatAnArmIsNotMadeFor) {
  Analysis analysis = OneModel({CellOf(1, 5, {{"q", 0.5}})});
  analysis.study.models.push_back({});
  analysis.study.models.back().id = "other";
  CellResult of_other = CellOf(1, 5, {});
  of_other.model = "other";
  analysis.cells.push_back(of_other);
  StudyVariant q;
  q.id = "q";
  analysis.study.variants = {q};
  Hypothesis faster = Claimed(Metric::kLatencyRatio, {"q", "original"}, "< 0.6");
  EXPECT_NE(JudgedOn(analysis, faster).judgement, Judgement::kSupported);
  analysis.study.variants[0].models = {"m"};
  EXPECT_EQ(JudgedOn(analysis, faster).judgement, Judgement::kSupported);
  faster.model = "other";
  EXPECT_EQ(JudgedOn(analysis, faster).judgement, Judgement::kNotJudged);
}

TEST(Judge, RisesAlongTheBatch) {
  const Hypothesis rises = Claimed(Metric::kLatencyRatio, {"q", "original"}, "increases", "batch");
  const auto judged = [&](double one, double two, double four) {
    // Not in the order of their batches.
    return JudgedOn(OneModel({CellOf(4, 20, {{"q", four}}), CellOf(1, 5, {{"q", one}}),
                              CellOf(2, 10, {{"q", two}})}),
                    rises);
  };
  EXPECT_EQ(judged(0.5, 0.6, 0.7).judgement, Judgement::kSupported);
  EXPECT_THAT(
      judged(0.5, 0.55, 0.7).explanation,
      HasSubstr(
          "least of all from batch 1 to 2, where it goes from 0.5 to 0.55, 1.1 times as much"));
  EXPECT_EQ(judged(0.5, 0.6, 0.601).judgement, Judgement::kInconclusive);
  const HypothesisResult falls = judged(0.5, 0.6, 0.4);
  EXPECT_EQ(falls.judgement, Judgement::kRefuted);
  EXPECT_THAT(falls.verdicts[0].explanation,
              HasSubstr("not from batch 2 to 4, where it goes from 0.6 to 0.4, 0.66"));
  EXPECT_EQ(JudgedOn(OneModel({CellOf(1, 5, {{"q", 0.5}})}), rises).judgement,
            Judgement::kNotJudged);
}

TEST(Judge, ArmsStandInTheOrderThatIsClaimed) {
  Analysis analysis = OneModel({CellOf(1, 8, {{"a", 0.4}, {"b", 0.6}})});
  analysis.sizes = {SizeOfArm("original", 4000), SizeOfArm("a", 1000), SizeOfArm("b", 1000)};
  EXPECT_EQ(
      JudgedOn(analysis, Claimed(Metric::kLatency, {"a", "b", "original"}, "increases", "arms"))
          .judgement,
      Judgement::kSupported);
  EXPECT_EQ(
      JudgedOn(analysis, Claimed(Metric::kLatency, {"b", "a", "original"}, "increases", "arms"))
          .judgement,
      Judgement::kRefuted);
  EXPECT_EQ(
      JudgedOn(analysis, Claimed(Metric::kThroughput, {"original", "b", "a"}, "increases", "arms"))
          .judgement,
      Judgement::kSupported);
  // Equal sizes do not increase, which needs no interval to see.
  EXPECT_EQ(
      JudgedOn(analysis, Claimed(Metric::kSizeRatio, {"a", "b", "original"}, "increases", "arms"))
          .judgement,
      Judgement::kRefuted);
}

TEST(Judge, ScenariosHaveRatiosToo) {
  Analysis analysis = OneModel({});
  ScenarioResult result;
  result.cell.model = "m";
  result.cell.cell.scenario = Scenario::kEnergy;
  for (const auto& [name, better] : {std::pair{"original", 1.0}, std::pair{"a", 2.0}}) {
    ScenarioArm arm;
    arm.arm = name;
    arm.processes = 3;
    arm.better = {better, better * 0.95, better * 1.05};
    result.arms.push_back(arm);
  }
  analysis.scenarios = {result};
  // Half the joules.
  EXPECT_EQ(
      JudgedOn(analysis, Claimed(Metric::kEnergyRatio, {"a", "original"}, "0.45..0.55")).judgement,
      Judgement::kSupported);
  EXPECT_THAT(
      JudgedOn(analysis, Claimed(Metric::kServerRatio, {"a", "original"}, "> 1")).explanation,
      HasSubstr("scenario \"server\" was not measured"));
}

HypothesisResult Decided(Judgement judgement, double p) {
  HypothesisResult result;
  result.judgement = judgement;
  result.p = p;
  return result;
}

TEST(ShareErrorRate, HolmTakesBackWhatIsDecidedByAHair) {
  std::vector<HypothesisResult> results = {
      Decided(Judgement::kSupported, 0.04), Decided(Judgement::kRefuted, 0.001),
      Decided(Judgement::kInconclusive, 1), Decided(Judgement::kSupported, 0),
      Decided(Judgement::kSupported, 0.024)};
  ShareErrorRate(&results);
  EXPECT_EQ(results[1].judgement, Judgement::kRefuted);       // 0.001 <= 0.05 / 4
  EXPECT_EQ(results[4].judgement, Judgement::kInconclusive);  // 0.024 > 0.05 / 3
  EXPECT_EQ(results[0].judgement, Judgement::kInconclusive);  // one before did not hold
  EXPECT_EQ(results[3].judgement, Judgement::kSupported);     // known without error
  EXPECT_THAT(results[0].explanation, HasSubstr("alone it would be supported (p = 0.04)"));
  // 2 * 0.04, which is more than the 3 * 0.024 of the one before.
  EXPECT_THAT(results[0].explanation, HasSubstr("corrected for them p is 0.08"));
  EXPECT_THAT(results[4].explanation, HasSubstr("but 4 hypotheses share an error rate of 5 %, and "
                                                "corrected for them p is 0.072"));

  std::vector<HypothesisResult> aside = {Decided(Judgement::kSupported, 0.04),
                                         Decided(Judgement::kSupported, 0.03)};
  aside[1].hypothesis.primary = false;
  ShareErrorRate(&aside);
  EXPECT_EQ(aside[0].judgement, Judgement::kSupported);
  EXPECT_EQ(aside[1].judgement, Judgement::kSupported);
}

TEST(ShareErrorRate, PIsThatOfTheBorder) {
  const Analysis analysis = OneModel({CellOf(1, 5, {{"q", 0.5}}, 0.05)});
  const std::vector<double>& logs = analysis.cells[0].arms[1].log_ratios;
  const Summary summary = Summarise(logs);
  const HypothesisResult result =
      JudgedOn(analysis, Claimed(Metric::kLatencyRatio, {"q", "original"}, "< 0.6"));
  ASSERT_EQ(result.judgement, Judgement::kSupported);
  const double t = (std::log(0.6) - summary.mean) / (summary.stddev / 2);
  EXPECT_NEAR(result.p, StudentTail(t, 3), 1e-6);
  EXPECT_NEAR(StudentTail(2, 5), 0.1019394788, 1e-9);  // 2 scipy.stats.t.sf(2, 5)
}

TEST(ScoreOfConfidence, IsTheMeanSquaredDistance) {
  std::vector<HypothesisResult> results = {Decided(Judgement::kSupported, 0),
                                           Decided(Judgement::kRefuted, 0),
                                           Decided(Judgement::kInconclusive, 1)};
  results[0].hypothesis.confidence = 0.9;
  results[1].hypothesis.confidence = 0.7;
  results[2].hypothesis.confidence = 1;
  const ConfidenceScore score = ScoreOfConfidence(results);
  EXPECT_EQ(score.judged, 2);
  EXPECT_EQ(score.supported, 1);
  EXPECT_NEAR(score.brier, (0.01 + 0.49) / 2, 1e-12);
  EXPECT_NEAR(score.mean_confidence, 0.8, 1e-12);
}

}  // namespace judge_test
}  // namespace quantbench
