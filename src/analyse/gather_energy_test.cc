// Energy records into joules of an inference: gross, net, ratios, carbon.
#include <cmath>

#include <gtest/gtest.h>

#include "quantbench/analyse.h"

namespace quantbench {
namespace gather_energy_test {

constexpr std::int64_t kSecond = 1'000'000'000;

// In every process blocks I A I B I C I of a second, idling at 10 W; an arm's joules and runs.
struct ArmJoules {
  std::string arm;
  std::vector<double> joules;  // of its block, process by process
  std::int64_t runs = 100;
};

Record RecordOf(const std::vector<ArmJoules>& arms, std::int64_t batch) {
  Record record;
  record.key = "k";
  record.what.kind = CaseKind::kScenario;
  record.what.model = "m";
  record.what.cell.batch = batch;
  record.what.cell.scenario = Scenario::kEnergy;
  Json list = Json::Array{};
  for (std::size_t i = 0; i < arms.size(); ++i) {
    Json processes = Json::Array{};
    for (const double joules : arms[i].joules) {
      const std::vector<EnergyBlock> blocks = {
          {static_cast<std::int64_t>(2 * i + 1) * kSecond, kSecond, arms[i].runs, joules}};
      processes.Append(ToJson(blocks));
    }
    list.Append(Json::MakeObject()
                    .Set("arm", arms[i].arm)
                    .Set("outcome", "ok")
                    .Set("processes", std::move(processes)));
  }
  std::vector<EnergyBlock> idle;
  for (std::size_t i = 0; i <= arms.size(); ++i) {
    idle.push_back({static_cast<std::int64_t>(2 * i) * kSecond, kSecond, 0, 10});
  }
  Json idles = Json::Array{};
  for (std::size_t i = 0; i < arms.front().joules.size(); ++i) idles.Append(ToJson(idle));
  record.results = Json::MakeObject()
                       .Set("arms", std::move(list))
                       .Set("idle", std::move(idles))
                       .Set("sensor", Json::MakeObject()
                                          .Set("name", "rapl")
                                          .Set("tier", "counter")
                                          .Set("covers", "the processor package"));
  return record;
}

Study StudyWith(std::int64_t batch) {
  Study study;
  study.models.resize(1);
  study.models[0].id = "m";
  study.variants.resize(1);
  study.variants[0].id = "q";
  study.sweep.batch = {batch};
  study.scenario.scenarios = {Scenario::kEnergy};
  return study;
}

ScenarioResult ResultOf(const Study& study, const Record& record) {
  return Analyse(study, {record}, nullptr).scenarios.front();
}

// 40 J and 20 J in a second, 10 W idle, 100 runs of 4: 100 and 50 mJ gross, 75 and 25 mJ net.
TEST(Energy, GrossAndNetComeOutExactly) {
  const Record record = RecordOf({{std::string(kOriginal), {40, 40, 40}},
                                  {"q", {20, 20, 20}},
                                  {std::string(kControl), {40, 40, 40}}},
                                 4);
  Study study = StudyWith(4);
  const ScenarioResult result = ResultOf(study, record);
  EXPECT_EQ(result.source, "rapl, counter: the processor package");
  EXPECT_DOUBLE_EQ(result.idle_watts, 10);
  ASSERT_EQ(result.arms.size(), 2U);
  EXPECT_NEAR(result.arms[0].value.estimate, 0.1, 1e-12);
  EXPECT_NEAR(result.arms[0].net.estimate, 0.075, 1e-12);
  EXPECT_NEAR(result.arms[1].value.estimate, 0.05, 1e-12);
  EXPECT_NEAR(result.arms[1].net.estimate, 0.025, 1e-12);
  EXPECT_NEAR(result.arms[1].watts, 20, 1e-12);
  EXPECT_NEAR(result.arms[1].better.estimate, 2, 1e-12);
  EXPECT_NEAR(result.arms[1].better_net.estimate, 3, 1e-12);
  EXPECT_EQ(result.arms[1].processes, 3);
  EXPECT_TRUE(std::isnan(result.arms[1].carbon_g));  // no intensity was stated
  study.scenario.carbon_g_per_kwh = 360;
  // 0.05 J a million times are 50 kJ, 1/72 kWh.
  EXPECT_NEAR(ResultOf(study, record).arms[1].carbon_g, 5, 1e-9);
}

// One log-ratio a process: Student's t over ln(2), ln(2.5), ln(1.6) as worked out by hand.
TEST(Energy, IntervalsComeFromProcesses) {
  const Record record = RecordOf({{std::string(kOriginal), {40, 50, 32}},
                                  {"q", {20, 20, 20}},
                                  {std::string(kControl), {40, 50, 32}}},
                                 1);
  const ScenarioArm arm = ResultOf(StudyWith(1), record).arms[1];
  const double step = std::log(1.25);  // ln(2) and one step to each side
  const double half = 4.302652729911275 * step / std::sqrt(3);
  EXPECT_NEAR(arm.better.estimate, 2, 1e-9);
  EXPECT_NEAR(arm.better.low, 2 * std::exp(-half), 1e-6);
  EXPECT_NEAR(arm.better.high, 2 * std::exp(half), 1e-6);
}

// A copy of the original that took 10 % more, or seemed to: no interval is narrower than that.
TEST(Energy, IntervalsReachAsFarAsTheControl) {
  const Record record = RecordOf({{std::string(kOriginal), {40, 40, 40}},
                                  {"q", {20, 20, 20}},
                                  {std::string(kControl), {44, 44, 44}}},
                                 1);
  const ScenarioResult result = ResultOf(StudyWith(1), record);
  EXPECT_NEAR(result.arms[1].better.low, 2 / 1.1, 1e-9);
  EXPECT_NEAR(result.arms[1].better.high, 2 * 1.1, 1e-9);
  EXPECT_NEAR(result.cell.resolution(), 0.1, 1e-9);
}

TEST(Energy, WorkBelowIdlingHasNoNetRatio) {
  const Record record = RecordOf({{std::string(kOriginal), {40, 40, 40}},
                                  {"q", {9, 11, 10}},
                                  {std::string(kControl), {40, 40, 40}}},
                                 1);
  const ScenarioArm arm = ResultOf(StudyWith(1), record).arms[1];
  EXPECT_TRUE(arm.value.valid());
  EXPECT_FALSE(arm.net.valid());
  EXPECT_EQ(arm.reason, "idling took as much as running: net is lost in it");
}

TEST(Energy, BlocksThatWaitForAMeterHaveNoNumbers) {
  Record record = RecordOf({{std::string(kOriginal), {NAN, NAN}},
                            {"q", {NAN, NAN}},
                            {std::string(kControl), {NAN, NAN}}},
                           1);
  Study study = StudyWith(1);
  study.scenario.carbon_g_per_kwh = 360;
  const ScenarioResult result = ResultOf(study, record);
  EXPECT_TRUE(std::isnan(result.arms[1].value.estimate));
  EXPECT_TRUE(std::isnan(result.arms[1].carbon_g));
  EXPECT_FALSE(result.arms[1].better.valid());
  EXPECT_NE(result.arms[1].reason.find("quantbench energy joins"), std::string::npos);
  // The joined record stands for it, even within the same second.
  Record joined = RecordOf(
      {{std::string(kOriginal), {40, 40}}, {"q", {20, 20}}, {std::string(kControl), {40, 40}}}, 1);
  joined.key = "j";
  joined.settings.Set("joined_from", "k");
  for (const auto& order : {std::vector{record, joined}, std::vector{joined, record}}) {
    const Analysis analysis = Analyse(study, order, nullptr);
    ASSERT_EQ(analysis.scenarios.size(), 1U);
    EXPECT_NEAR(analysis.scenarios[0].arms[0].value.estimate, 0.4, 1e-12);
  }
}

TEST(Energy, ARecordThatCannotBeReadSaysSo) {
  Record record = RecordOf({{std::string(kOriginal), {40}}, {"q", {20}}}, 1);
  record.results.Set("idle", nullptr);
  const ScenarioResult result = ResultOf(StudyWith(1), record);
  EXPECT_EQ(result.arms[1].outcome, Outcome::kFailed);
  EXPECT_NE(result.arms[1].reason.find("measure again"), std::string::npos);
}

}  // namespace gather_energy_test
}  // namespace quantbench
