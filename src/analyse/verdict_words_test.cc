// What verdicts say: sentences with the value, its interval and where.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analyse/wording.h"
#include "planted_analysis.h"

namespace quantbench {
namespace verdict_words_test {

using testing::CellOf;
using testing::Claimed;
using ::testing::HasSubstr;
using testing::JudgedOn;
using testing::LogsAround;
using testing::OneModel;
using testing::SizeOfArm;
using ::testing::StartsWith;

TEST(VerdictWords, SayTheValueItsIntervalAndWhatWasExpected) {
  const Analysis analysis = OneModel({CellOf(1, 5, {{"q", 1.06}})});
  const auto says = [&](const std::string& expect) {
    return JudgedOn(analysis, Claimed(Metric::kLatencyRatio, {"q", "original"}, expect))
        .explanation;
  };
  const std::string value =
      "the time of q over that of original is 1.06 (95 % interval 1.052 to 1.068), 6 % more, a "
      "small "
      "effect; expected was ";
  EXPECT_EQ(says("< 1"), value + "< 1, which no part of the interval satisfies");
  EXPECT_EQ(says("> 1"), value + "> 1, which the whole interval satisfies");
  EXPECT_THAT(says("<= 1.063"),
              StartsWith(value + "<= 1.063, which only a part of the interval satisfies: about "));
}

TEST(VerdictWords, SayUnitsAndNoEffectOfWhatComparesNothing) {
  const Analysis analysis = OneModel({CellOf(2, 5, {{"q", 0.5}})});
  EXPECT_EQ(JudgedOn(analysis, Claimed(Metric::kLatency, {"q"}, "< 3")).explanation,
            "the time of q is 2.5 ms (95 % interval 2.475 to 2.525); expected was < 3, which the "
            "whole interval satisfies");
  EXPECT_THAT(JudgedOn(analysis, Claimed(Metric::kThroughput, {"q"}, "> 3")).explanation,
              StartsWith("the throughput of q is 800 samples a second (95 % interval "));
}

TEST(VerdictWords, SayWhatIsExact) {
  Analysis analysis = OneModel({});
  analysis.sizes = {SizeOfArm("original", 3924), SizeOfArm("q", 1000)};
  EXPECT_EQ(
      JudgedOn(analysis, Claimed(Metric::kSizeRatio, {"original", "q"}, ">= 3.5")).explanation,
      "the size of original over that of q is 3.924, a large effect; expected was >= 3.5, "
      "which it satisfies");
  EXPECT_EQ(
      JudgedOn(analysis, Claimed(Metric::kSizeRatio, {"original", "q"}, ">= 4")).explanation,
      "the size of original over that of q is 3.924, a large effect; expected was >= 4, which "
      "it does not satisfy");
  EXPECT_EQ(JudgedOn(analysis, Claimed(Metric::kSqnr, {"q"}, "> 20")).explanation,
            "the output's SQNR of q was not measured");
}

TEST(VerdictWords, OfRefutedPlacesNameTheClearestWithItsValue) {
  const Hypothesis faster = Claimed(Metric::kLatencyRatio, {"q", "original"}, "< 1");
  const auto judged = [&](std::vector<CellResult> cells) {
    return JudgedOn(OneModel(std::move(cells)), faster).explanation;
  };
  EXPECT_EQ(
      judged(
          {CellOf(1, 5, {{"q", 1.06}}), CellOf(2, 9, {{"q", 0.7}}), CellOf(4, 17, {{"q", 0.9}})}),
      "refuted at 1 of 3 places, at m, batch 1, 1 thread: the time of q over that of original "
      "is 1.06 (95 % interval 1.052 to 1.068), 6 % more, a small effect; expected was < 1, "
      "which no part of the interval satisfies; elsewhere 0.7 to 0.9");
  const std::string several = judged({CellOf(1, 5, {{"q", 1.06}}), CellOf(2, 9, {{"q", 1.2}})});
  EXPECT_THAT(several, StartsWith("refuted at 2 of 2 places, most clearly at m, batch 2, 1 thread: "
                                  "the time of q over that of original is 1.2 ("));
  EXPECT_THAT(several, HasSubstr("; also at m, batch 1, 1 thread: 1.06 (1.052 to 1.068)"));
  std::vector<CellResult> many;
  for (std::int64_t batch = 1; batch <= 6; ++batch) many.push_back(CellOf(batch, 5, {{"q", 1.1}}));
  EXPECT_THAT(judged(many), HasSubstr("; and 2 more"));
}

TEST(VerdictWords, OfOnePlaceAmongManySayThatItMayBeChance) {
  HypothesisResult result;
  result.judgement = Judgement::kRefuted;
  result.verdicts.resize(5);
  result.p = 0.18;
  result.explanation = "refuted at 1 of 5 places";
  std::vector<HypothesisResult> results = {result};
  ShareErrorRate(&results);
  EXPECT_EQ(results[0].judgement, Judgement::kInconclusive);
  EXPECT_EQ(
      results[0].explanation,
      "one place alone would have it refuted, but corrected for its 5 places p is 0.18, above "
      "5 % [Bonferroni]: refuted at 1 of 5 places");
}

TEST(VerdictWords, OfPlacesThatHoldNameTheWeakest) {
  EXPECT_THAT(
      JudgedOn(OneModel({CellOf(1, 5, {{"q", 0.5}}), CellOf(2, 9, {{"q", 0.95}})}),
               Claimed(Metric::kLatencyRatio, {"q", "original"}, "< 1"))
          .explanation,
      StartsWith("holds at all 2 places, least clearly at m, batch 2, 1 thread: the time of q "
                 "over that of original is 0.95 ("));
}

TEST(VerdictWords, OfOpenPlacesSayWhatIsMissing) {
  CellResult busy = CellOf(4, 9, {{"q", 0.4}});
  busy.contention = 1.7;
  const std::string said =
      JudgedOn(OneModel({CellOf(1, 5, {{"q", 0.5}}), CellOf(2, 9, {{"q", 0.995}}, 0.05), busy}),
               Claimed(Metric::kLatencyRatio, {"q", "original"}, "< 1"))
          .explanation;
  EXPECT_THAT(said,
              StartsWith("holds at 1 of 3 places; open at m, batch 2, 1 thread: the time of q "
                         "over that of original is 0.995 (95 % interval "));
  EXPECT_THAT(said, HasSubstr("; not judged at m, batch 4, 1 thread: other processes had the "
                              "processor: runs took 1.70 times their CPU time; by CPU times: the "
                              "time of q over that of original is 0.4 ("));
}

TEST(VerdictWords, OfStepsSayBothSides) {
  const Analysis analysis =
      OneModel({CellOf(1, 5, {{"a", 0.5}, {"b", 0.8}}), CellOf(2, 8, {{"a", 0.5}, {"b", 0.8}})});
  EXPECT_THAT(
      JudgedOn(analysis, Claimed(Metric::kLatency, {"original"}, "increases", "batch")).explanation,
      StartsWith(
          "the time of original increases at every step, least of all from batch 1 to 2, where "
          "it goes from 5 to 8 ms, 1.6 times as much (95 % interval "));
  EXPECT_THAT(JudgedOn(analysis, Claimed(Metric::kLatency, {"b", "a"}, "increases", "arms"))
                  .verdicts[0]
                  .explanation,
              StartsWith("the time does not increase at every step: not from b to a, where it goes "
                         "from 4 to 2.5 ms, 0.625 times as much (95 % interval "));
  EXPECT_THAT(
      JudgedOn(OneModel({CellOf(1, 5, {{"q", 0.5}}), CellOf(2, 5, {{"q", 0.502}})}),
               Claimed(Metric::kLatencyRatio, {"q", "original"}, "increases", "batch"))
          .explanation,
      StartsWith(
          "whether the time of q over that of original increases at every step is open from "
          "batch 1 to 2, where it goes from 0.5 to 0.502, 1.004 times as much (95 % interval "));
}

TEST(VerdictWords, EveryMetricHasASubject) {
  for (int i = 0; i <= static_cast<int>(Metric::kLoadRatio); ++i) {
    Hypothesis hypothesis;
    hypothesis.metric = static_cast<Metric>(i);
    hypothesis.arms = {"q", "original"};
    hypothesis.expect = ParseExpectation("> 1").value();
    const Wording words = WordsOf(hypothesis);
    const bool is_ratio = Name(hypothesis.metric).ends_with(".ratio");
    EXPECT_EQ(words.compares, is_ratio) << Name(hypothesis.metric);
    EXPECT_THAT(words.subject, HasSubstr(" of q")) << Name(hypothesis.metric);
  }
}

// The original takes 8 ms to load, q half of it.
Analysis Loaded(double scatter) {
  Analysis analysis = OneModel({CellOf(1, 5, {{"q", 0.9}, {"r", 0.9}})});
  analysis.cells[0].arms[0].load_logs = {0, 0, 0, 0};
  analysis.cells[0].arms[1].load_logs = LogsAround(0.5, scatter);
  analysis.cells[0].arms[2].load_logs = LogsAround(0.8, scatter);
  return analysis;
}

TEST(LoadRatio, IsPairedProcessByProcess) {
  Analysis analysis = Loaded(0.1);
  const HypothesisResult half =
      JudgedOn(analysis, Claimed(Metric::kLoadRatio, {"q", "original"}, "< 0.6"));
  ASSERT_EQ(half.verdicts.size(), 1U);
  EXPECT_EQ(half.judgement, Judgement::kSupported);
  EXPECT_NEAR(half.verdicts[0].value.estimate, 0.5, 1e-9);
  // t(0.975, 3) 0.1 sqrt(2.62 / 3) / 2 = 0.1487035
  EXPECT_NEAR(std::log(half.verdicts[0].value.high / 0.5), 0.1487035, 1e-6);
  EXPECT_THAT(half.explanation, StartsWith("the loading time of q over that of original is 0.5 ("));
  // What both have of a process's luck cancels.
  const HypothesisResult between =
      JudgedOn(analysis, Claimed(Metric::kLoadRatio, {"q", "r"}, "0.624..0.626"));
  EXPECT_EQ(between.judgement, Judgement::kSupported);
  EXPECT_EQ(
      JudgedOn(analysis, Claimed(Metric::kLoadRatio, {"original", "r", "q"}, "decreases", "arms"))
          .judgement,
      Judgement::kSupported);
}

TEST(LoadRatio, TakesTheProcessesOfAllCellsInWhichNobodyElseHadTheProcessor) {
  Analysis analysis = Loaded(0.1);
  analysis.cells.push_back(analysis.cells[0]);
  analysis.cells[1].cell.batch = 2;
  const Hypothesis claim = Claimed(Metric::kLoadRatio, {"q", "original"}, "< 0.55");
  const Interval both = JudgedOn(analysis, claim).verdicts[0].value;
  analysis.cells[1].contention = 1.2;
  const Interval one = JudgedOn(analysis, claim).verdicts[0].value;
  EXPECT_LT(both.high, one.high);
  analysis.cells[0].contention = 1.2;
  EXPECT_EQ(JudgedOn(analysis, claim).judgement, Judgement::kNotJudged);
  EXPECT_EQ(JudgedOn(analysis, claim).explanation,
            "other processes had the processor wherever it was loaded");
}

}  // namespace verdict_words_test
}  // namespace quantbench
