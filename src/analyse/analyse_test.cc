// Analysing made-up records: ratios, accuracies, verdicts, findings.
#include "quantbench/analyse.h"

#include <cmath>

#include <gtest/gtest.h>

#include "quantbench/base/file.h"

namespace quantbench {
namespace analyse_test {

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

// One lap a value, of one run; CPU time is `contention` times shorter.
Json Samples(const std::vector<std::int64_t>& wall, double contention = 1) {
  LatencySamples samples;
  for (const std::int64_t ns : wall) {
    Lap lap;
    lap.run_ns = {ns};
    lap.cpu_ns = static_cast<std::int64_t>(static_cast<double>(ns) / contention);
    samples.laps.push_back(std::move(lap));
  }
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

// Two arms in three processes, the second `factor` times as long; wall time is `contention` times
// CPU time.
Record Contended(double contention, double factor, double control = 1) {
  Record record = Measured(1, 100'000, 1);
  const auto arm = [&](std::string_view name, double times) {
    Json processes = Json::Array{};
    for (const double ns : {100'000.0, 101'000.0, 99'500.0}) {
      const auto one = static_cast<std::int64_t>(ns * times * (1 + 1e-5 * (ns - 1e5) / 1e3));
      processes.Append(Samples({one, one + 40}, contention));
    }
    return Json::MakeObject().Set("arm", name).Set("outcome", "ok").Set("processes", processes);
  };
  record.results = Json::MakeObject().Set(
      "arms", Json(Json::Array{arm(kOriginal, 1), arm("q", factor), arm(kControl, control)}));
  return record;
}

TEST(Analyse, PrintsWhatTheControlCannotTellApart) {
  const Analysis analysis = Analyse(TwoArms(), {Contended(1, 0.5)}, nullptr);
  const CellResult& cell = analysis.cells[0];
  EXPECT_EQ(cell.arms.size(), 2U);  // the copy is no arm of its own
  EXPECT_FALSE(cell.control_failed());
  EXPECT_LT(cell.resolution(), 0.001);
  EXPECT_NE(DescribeResolution(cell).find("% cannot be seen on this device today"),
            std::string::npos);
  CellResult without;
  without.control = {1, NAN, NAN};
  EXPECT_EQ(DescribeResolution(without), "");
}

TEST(Analyse, AFailedControlWidensEveryIntervalOfItsCell) {
  Study study = TwoArms();
  study.hypotheses = {Claim(Metric::kLatencyRatio, {"q", "original"}, "< 0.502")};
  const Analysis fine = Analyse(study, {Contended(1, 0.5)}, nullptr);
  const Analysis failed = Analyse(study, {Contended(1, 0.5, 1.02)}, nullptr);
  EXPECT_TRUE(failed.cells[0].control_failed());
  EXPECT_EQ(fine.hypotheses[0].judgement, Judgement::kSupported);
  EXPECT_EQ(failed.hypotheses[0].judgement, Judgement::kInconclusive);
  EXPECT_NEAR(failed.cells[0].arms[1].ratio.high, fine.cells[0].arms[1].ratio.high * 1.02, 1e-4);
  EXPECT_TRUE(Mentions(failed, "two copies of the original differ"));
}

TEST(Analyse, GivesNoVerdictOnWallTimeThatOthersTook) {
  Study study = TwoArms();
  study.hypotheses = {Claim(Metric::kLatencyRatio, {"q", "original"}, "< 0.6")};
  const Analysis some = Analyse(study, {Contended(1.3, 0.5)}, nullptr);
  EXPECT_EQ(some.cells[0].timebase, Timebase::kCpu);
  EXPECT_NEAR(some.cells[0].contention, 1.3, 1e-3);
  EXPECT_EQ(some.hypotheses[0].judgement, Judgement::kSupported);
  EXPECT_NE(some.hypotheses[0].explanation.find("by CPU time"), std::string::npos);
  const Analysis much = Analyse(study, {Contended(2, 0.5)}, nullptr);
  EXPECT_EQ(much.hypotheses[0].judgement, Judgement::kNotJudged);
  EXPECT_NE(much.hypotheses[0].explanation.find(
                "by CPU times: the time of q over that of original is 0.5"),
            std::string::npos);
  EXPECT_TRUE(Mentions(much,
                       "m: other processes took the processor in 1 of 1 cells: runs took up to "
                       "2.00 times their CPU time"));
  EXPECT_EQ(Analyse(study, {Contended(1.05, 0.5)}, nullptr).cells[0].timebase, Timebase::kWall);
}

TEST(Analyse, ComparesTwoVariantsProcessByProcess) {
  Study study = TwoArms();
  StudyVariant variant;
  variant.id = "r";
  study.variants.push_back(variant);
  study.hypotheses = {Claim(Metric::kLatencyRatio, {"r", "q"}, "< 0.4999")};
  Record record = Measured(1, 100'000, 1);
  // Both vary widely, together.
  record.results = Json::MakeObject().Set(
      "arms", Json(Json::Array{ArmJson("original", {{1000}, {1000}, {1000}}),
                               ArmJson("q", {{100'000}, {140'000}, {90'000}}),
                               ArmJson("r", {{49'000}, {68'600}, {44'100}})}));
  EXPECT_EQ(Analyse(study, {record}, nullptr).hypotheses[0].judgement, Judgement::kSupported);
}

TEST(Analyse, PairsLoadingProcessByProcess) {
  Record record = Measured(1, 100'000, 0.5);
  Json arms = Json::Array{};
  for (const Json& arm : record.results["arms"].AsArray()) {
    Json processes = Json::Array{};
    std::int64_t ns = arm["arm"].AsString() == "q" ? 300 : 1000;
    for (Json process : arm["processes"].AsArray()) {
      processes.Append(process.Set("load_ns", ns));
      ns *= 2;
    }
    Json with = arm;
    arms.Append(with.Set("processes", std::move(processes)));
  }
  record.results.Set("arms", std::move(arms));
  const Analysis analysis = Analyse(TwoArms(), {record}, nullptr);
  ASSERT_EQ(analysis.cells[0].arms[1].load_logs.size(), 3U);
  for (const double log : analysis.cells[0].arms[1].load_logs)
    EXPECT_NEAR(log, std::log(0.3), 1e-12);
}

TEST(Analyse, TellsWhatTheMachineSuffered) {
  Record record = Contended(1, 0.5);
  Conditions before;
  before.throttled = 3;
  before.swapped_pages = 0;
  before.frequency_khz = 2'000'000;
  Conditions after = before;
  after.throttled = 5;
  after.frequency_khz = 1'500'000;
  Json process = Json::Array{};
  process.Append(before.ToJson());
  process.Append(after.ToJson());
  record.results.Set("conditions", Json(Json::Array{process, process}));
  const Analysis analysis = Analyse(TwoArms(), {record}, nullptr);
  EXPECT_TRUE(Mentions(analysis, "m: in 1 of 1 cells the processor slowed down for heat, 4 times"));
  EXPECT_TRUE(Mentions(analysis, "frequency changed by 25 %"));
  EXPECT_TRUE(Mentions(analysis, "cpupower"));
  EXPECT_FALSE(Mentions(analysis, "swapped"));
  EXPECT_FALSE(Mentions(analysis, "hypervisor"));
}

TEST(ScalingsOf, FitAFixedPartAndAPartASample) {
  Study study = TwoArms();
  study.sweep.batch = {1, 2, 4, 8, 16, 32};
  std::vector<Record> records;
  for (const std::int64_t batch : study.sweep.batch) {
    records.push_back(Measured(batch, 100'000 + 50'000 * batch, 1));
  }
  const Scaling line = ScalingsOf(Analyse(study, records, nullptr)).front();
  EXPECT_EQ(line.arm, "original");
  EXPECT_EQ(line.where, "1 thread");
  EXPECT_NEAR(line.fixed_ms, 0.1, 1e-4);
  EXPECT_NEAR(line.per_sample_ms, 0.05, 1e-5);
  EXPECT_LT(line.worst, 1e-3);
  EXPECT_EQ(line.knee, 0);  // 16 to 32 gains 6 %
  EXPECT_TRUE(line.dips.empty());
  // From 4 on twice the batch takes twice the time, and 32 more.
  records[3] = Measured(8, 600'000, 1);
  records[4] = Measured(16, 1'200'000, 1);
  records[5] = Measured(32, 3'000'000, 1);
  const Scaling dip = ScalingsOf(Analyse(study, records, nullptr)).front();
  EXPECT_EQ(dip.knee, 4);
  ASSERT_EQ(dip.dips.size(), 1U);
  EXPECT_EQ(dip.dips[0], std::pair(std::int64_t{16}, std::int64_t{32}));
}

TEST(CellsToAdd, LieAroundBatchesAtWhichThroughputFalls) {
  Study study = TwoArms();
  study.sweep.batch = {1, 2, 4, 8, 16};
  std::vector<Record> records;
  for (const std::int64_t batch : study.sweep.batch) {
    records.push_back(Measured(batch, 100'000 + 50'000 * batch, 1));
  }
  EXPECT_TRUE(CellsToAdd(Analyse(study, records, nullptr)).empty());
  records[2] = Measured(4, 600'000, 1);  // 6.7 samples a ms, 10 at batch 2, 16 at batch 8
  const std::vector<Case> added = CellsToAdd(Analyse(study, records, nullptr));
  ASSERT_EQ(added.size(), 2U);
  EXPECT_EQ(added[0].cell.batch, 3);
  EXPECT_EQ(added[1].cell.batch, 6);
  EXPECT_TRUE(added[0].cell.added);
  EXPECT_EQ(added[0].cell.Describe(), "batch 3, 1 thread, added");
  // What was added is part of the analysis, and of the same curve; nothing follows from it.
  records.push_back(Measured(3, 500'000, 1));
  records.back().what = added[0];
  const Analysis more = Analyse(study, records, nullptr);
  EXPECT_EQ(more.cells.size(), 6U);
  EXPECT_EQ(ScalingsOf(more).front().points.size(), 6U);
  EXPECT_TRUE(CellsToAdd(more).empty());
  // A fall that lies within what the processes differ by is none.
  records.pop_back();
  records[2].results = Json::MakeObject().Set(
      "arms", Json(Json::Array{ArmJson("original", {{200'000}, {1'000'000}})}));
  EXPECT_TRUE(CellsToAdd(Analyse(study, records, nullptr)).empty());
}

TEST(Analyse, SaysWhereTimesVary) {
  Record busy = Measured(2, 100'000, 1);
  busy.results =
      Json::MakeObject().Set("arms", Json(Json::Array{ArmJson("original", {{100'000, 300'000}})}));
  EXPECT_TRUE(Mentions(Analyse(TwoArms(), {Measured(1, 100'000, 1), busy}, nullptr),
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

}  // namespace analyse_test
}  // namespace quantbench
