// Interleaved measuring under a fake clock: nothing here depends on real time.
#include <cmath>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "quantbench/measure.h"

#include "measure/warm_up.h"

namespace quantbench {
namespace latency_test {

class FakeClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t NowNs() const override { return now; }
  [[nodiscard]] std::int64_t CpuNs() const override { return now / 2; }
  std::int64_t now = 0;
};

class FakeSensors final : public Sensors {
 public:
  [[nodiscard]] Usage ReadUsage() const override { return {waited += 7, preempted += 1, 0}; }
  [[nodiscard]] Conditions ReadConditions() const override {
    Conditions conditions;
    conditions.temperature_mc = ++temperature;
    return conditions;
  }
  mutable std::int64_t waited = 0;
  mutable std::int64_t preempted = 0;
  mutable std::int64_t temperature = 0;
};

constexpr std::int64_t kMs = 1'000'000;

LatencyPlan Plan(int rounds, int lap_runs) {
  LatencyPlan plan;
  plan.repetitions = 1;
  plan.warmup_ns = 0;
  plan.max_warmup_ns = 0;
  plan.rounds = rounds;
  plan.lap_runs = lap_runs;
  return plan;
}

// An arm whose every run takes `ns` and leaves its letter in `order`.
Pass Taking(std::int64_t ns, FakeClock* clock, std::string* order = nullptr, char name = ' ') {
  return [=] {
    if (order != nullptr) *order += name;
    clock->now += ns;
    return Ok();
  };
}

Result<ProcessSamples> Measure(const std::vector<Pass>& arms, const LatencyPlan& plan,
                               const FakeClock& clock) {
  const FakeSensors sensors;
  SilentProgress progress;
  return MeasureInterleaved(arms, plan, clock, sensors, progress);
}

TEST(MeasureInterleaved, EveryArmMakesOneLapARound) {
  FakeClock clock;
  std::string order;
  const auto process = Measure(
      {Taking(1000, &clock, &order, 'a'), Taking(3000, &clock, &order, 'b')}, Plan(6, 1), clock);
  ASSERT_TRUE(process.ok());
  const auto& arms = process.value().arms;
  ASSERT_EQ(arms[0].laps.size(), 6U);
  EXPECT_EQ(arms[1].laps[5].run_ns, std::vector<std::int64_t>{3000});
  EXPECT_EQ(arms[1].laps[5].cpu_ns, 1500);
  EXPECT_EQ(arms[1].laps[5].waited_ns, 7);
  EXPECT_EQ(arms[1].laps[5].preempted, 1);
  EXPECT_EQ(arms[0].laps[0].switch_ns, 0);
  EXPECT_EQ(arms[0].warmup_runs, 3);
  EXPECT_EQ(process.value().conditions.size(), 7U);
  EXPECT_EQ(process.value().rounds_ns, 6 * 4000);
  const std::string rounds = order.substr(6);  // after 3 runs an arm
  ASSERT_EQ(rounds.size(), 12U);
  // ABBA or BAAB.
  for (std::size_t i = 0; i < rounds.size(); i += 4) {
    EXPECT_NE(rounds[i], rounds[i + 1]);
    EXPECT_EQ(rounds[i], rounds[i + 3]);
    EXPECT_EQ(rounds[i + 1], rounds[i + 2]);
  }
}

TEST(MeasureInterleaved, LapsLastLongEnoughAndTheFirstRunAfterASwitchIsApart) {
  FakeClock clock;
  char last = ' ';
  const auto cold_after_switch = [&](char name) -> Pass {
    return [&clock, &last, name] {
      clock.now += last == name ? 2 * kMs : 5 * kMs;
      last = name;
      return Ok();
    };
  };
  const auto process = Measure({cold_after_switch('a'), cold_after_switch('b')}, Plan(4, 0), clock);
  ASSERT_TRUE(process.ok());
  for (const LatencySamples& arm : process.value().arms) {
    for (const Lap& lap : arm.laps) {
      EXPECT_EQ(lap.run_ns, std::vector<std::int64_t>(10, 2 * kMs));  // 20 ms
      EXPECT_EQ(lap.wall_ns(), 20 * kMs);
      EXPECT_GE(lap.switch_ns, 2 * kMs);
    }
  }
  const auto slow = Measure({Taking(200 * kMs, &clock)}, Plan(4, 0), clock);
  EXPECT_EQ(slow.value().arms[0].laps[0].run_ns.size(), 1U);
  const auto fast = Measure({Taking(1000, &clock)}, Plan(4, 0), clock);
  EXPECT_EQ(fast.value().arms[0].laps[0].run_ns.size(), 200U);
  LatencyPlan many = Plan(4, 1);
  many.repetitions = 9;
  EXPECT_EQ(Measure({Taking(1000, &clock)}, many, clock).value().arms[0].laps.size(), 9U);
  const auto apart = Measure({Taking(1 * kMs, &clock), Taking(8 * kMs, &clock)}, Plan(4, 0), clock);
  EXPECT_EQ(apart.value().arms[0].laps[0].run_ns.size(), 20U);
  EXPECT_EQ(apart.value().arms[1].laps[0].run_ns.size(), 3U);
}

// An arm measured after the other would look slower under this drift; in turn, both drift alike.
TEST(MeasureInterleaved, DriftMeetsAllArmsAlike) {
  FakeClock clock;
  std::int64_t cost = 1000;
  const Pass pass = [&] {
    clock.now += cost;
    cost += 10;
    return Ok();
  };
  const auto process = Measure({pass, pass}, Plan(200, 1), clock);
  ASSERT_TRUE(process.ok());
  double sums[2] = {0, 0};
  for (int arm = 0; arm < 2; ++arm) {
    for (const Lap& lap : process.value().arms[static_cast<std::size_t>(arm)].laps) {
      sums[arm] += static_cast<double>(lap.wall_ns());
    }
  }
  EXPECT_NEAR(sums[0] / sums[1], 1.0, 1e-9);  // ABBA cancels a straight line
}

TEST(MeasureInterleaved, EndsWithTheErrorOfAFailingArm) {
  FakeClock clock;
  int runs = 0;
  const Pass failing = [&]() -> Status {
    if (++runs == 5) return Error(ErrorCode::kEngine, "boom");
    return Ok();
  };
  const auto process = Measure({failing}, Plan(5, 1), clock);
  ASSERT_FALSE(process.ok());
  EXPECT_EQ(process.error().message(), "boom");
}

// In a Williams design every arm is at every place and follows every other equally often.
TEST(OrderRounds, BalancesPlacesAndWhatFollowsWhat) {
  for (const std::size_t n : {2U, 3U, 4U, 5U, 6U}) {
    const std::size_t block = n % 2 == 0 ? n : 2 * n;
    const auto rounds = OrderRounds(n, static_cast<int>(block), 7);
    std::map<std::pair<std::size_t, std::size_t>, int> places;
    std::map<std::pair<std::size_t, std::size_t>, int> follows;
    for (const auto& round : rounds) {
      EXPECT_EQ(std::set<std::size_t>(round.begin(), round.end()).size(), n);
      for (std::size_t i = 0; i < n; ++i) {
        ++places[{round[i], i}];
        if (i > 0) ++follows[{round[i - 1], round[i]}];
      }
    }
    ASSERT_EQ(places.size(), n * n);
    ASSERT_EQ(follows.size(), n * (n - 1));
    for (const auto& [place, count] : places) EXPECT_EQ(count, static_cast<int>(block / n));
    for (const auto& [pair, count] : follows) EXPECT_EQ(count, static_cast<int>(block / n));
  }
  EXPECT_NE(OrderRounds(3, 6, 1), OrderRounds(3, 6, 2));
  EXPECT_EQ(OrderRounds(3, 6, 1), OrderRounds(3, 6, 1));
}

// Runs of `first` ms that become `last` ms with a time constant of `fade` runs.
LatencySamples WarmedUp(double first, double last, double fade) {
  FakeClock clock;
  int runs = 0;
  const Pass pass = [&] {
    const double ms = last + (first - last) * std::exp(-runs++ / fade);
    clock.now += static_cast<std::int64_t>(ms * 1e6);
    return Ok();
  };
  LatencySamples samples;
  const auto run_ns = WarmUp(pass, LatencyPlan(), clock, &samples);
  EXPECT_TRUE(run_ns.ok());
  EXPECT_NEAR(static_cast<double>(run_ns.value()) * 1e-6, last, 0.05 * last);
  return samples;
}

TEST(WarmUp, LastsUntilTimesNoLongerMove) {
  const LatencySamples quick = WarmedUp(3, 2, 1);
  EXPECT_EQ(quick.warmup_end, WarmUpEnd::kSteady);
  EXPECT_EQ(quick.first_run_ns, 3 * kMs);
  const LatencySamples slow = WarmedUp(6, 2, 25);
  EXPECT_EQ(slow.warmup_end, WarmUpEnd::kSteady);
  EXPECT_GT(slow.warmup_runs, quick.warmup_runs + 50);
  const LatencySamples few = WarmedUp(900, 800, 1);
  EXPECT_EQ(few.warmup_end, WarmUpEnd::kTooFew);
  EXPECT_EQ(few.warmup_runs, 3);
}

TEST(WarmUp, SaysWhenTimesStillMoveAtTheEnd) {
  FakeClock clock;
  double ms = 1;
  const Pass slower_and_slower = [&] {
    clock.now += static_cast<std::int64_t>(ms * 1e6);
    ms *= 1.01;
    return Ok();
  };
  LatencySamples samples;
  ASSERT_TRUE(WarmUp(slower_and_slower, LatencyPlan(), clock, &samples).ok());
  EXPECT_EQ(samples.warmup_end, WarmUpEnd::kMoving);
  EXPECT_GE(samples.warmup_ns, LatencyPlan().max_warmup_ns);
}

TEST(LatencySamples, RoundTripAndRefuseBrokenOnes) {
  LatencySamples samples;
  samples.load_ns = 5;
  samples.warmup_end = WarmUpEnd::kMoving;
  samples.laps.push_back({.start_ns = 1,
                          .switch_ns = 2,
                          .cpu_ns = 3,
                          .waited_ns = 4,
                          .preempted = 5,
                          .major_faults = 6,
                          .run_ns = {7, 8}});
  const auto back = LatencySamples::FromJson(samples.ToJson());
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back.value().ToJson(), samples.ToJson());
  for (const std::vector<std::int64_t>& runs :
       {std::vector<std::int64_t>{}, {0}, {-1}, {std::int64_t{1} << 62}}) {
    samples.laps[0].run_ns = runs;
    EXPECT_FALSE(LatencySamples::FromJson(samples.ToJson()).ok());
  }
  samples.laps.clear();
  EXPECT_FALSE(LatencySamples::FromJson(samples.ToJson()).ok());
}

TEST(LatencyPlan, ANumberOfProcessesAloneIsExact) {
  LatencyPlan plan;
  plan.SetProcesses(0, 0);
  EXPECT_EQ(plan.processes, 6);
  EXPECT_EQ(plan.max_processes, 40);
  plan.SetProcesses(3, 0);
  EXPECT_EQ(plan.max_processes, 3);
  plan.SetProcesses(3, 9);
  EXPECT_EQ(plan.max_processes, 9);
  EXPECT_EQ(LatencyPlan::FromJson(plan.ToJson()).value().ToJson(), plan.ToJson());
}

TEST(SystemSensors, CountOnlyUpwards) {
  const Usage before = SystemSensors().ReadUsage();
  const Usage after = SystemSensors().ReadUsage();
  EXPECT_GE(after.waited_ns, before.waited_ns);
  EXPECT_GE(after.preempted, before.preempted);
  const Conditions now = SystemSensors().ReadConditions();
  EXPECT_EQ(Conditions::FromJson(now.ToJson()).ToJson(), now.ToJson());
}

}  // namespace latency_test
}  // namespace quantbench
