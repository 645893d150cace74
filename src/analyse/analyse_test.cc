// Analysing made-up records: ratios, accuracies, verdicts, findings.
#include "quantbench/analyse.h"

#include <cmath>

#include <gtest/gtest.h>

#include "quantbench/base/file.h"

namespace quantbench {
namespace {

Study TwoArms() {
  Study study;
  StudyModel model;
  model.id = "m";
  model.data = "d";
  study.models.push_back(model);
  study.data["d"] = {};
  StudyVariant variant;
  variant.id = "q";
  study.variants.push_back(variant);
  study.sweep.batch = {1, 2, 4};
  return study;
}

Json Samples(std::vector<std::int64_t> wall) {
  LatencySamples samples;
  samples.cpu_ns = wall;
  samples.wall_ns = std::move(wall);
  return samples.ToJson();
}

Json ArmJson(const std::string& arm, const std::vector<std::vector<std::int64_t>>& processes) {
  Json list = Json::Array{};
  for (const auto& wall : processes) list.Append(Samples(wall));
  return Json::MakeObject().Set("arm", arm).Set("outcome", "ok").Set("processes", std::move(list));
}

// Three processes; the arm takes `factor` of the original's time, with a little scatter.
Record Measured(std::int64_t batch, std::int64_t original_ns, double factor) {
  Record record;
  record.key = "measure" + std::to_string(batch);
  record.what = {CaseKind::kMeasure, "m", "", {batch, 1, {}, false}};
  std::vector<std::vector<std::int64_t>> base;
  std::vector<std::vector<std::int64_t>> arm;
  for (const std::int64_t jitter : {0, 20, -10}) {
    base.push_back({original_ns - 5, original_ns + 5, original_ns});
    const auto ns = static_cast<std::int64_t>(static_cast<double>(original_ns) * factor) + jitter;
    arm.push_back({ns, ns + 2, ns - 2});
  }
  record.results = Json::MakeObject().Set(
      "arms", Json(Json::Array{ArmJson("original", base), ArmJson("q", arm)}));
  return record;
}

Record Evaluated(const std::string& arm, const std::vector<std::int32_t>& classes,
                 const std::vector<std::int32_t>& labels) {
  Record record;
  record.key = "evaluate" + arm;
  record.what = {CaseKind::kEvaluate, "m", arm, {}};
  Predictions predictions;
  predictions.samples = predictions.rows = static_cast<std::int64_t>(classes.size());
  predictions.classes = classes;
  predictions.labels = labels;
  record.results = Json::MakeObject().Set("predictions", predictions.ToJson()).Set("data", "d");
  return record;
}

Hypothesis Claim(Metric metric, std::vector<std::string> arms, const std::string& expect) {
  Hypothesis hypothesis;
  hypothesis.id = "H";
  hypothesis.text = "claim";
  hypothesis.metric = metric;
  hypothesis.arms = std::move(arms);
  hypothesis.expect = ParseExpectation(expect).value();
  return hypothesis;
}

bool Mentions(const Analysis& analysis, const std::string& text) {
  for (const Finding& finding : analysis.findings) {
    if (finding.text.find(text) != std::string::npos) return true;
  }
  return false;
}

TEST(Analyse, PairsArmsProcessByProcess) {
  const Analysis analysis = Analyse(TwoArms(), {Measured(1, 100'000, 0.5)}, nullptr);
  ASSERT_EQ(analysis.cells.size(), 1U);
  const ArmLatency& arm = analysis.cells[0].arms[1];
  EXPECT_EQ(arm.arm, "q");
  EXPECT_NEAR(arm.ratio.estimate, 0.5, 1e-3);
  EXPECT_LT(arm.ratio.low, 0.5);
  EXPECT_GT(arm.ratio.high, 0.5);
  EXPECT_NEAR(arm.speedup.estimate, 2, 1e-2);
  EXPECT_EQ(arm.ms.n, 9);
  EXPECT_NEAR(arm.samples_per_s, 20'000, 30);
}

TEST(Analyse, JudgesLatencyByTheWholeInterval) {
  Study study = TwoArms();
  for (const auto& [expect, judgement] :
       {std::pair{"< 0.6", Judgement::kSupported}, std::pair{"> 0.6", Judgement::kRefuted},
        std::pair{"<= 0.5", Judgement::kInconclusive}}) {
    study.hypotheses = {Claim(Metric::kLatencyRatio, {"q", "original"}, expect)};
    const Analysis analysis = Analyse(study, {Measured(1, 100'000, 0.5)}, nullptr);
    EXPECT_EQ(analysis.hypotheses[0].judgement, judgement) << expect;
  }
  study.hypotheses = {Claim(Metric::kLatencyRatio, {"original", "q"}, ">= 1.9")};
  EXPECT_EQ(Analyse(study, {Measured(1, 100'000, 0.5)}, nullptr).hypotheses[0].judgement,
            Judgement::kSupported);
  study.hypotheses[0].batch = 4;
  EXPECT_EQ(Analyse(study, {Measured(1, 100'000, 0.5)}, nullptr).hypotheses[0].judgement,
            Judgement::kNotJudged);
}

TEST(Analyse, RefutesWhenOnePlaceRefutes) {
  Study study = TwoArms();
  study.hypotheses = {Claim(Metric::kLatencyRatio, {"q", "original"}, "< 1")};
  const Analysis analysis =
      Analyse(study, {Measured(1, 100'000, 0.5), Measured(2, 100'000, 1.5)}, nullptr);
  EXPECT_EQ(analysis.hypotheses[0].judgement, Judgement::kRefuted);
  EXPECT_NE(analysis.hypotheses[0].explanation.find("batch 2"), std::string::npos);
  EXPECT_TRUE(Mentions(analysis, "m q is slower than the original at batch 2"));
}

TEST(Analyse, ComparesAnswersSampleBySample) {
  std::vector<std::int32_t> labels(100, 1);
  std::vector<std::int32_t> right(100, 1);
  std::vector<std::int32_t> worse = right;
  for (int i = 0; i < 12; ++i) worse[static_cast<std::size_t>(i)] = 0;
  Study study = TwoArms();
  study.hypotheses = {Claim(Metric::kAccuracyDifference, {"q", "original"}, ">= -0.01")};
  const Analysis analysis = Analyse(
      study, {Evaluated("original", right, labels), Evaluated("q", worse, labels)}, nullptr);
  ASSERT_EQ(analysis.accuracies.size(), 2U);
  EXPECT_EQ(analysis.accuracies[1].correct, 88);
  EXPECT_DOUBLE_EQ(analysis.accuracies[1].difference.estimate, -0.12);
  EXPECT_DOUBLE_EQ(analysis.accuracies[1].agreement.estimate, 0.88);
  EXPECT_EQ(analysis.hypotheses[0].judgement, Judgement::kRefuted);
  EXPECT_TRUE(Mentions(analysis, "loses 12.00 points"));
}

TEST(Analyse, CountsFailuresAndNamesThem) {
  Record crashed = Measured(1, 100, 1);
  crashed.outcome = Outcome::kCrashed;
  crashed.reason = "signal 11";
  const Analysis analysis = Analyse(TwoArms(), {crashed}, nullptr);
  EXPECT_EQ(analysis.failed, 1);
  EXPECT_TRUE(Mentions(analysis, "signal 11"));
}

TEST(Analyse, ShowsWhereThroughputFallsAgain) {
  const Analysis analysis =
      Analyse(TwoArms(),
              {Measured(1, 100'000, 1), Measured(2, 120'000, 1), Measured(4, 400'000, 1)}, nullptr);
  EXPECT_TRUE(Mentions(analysis, "peaks at batch 2"));
}

TEST(Analyse, SeesThroughputOfEachInputSizeByItself) {
  Study study = TwoArms();
  study.sweep.dims = {{"seq", {8, 64}}};
  std::vector<Record> records;
  for (const std::int64_t batch : {1, 2, 4}) {
    for (const std::int64_t seq : {8, 64}) {
      records.push_back(Measured(batch, batch * seq * 1000, 1));
      records.back().what.cell.dims = {{"seq", seq}};
    }
  }
  EXPECT_FALSE(Mentions(Analyse(study, records, nullptr), "peaks"));
}

TEST(Analyse, TellsTheSameTroubleOfAModelOnce) {
  std::vector<Record> records = {Measured(1, 100'000, 2), Measured(2, 100'000, 3),
                                 Measured(4, 100'000, 0.5)};
  const Analysis slow = Analyse(TwoArms(), records, nullptr);
  EXPECT_TRUE(
      Mentions(slow, "m q is slower than the original in 2 of 3 cells, most of all at batch 2"))
      << slow.findings.front().text;
  for (Record& record : records) {
    record.outcome = Outcome::kSkipped;
    record.reason = "batch is fixed to 8 by the model";
    record.results = Json();
  }
  records.back().outcome = Outcome::kCrashed;
  const Analysis failed = Analyse(TwoArms(), records, nullptr);
  ASSERT_EQ(failed.findings.size(), 2U);
  EXPECT_EQ(failed.findings[0].text,
            "measure m, batch 1, 1 thread (and 1 more): skipped: batch is fixed to 8 by the model");
  EXPECT_TRUE(Mentions(failed, "batch 4, 1 thread: crashed"));
}

TEST(Analyse, SaysHowMuchOfAMeasurementWasDisturbed) {
  Record quiet = Measured(1, 100'000, 1);
  Record busy = Measured(2, 100'000, 1);
  LatencySamples disturbed;
  disturbed.wall_ns = {100'000, 300'000};
  disturbed.cpu_ns = {100'000, 100'000};
  Json arm = Json::MakeObject().Set("arm", "original").Set("outcome", "ok");
  arm.Set("processes", Json(Json::Array{disturbed.ToJson()}));
  busy.results = Json::MakeObject().Set("arms", Json(Json::Array{arm}));
  const Analysis analysis = Analyse(TwoArms(), {quiet, busy}, nullptr);
  EXPECT_TRUE(Mentions(analysis,
                       "m: other processes took the processor in 1 of 2 cells on one thread: wall "
                       "time was up to 2.00 times the CPU time (batch 2, 1 thread)"));
  EXPECT_TRUE(Mentions(analysis,
                       "m: the standard deviation is above 10 % of the mean in 1 of 3 "
                       "measurements, up to 71 % (original at batch 2, 1 thread)"));
}

TEST(Analyse, LeavesOutRecordsTheStudyNoLongerAsksFor) {
  Record gone = Measured(1, 100, 1);
  gone.what.model = "other";
  Record other_batch = Measured(64, 100, 1);
  EXPECT_EQ(Analyse(TwoArms(), {gone, other_batch}, nullptr).records, 0);
}

TEST(Analyse, KnowsWhetherAHypothesisWasThereBefore) {
  Study study = TwoArms();
  study.hypotheses = {Claim(Metric::kLatencyRatio, {"q", "original"}, "< 1")};
  const auto frozen = [&](const std::string& hash, const std::string& time) {
    return Json::MakeObject()
        .Set("time", "2026-01-01T00:00:00Z")
        .Set("hypotheses",
             Json::MakeObject().Set("H", Json::MakeObject().Set("sha256", hash).Set("time", time)));
  };
  const std::string hash = Sha256(study.hypotheses[0].ToJson().Dump());
  EXPECT_TRUE(
      Analyse(study, {}, frozen(hash, "2026-01-01T00:00:00Z")).hypotheses[0].written_before);
  EXPECT_FALSE(
      Analyse(study, {}, frozen(hash, "2026-01-02T00:00:00Z")).hypotheses[0].written_before);
  EXPECT_FALSE(
      Analyse(study, {}, frozen("x", "2026-01-01T00:00:00Z")).hypotheses[0].written_before);
}

}  // namespace
}  // namespace quantbench
