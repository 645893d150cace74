// The energy scenario's worker with a fake engine that counts joules up in a fake device, and the
// joining of a meter's log with a record.
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/base/format.h"
#include "quantbench/run.h"

#include "fake_machine.h"
#include "run/protocol.h"

namespace quantbench::testing {
namespace energy_scenario_test {

using ::testing::HasSubstr;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kNoonUtcNs = 1'777'636'800 * kSecond;
const std::string kModel =
    std::string(QB_SOURCE_DIR) + "/examples/quickstart/models/glyph_mlp.onnx";
const std::string kZone = "/sys/class/powercap/intel-rapl:0";

Json Request(const FakeMachine& machine) {
  EnergyPlan plan;
  plan.block_ns = kSecond / 50;
  plan.rounds = 2;
  BenchOptions bench;
  Cell cell;
  cell.scenario = Scenario::kEnergy;
  Json arms = Json::Array{};
  for (const std::string_view arm : {kOriginal, kControl}) {
    arms.Append(Json::MakeObject().Set("arm", arm).Set("path", kModel));
  }
  return Json::MakeObject()
      .Set("arms", std::move(arms))
      .Set("cell", cell.ToJson())
      .Set("input", Json::MakeObject())
      .Set("plan", plan.ToJson())
      .Set("sensor", "rapl")
      .Set("sensor_root", machine.root().string());
}

// 100 uJ a pass and none in between, through the real files: what comes out is exact, however long
// passes took.
TEST(EnergyInWorker, CountsTheJoulesOfPasses) {
  FakeMachine machine;
  PutZone(&machine, "intel-rapl:0", "package-0", "1000");
  std::int64_t counted_uj = 1000;
  FakeBehaviour behaviour;
  behaviour.on_run = [&](std::int64_t) {
    counted_uj += 100;
    machine.Put(kZone + "/energy_uj.next", Format("{}", counted_uj));
    std::filesystem::rename(machine.root().string() + kZone + "/energy_uj.next",
                            machine.root().string() + kZone + "/energy_uj");
  };
  const auto engine = MakeFakeEngine(behaviour);
  SilentProgress silent;
  const auto reply = EnergyInWorker(Request(machine), *engine, silent);
  ASSERT_TRUE(reply.ok()) << reply.error().message();
  ASSERT_FALSE(reply.value().Has("refused")) << reply.value()["refused"].AsString();
  const auto idle = EnergyBlocksFromJson(reply.value()["idle"]).value();
  ASSERT_EQ(idle.size(), 5U);
  for (const EnergyBlock& block : idle) EXPECT_EQ(block.joules, 0);
  ASSERT_EQ(reply.value()["arms"].AsArray().size(), 2U);
  for (const Json& arm : reply.value()["arms"].AsArray()) {
    const auto blocks = EnergyBlocksFromJson(arm["samples"]).value();
    ASSERT_EQ(blocks.size(), 2U);
    for (const EnergyBlock& block : blocks) {
      EXPECT_NEAR(block.joules, static_cast<double>(block.runs) * 1e-4, 1e-9);
      EXPECT_GE(block.runs, 1);
    }
  }
  EXPECT_GT(reply.value()["began_utc_ns"].AsInt(), 1'700'000'000 * kSecond);
}

TEST(EnergyInWorker, WhatASensorRefusesIsNoFailure) {
  FakeMachine machine;
  PutZone(&machine, "intel-rapl:0", "package-0", "1000");
  const auto engine = MakeFakeEngine({});
  SilentProgress silent;
  const auto stalled = EnergyInWorker(Request(machine), *engine, silent);
  ASSERT_TRUE(stalled.ok()) << stalled.error().message();
  EXPECT_EQ(stalled.value()["refused"].AsString(),
            "energy sensor rapl: counted nothing while models ran");
  PutZone(&machine, "intel-rapl:0", "package-0", "0");
  const auto zero = EnergyInWorker(Request(machine), *engine, silent);
  EXPECT_THAT(zero.value()["refused"].AsString(), HasSubstr("rapl answers zero"));
}

// One process of I A I: seconds, on the hour.
Record Blocks() {
  const std::vector<EnergyBlock> idle = {{0, kSecond, 0, NAN}, {2 * kSecond, kSecond, 0, NAN}};
  const std::vector<EnergyBlock> work = {{kSecond, kSecond, 50, NAN}};
  Record record;
  record.key = "old";
  record.what.kind = CaseKind::kScenario;
  record.what.model = "m";
  record.what.cell.scenario = Scenario::kEnergy;
  Json::Array arms = {Json::MakeObject()
                          .Set("arm", kOriginal)
                          .Set("outcome", "ok")
                          .Set("processes", Json::Array{ToJson(work)})};
  record.results = Json::MakeObject()
                       .Set("arms", std::move(arms))
                       .Set("idle", Json::Array{ToJson(idle)})
                       .Set("began_utc_ns", Json::List(std::vector{kNoonUtcNs}));
  return record;
}

// 10 entries a second from `from_s` on; 30 W from the first second to the second, else 10 W.
PowerLog Log(double from_s) {
  PowerLog log;
  for (int i = 0; i <= 60; ++i) {
    const double second = from_s + i * 0.1;
    const bool works = second > 0.95 && second < 2.05;
    log.entries.push_back({kNoonUtcNs + std::llround(second * 1e9), works ? 30.0 : 10.0});
  }
  return log;
}

TEST(JoinMeter, FillsEveryBlock) {
  const auto joined = JoinMeter(Blocks(), Log(-1), Json::MakeObject().Set("file", "p.csv"));
  ASSERT_TRUE(joined.ok()) << joined.error().message();
  const Json& results = joined.value().results;
  const auto work = EnergyBlocksFromJson(results["arms"].AsArray()[0]["processes"].AsArray()[0]);
  EXPECT_NEAR(work.value()[0].joules, 30, 1e-6);
  EXPECT_EQ(work.value()[0].runs, 50);
  const auto idle = EnergyBlocksFromJson(results["idle"].AsArray()[0]).value();
  EXPECT_NEAR(idle[0].joules, 9 + 1 + 1, 1e-6);  // the last tenth rises from 10 W to 30 W
  EXPECT_EQ(results["sensor"]["tier"].AsString(), "external meter");
  EXPECT_EQ(results["sensor"]["log"]["file"].AsString(), "p.csv");
  EXPECT_EQ(joined.value().settings["joined_from"].AsString(), "old");
  EXPECT_NE(joined.value().key, "old");
}

TEST(JoinMeter, RefusesALogThatDoesNotFit) {
  const auto join = [](const PowerLog& log) {
    const auto joined = JoinMeter(Blocks(), log, {});
    EXPECT_FALSE(joined.ok());
    return joined.ok() ? "" : joined.error().message();
  };
  EXPECT_EQ(join(Log(1.5)),
            "block 1 of idling (12:00:00.000 UTC to 12:00:01.000 UTC): the meter's log does not "
            "reach over it: is the clock off (--offset)?");
  PowerLog seldom = Log(-1);
  std::erase_if(seldom.entries,
                [&](const auto& entry) { return entry.utc_ns / (kSecond / 10) % 4 != 0; });
  EXPECT_THAT(join(seldom), HasSubstr("at least 5 are needed"));
  PowerLog flat = Log(-1);
  for (auto& entry : flat.entries) entry.value = 10;
  EXPECT_THAT(join(flat), HasSubstr("the meter tells 10 W while models ran and 10 W while idle"));
  Record other = Blocks();
  other.results.Set("began_utc_ns", nullptr);
  EXPECT_THAT(JoinMeter(other, Log(-1), {}).error().message(), HasSubstr("no blocks"));
}

}  // namespace energy_scenario_test
}  // namespace quantbench::testing
