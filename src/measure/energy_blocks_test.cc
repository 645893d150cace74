// Energy under a fake clock, a fake engine and counters of a fake device: known joules come out as
// they went in, and sensors that do not see the work are refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/base/format.h"
#include "quantbench/measure.h"

#include "fake_machine.h"

namespace quantbench::testing {
namespace energy_blocks_test {

using ::testing::HasSubstr;

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1000 * kMs;
const std::string kCounterFile = "/sys/class/powercap/intel-rapl:0/energy_uj";
const std::string kPowerFile = "/sys/class/hwmon/hwmon0/power1_input";
constexpr std::int64_t kNoonUtcNs = 1'777'636'800 * kSecond;

// A device that takes `idle_watts` always and what passes take on top of it.
class Bench : public ::testing::Test {
 protected:
  Bench() {
    PutZone(&machine_, "intel-rapl:0", "package-0", "0", "300000000");
    Spend(0, 1);
  }

  // Time goes by with so many joules; the counter wraps at 300 J.
  void Spend(std::int64_t ns, double joules) {
    clock_.now += ns;
    spent_ += joules;
    const double counted = std::fmod(spent_, 300.0);
    machine_.texts[kCounterFile] = Format("{}", std::llround(counted * 1e6));
  }
  // A pass that takes so long and so many joules beside what idling takes.
  Pass Arm(std::int64_t ns, double joules) {
    FakeBehaviour behaviour;
    behaviour.on_run = [this, ns, joules](std::int64_t) {
      Spend(ns, joules + idle_watts_ * static_cast<double>(ns) * 1e-9);
    };
    sessions_.push_back(MakeFakeEngine(behaviour)->Load({}, {}).value());
    return [session = sessions_.back().get()] { return session->Run(); };
  }
  EnergyWatch Watch(EnergyMeter* meter) {
    return {meter, clock_,
            [this](std::int64_t ns) {
              const std::int64_t gone = std::max<std::int64_t>(0, ns - clock_.now);
              Spend(gone, idle_watts_ * static_cast<double>(gone) * 1e-9);
            },
            [] { return kNoonUtcNs; }};
  }
  Result<EnergySamples> Measure(const std::vector<Pass>& arms, const EnergyPlan& plan) {
    EnergyMeter meter(FindEnergySensors(machine_).front(), machine_, clock_);
    SilentProgress silent;
    return MeasureEnergy(arms, plan, Watch(&meter), silent);
  }

  FakeMachine machine_;
  FakeClock clock_;
  double idle_watts_ = 10;
  double spent_ = 0;
  std::vector<std::unique_ptr<Session>> sessions_;
};

EnergyPlan SecondsPlan(int rounds) {
  EnergyPlan plan;
  plan.block_ns = kSecond;
  plan.rounds = rounds;
  return plan;
}

// 100 passes of 10 ms and 0.3 J beside 10 W of idling: 40 W gross, 30 W net. The counter wraps
// meanwhile.
TEST_F(Bench, KnownJoulesComeOutAsTheyWentIn) {
  const auto samples = Measure({Arm(10 * kMs, 0.3), Arm(20 * kMs, 0.1)}, SecondsPlan(8));
  ASSERT_TRUE(samples.ok()) << samples.error().message();
  EXPECT_GT(spent_, 600);
  EXPECT_EQ(samples.value().began_utc_ns, kNoonUtcNs);
  ASSERT_EQ(samples.value().arms.size(), 2U);
  ASSERT_EQ(samples.value().idle.size(), 17U);
  for (const EnergyBlock& idle : samples.value().idle) {
    EXPECT_EQ(idle.wall_ns, kSecond);
    EXPECT_EQ(idle.runs, 0);
    EXPECT_NEAR(idle.joules, 10, 1e-4);
  }
  const std::vector<std::pair<std::int64_t, double>> expected = {{100, 40}, {50, 15}};
  for (std::size_t arm = 0; arm < 2; ++arm) {
    ASSERT_EQ(samples.value().arms[arm].size(), 8U);
    for (const EnergyBlock& block : samples.value().arms[arm]) {
      EXPECT_EQ(block.runs, expected[arm].first);
      EXPECT_EQ(block.wall_ns, kSecond);
      EXPECT_NEAR(block.joules, expected[arm].second, 1e-4);
      EXPECT_NEAR(block.watts() - IdleAround(block, samples.value().idle),
                  expected[arm].second - 10, 1e-4);
    }
  }
}

TEST_F(Bench, BlocksOfWorkStandBetweenBlocksOfIdling) {
  const auto samples = Measure({Arm(10 * kMs, 0.3), Arm(10 * kMs, 0.1)}, SecondsPlan(2)).value();
  std::vector<std::pair<std::int64_t, char>> order;
  for (const EnergyBlock& block : samples.idle) order.emplace_back(block.start_ns, 'I');
  for (const auto& blocks : samples.arms) {
    for (const EnergyBlock& block : blocks) order.emplace_back(block.start_ns, 'W');
  }
  std::sort(order.begin(), order.end());
  std::string kinds;
  for (std::size_t i = 0; i < order.size(); ++i) {
    kinds += order[i].second;
    // Between two a tenth of a block is not counted.
    if (i == 0) continue;
    EXPECT_EQ(order[i].first - order[i - 1].first, kSecond * 11 / 10);
  }
  EXPECT_EQ(kinds, "IWIWIWIWI");
}

TEST_F(Bench, WithoutAMeterTimesAloneAreWrittenDown) {
  SilentProgress silent;
  const auto samples =
      MeasureEnergy({Arm(10 * kMs, 0.3)}, SecondsPlan(1), Watch(nullptr), silent).value();
  EXPECT_TRUE(std::isnan(samples.arms[0][0].joules));
  EXPECT_EQ(samples.arms[0][0].runs, 100);
}

TEST_F(Bench, ACounterThatStallsIsRefused) {
  machine_.texts[kCounterFile] = "5";
  FakeBehaviour behaviour;
  behaviour.on_run = [this](std::int64_t) { clock_.now += 10 * kMs; };
  const auto session = MakeFakeEngine(behaviour)->Load({}, {}).value();
  EnergyMeter meter(FindEnergySensors(machine_).front(), machine_, clock_);
  EnergyWatch watch{&meter, clock_, [this](std::int64_t ns) { clock_.now = ns; },
                    [] { return kNoonUtcNs; }};
  SilentProgress silent;
  const auto samples =
      MeasureEnergy({[&] { return session->Run(); }}, SecondsPlan(1), watch, silent);
  ASSERT_FALSE(samples.ok());
  EXPECT_EQ(samples.error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(samples.error().message(), "energy sensor rapl: counted nothing in 1 s of work");
}

TEST_F(Bench, ASensorThatDoesNotSeeTheWorkIsRefused) {
  const auto samples = Measure({Arm(10 * kMs, -0.05)}, SecondsPlan(2));
  ASSERT_FALSE(samples.ok());
  EXPECT_THAT(samples.error().message(),
              HasSubstr("tells 5 W while models ran and 10 W while idle"));
}

// A gauge that says something new once in four seconds cannot tell blocks of one second apart.
TEST_F(Bench, APowerSensorThatStandsStillIsRefused) {
  std::filesystem::remove_all(machine_.root().string() + "/sys/class/powercap");
  machine_.Put("/sys/class/hwmon/hwmon0/name", "ina238");
  machine_.Put(kPowerFile, "5000000");
  const auto samples = Measure({Arm(10 * kMs, 0.3)}, SecondsPlan(2));
  ASSERT_FALSE(samples.ok());
  EXPECT_THAT(
      samples.error().message(),
      HasSubstr("energy sensor hwmon-ina238: said something new 0 times in 5 blocks of 1 s"));
}

TEST_F(Bench, PassesThatFailEndIt) {
  FakeBehaviour behaviour;
  behaviour.fail_at_run = 40;
  behaviour.on_run = [this](std::int64_t) { Spend(10 * kMs, 1); };
  const auto session = MakeFakeEngine(behaviour)->Load({}, {}).value();
  const auto samples = Measure({[&] { return session->Run(); }}, SecondsPlan(2));
  ASSERT_FALSE(samples.ok());
  EXPECT_EQ(samples.error().code(), ErrorCode::kEngine);
}

TEST(EnergyBlocks, SurviveAsJson) {
  const std::vector<EnergyBlock> blocks = {{0, kSecond, 0, 2.5}, {kSecond, kSecond, 12, NAN}};
  const auto read = EnergyBlocksFromJson(Json::Parse(ToJson(blocks).Dump()).value());
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read.value()[0].joules, 2.5);
  EXPECT_TRUE(std::isnan(read.value()[1].joules));
  EXPECT_EQ(read.value()[1].runs, 12);
  for (const char* lie : {R"({"start_ns":[0],"wall_ns":[0],"runs":[1],"joules":[1]})",
                          R"({"start_ns":[0],"wall_ns":[5],"runs":[-1],"joules":[1]})",
                          R"({"start_ns":[0],"wall_ns":[5],"runs":[1],"joules":[-1]})",
                          R"({"start_ns":[-1],"wall_ns":[5],"runs":[1],"joules":[1]})",
                          R"({"start_ns":[0],"wall_ns":[5],"runs":[1],"joules":[]})"}) {
    EXPECT_FALSE(EnergyBlocksFromJson(Json::Parse(lie).value()).ok()) << lie;
  }
}

TEST(IdleAround, IsTheMeanOfItsNeighbours) {
  const std::vector<EnergyBlock> idle = {
      {0, kSecond, 0, 4}, {4 * kSecond, kSecond, 0, 8}, {8 * kSecond, kSecond, 0, 100}};
  EXPECT_EQ(IdleAround({2 * kSecond, kSecond, 1, 1}, idle), 6);
  EXPECT_EQ(IdleAround({9 * kSecond, kSecond, 1, 1}, idle), 100);
  EXPECT_TRUE(std::isnan(IdleAround({0, kSecond, 1, 1}, {})));
}

}  // namespace energy_blocks_test
}  // namespace quantbench::testing
