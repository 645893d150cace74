// Interleaved measuring under a fake clock: nothing here depends on real time.
#include <cmath>

#include <gtest/gtest.h>

#include "quantbench/measure.h"

namespace quantbench {
namespace {

class FakeClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t NowNs() const override { return now; }
  [[nodiscard]] std::int64_t CpuNs() const override { return now / 2; }
  std::int64_t now = 0;
};

LatencyPlan Plan() {
  LatencyPlan plan;
  plan.warmup_ns = 0;
  plan.min_repetition_ns = 0;
  plan.repetitions = 5;
  plan.max_repetitions = 12;
  return plan;
}

TEST(MeasureInterleaved, TimesEveryArmOncePerRound) {
  FakeClock clock;
  std::string order;
  const Pass a = [&] {
    order += 'a';
    clock.now += 1000;
    return Ok();
  };
  const Pass b = [&] {
    order += 'b';
    clock.now += 3000;
    return Ok();
  };
  SilentProgress progress;
  const auto samples = MeasureInterleaved({a, b}, Plan(), clock, progress);
  ASSERT_TRUE(samples.ok());
  EXPECT_EQ(samples.value()[0].wall_ns, std::vector<std::int64_t>(5, 1000));
  EXPECT_EQ(samples.value()[1].wall_ns, std::vector<std::int64_t>(5, 3000));
  EXPECT_EQ(samples.value()[1].cpu_ns, std::vector<std::int64_t>(5, 1500));
  EXPECT_EQ(samples.value()[0].warmup, 3);
  const std::string rounds = order.substr(6);  // after 3 warm-up passes an arm
  for (std::size_t i = 0; i < rounds.size(); i += 2) {
    EXPECT_NE(rounds[i], rounds[i + 1]) << "round " << i / 2;
  }
  EXPECT_EQ(rounds.size(), 10U);
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
  LatencyPlan plan = Plan();
  plan.repetitions = plan.max_repetitions = 200;
  SilentProgress progress;
  const auto samples = MeasureInterleaved({pass, pass}, plan, clock, progress);
  ASSERT_TRUE(samples.ok());
  double sums[2] = {0, 0};
  for (int arm = 0; arm < 2; ++arm) {
    for (const double ns : samples.value()[static_cast<std::size_t>(arm)].WallPerPassNs())
      sums[arm] += ns;
  }
  EXPECT_NEAR(sums[0] / sums[1], 1.0, 0.002);
}

TEST(MeasureInterleaved, AddsRepetitionsOnlyWhileAnArmVaries) {
  FakeClock clock;
  int runs = 0;
  const Pass steady = [&] {
    clock.now += 1000;
    return Ok();
  };
  const Pass shaky = [&] {
    clock.now += ++runs % 2 == 0 ? 1000 : 2000;
    return Ok();
  };
  SilentProgress progress;
  EXPECT_EQ(MeasureInterleaved({steady}, Plan(), clock, progress).value()[0].wall_ns.size(), 5U);
  EXPECT_EQ(MeasureInterleaved({shaky}, Plan(), clock, progress).value()[0].wall_ns.size(), 12U);
  LatencyPlan short_of_time = Plan();
  short_of_time.max_total_ns = 6000;
  EXPECT_LT(MeasureInterleaved({shaky}, short_of_time, clock, progress).value()[0].wall_ns.size(),
            12U);
}

TEST(MeasureInterleaved, GroupsShortPasses) {
  FakeClock clock;
  const Pass pass = [&] {
    clock.now += 100;
    return Ok();
  };
  LatencyPlan plan = Plan();
  plan.min_repetition_ns = 1050;
  SilentProgress progress;
  const auto samples = MeasureInterleaved({pass}, plan, clock, progress);
  EXPECT_EQ(samples.value()[0].passes, 11);
  EXPECT_DOUBLE_EQ(samples.value()[0].WallPerPassNs()[0], 100);
}

TEST(MeasureInterleaved, EndsWithTheErrorOfAFailingArm) {
  FakeClock clock;
  int runs = 0;
  const Pass failing = [&]() -> Status {
    if (++runs == 5) return Error(ErrorCode::kEngine, "boom");
    return Ok();
  };
  SilentProgress progress;
  const auto samples = MeasureInterleaved({failing}, Plan(), clock, progress);
  ASSERT_FALSE(samples.ok());
  EXPECT_EQ(samples.error().message(), "boom");
}

TEST(LatencySamples, RoundTripAndRefuseBrokenOnes) {
  LatencySamples samples;
  samples.wall_ns = {1, 2};
  samples.cpu_ns = {1, 1};
  samples.passes = 4;
  EXPECT_EQ(LatencySamples::FromJson(samples.ToJson()).value().wall_ns, samples.wall_ns);
  samples.cpu_ns.pop_back();
  EXPECT_FALSE(LatencySamples::FromJson(samples.ToJson()).ok());
}

}  // namespace
}  // namespace quantbench
