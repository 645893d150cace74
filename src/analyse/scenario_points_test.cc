// What figures of scenarios show point by point, from made-up records.
#include <gtest/gtest.h>

#include "quantbench/analyse.h"

#include "analyse/gather.h"
#include "analyse/scenario_parts.h"

namespace quantbench {
namespace scenario_points_test {

constexpr std::int64_t kMs = 1'000'000;

// A trial of latencies 1, 2, ... n ms, and `late` more of 2 s and more, in an order that is
// none.
RateTrial TrialOf(double rate, bool met, std::int64_t n, std::int64_t late) {
  RateTrial trial;
  trial.rate = rate;
  trial.met = met;
  for (std::int64_t i = 0; i < late; ++i) trial.latency_ns.push_back((2000 + i) * kMs);
  for (std::int64_t i = n; i >= 1; --i) trial.latency_ns.push_back(i * kMs);
  return trial;
}

// Three may be late: the fourth slowest decides, as for the percentile that the table names.
TEST(RatesTried, StandAtTheTimeThatDecided) {
  ServerSamples one;
  one.trials = {TrialOf(12, true, 997, 3), TrialOf(20, false, 10, 4)};
  ServerSamples another;
  another.trials = {TrialOf(15, true, 1000, 0), TrialOf(30, false, 0, 3)};
  const std::vector<RateTried> rates = RatesTried(std::vector{one, another}, 3);
  ASSERT_EQ(rates.size(), 3U);  // the last trial has no fourth
  EXPECT_EQ(rates[0].rate, 12);
  EXPECT_TRUE(rates[0].met);
  EXPECT_EQ(rates[0].p99_ms, 997);
  EXPECT_EQ(rates[1].rate, 15);
  EXPECT_EQ(rates[1].p99_ms, 997);
  EXPECT_EQ(rates[2].rate, 20);
  EXPECT_FALSE(rates[2].met);
  EXPECT_EQ(rates[2].p99_ms, 2000);
  EXPECT_TRUE(RatesTried(std::vector{one}, -1).empty());
  std::vector<double> ms;
  for (const std::int64_t ns : another.trials[0].latency_ns)
    ms.push_back(static_cast<double>(ns) / kMs);
  EXPECT_EQ(ValidPercentiles(ms)[2].value, rates[1].p99_ms);
}

TEST(RatesTried, ComeFromTheRecord) {
  ServerSamples samples;
  samples.service_ns = 5 * kMs;
  samples.rate = 50;
  samples.trials = {TrialOf(60, false, 5, 2), TrialOf(50, true, 20, 1)};
  Record record;
  record.what.cell.scenario = Scenario::kServer;
  record.results =
      Json::MakeObject()
          .Set("arms", Json::Array{Json::MakeObject()
                                       .Set("arm", std::string(kOriginal))
                                       .Set("outcome", "ok")
                                       .Set("processes", Json::Array{samples.ToJson()})})
          .Set("plan", Json::MakeObject().Set("target_ns", 90 * kMs).Set("allowed_late", 1));
  const ScenarioResult result = GatherScenario({}, record);
  ASSERT_EQ(result.arms.size(), 1U);
  ASSERT_EQ(result.arms[0].rates.size(), 2U);
  EXPECT_EQ(result.arms[0].rates[0].rate, 50);
  EXPECT_EQ(result.arms[0].rates[0].p99_ms, 20);
  EXPECT_EQ(result.arms[0].rates[1].p99_ms, 2000);
}

TEST(BatchesTried, AreThoseOfTheArmByRisingBatch) {
  const auto point = [](std::int64_t batch, double samples_per_s) {
    return Json::MakeObject().Set("batch", batch).Set("samples_per_s", samples_per_s);
  };
  Record record;
  record.results = Json::MakeObject().Set(
      "tried",
      Json::Array{Json::MakeObject().Set("arm", "a").Set("tried", Json::Array{point(1, 5)}),
                  Json::MakeObject()
                      .Set("arm", "b")
                      .Set("tried", Json::Array{point(8, 40), point(1, 10), point(0, 3),
                                                point(4, -1), point(2, 1e300)}),
                  Json::MakeObject().Set("arm", "c").Set("outcome", "failed")});
  const std::vector<BatchTried> batches = BatchesTried(record, "b");
  ASSERT_EQ(batches.size(), 2U);
  EXPECT_EQ(batches[0].batch, 1);
  EXPECT_EQ(batches[0].samples_per_s, 10);
  EXPECT_EQ(batches[1].batch, 8);
  EXPECT_EQ(batches[1].samples_per_s, 40);
  EXPECT_TRUE(BatchesTried(record, "c").empty());
}

// 32 laps of two runs in 3.2 s, one every 100 ms: 10 ms a run in the first half, 20 in the second,
// one lap of the first with 100.
std::vector<SustainedLap> Laps() {
  std::vector<SustainedLap> laps;
  for (std::int64_t i = 0; i < 32; ++i) {
    const std::int64_t ms = i == 3 ? 100 : i < 16 ? 10 : 20;
    laps.push_back({i * 100 * kMs, 2 * ms * kMs, ms * kMs, 2});
  }
  return laps;
}

TEST(CourseOf, CutsTheTimeIntoEqualParts) {
  const std::vector<CoursePart> course = CourseOf(Laps(), Laps());
  ASSERT_EQ(course.size(), 4U);
  EXPECT_EQ(course[0].from_s, 0);
  EXPECT_NEAR(course[0].to_s, 3.1 / 4, 1e-6);
  EXPECT_NEAR(course[3].to_s, 3.1, 1e-6);
  EXPECT_DOUBLE_EQ(course[0].ms, (7 * 10 + 100) / 8.0);
  EXPECT_DOUBLE_EQ(course[0].low_ms, 10);
  EXPECT_DOUBLE_EQ(course[0].high_ms, 100);
  EXPECT_DOUBLE_EQ(course[1].ms, 10);
  EXPECT_DOUBLE_EQ(course[1].high_ms, 10);
  EXPECT_DOUBLE_EQ(course[3].ms, 20);
  EXPECT_TRUE(CourseOf({}, Laps()).empty());
}

TEST(CourseOf, LeavesOutWhatNoLapSaw) {
  std::vector<SustainedLap> laps = Laps();
  laps.erase(laps.begin(), laps.begin() + 16);
  const std::vector<CoursePart> course = CourseOf(laps, Laps());
  ASSERT_EQ(course.size(), 2U);
  EXPECT_NEAR(course[0].from_s, 3.1 / 2, 1e-6);
  laps[0].start_ns = INT64_MAX;  // not in order: counted in the last part
  EXPECT_EQ(CourseOf(laps, Laps()).size(), 2U);
}

}  // namespace scenario_points_test
}  // namespace quantbench
