// Scenarios under a fake clock and a fake engine: queues against what theory and plain references
// say, slow-downs against planted ones. Nothing here depends on real time.
#include <algorithm>
#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "quantbench/analyse.h"
#include "quantbench/base/random.h"

namespace quantbench {
namespace scenario_test {

constexpr std::int64_t kMs = 1'000'000;

class StoppedClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t NowNs() const override { return now; }
  [[nodiscard]] std::int64_t CpuNs() const override { return now; }
  std::int64_t now = 0;
};

class Blind final : public Sensors {
 public:
  [[nodiscard]] Usage ReadUsage() const override { return {}; }
  [[nodiscard]] Conditions ReadConditions() const override { return {}; }
};

// Fake sessions whose passes advance a clock that nobody else moves.
class Bench {
 public:
  // A pass takes what `ms` says at that moment.
  Pass Arm(std::function<double()> ms) {
    FakeBehaviour behaviour;
    behaviour.on_run = [this, ms = std::move(ms)](std::int64_t) {
      clock.now += std::llround(ms() * kMs);
    };
    sessions_.push_back(MakeFakeEngine(behaviour)->Load({}, {}).value());
    return [session = sessions_.back().get()] { return session->Run(); };
  }
  WaitUntil Wait() {
    return [this](std::int64_t ns) { clock.now = std::max(clock.now, ns); };
  }
  std::vector<ServerSamples> Serve(const std::vector<Pass>& arms, const ServerPlan& plan) {
    SilentProgress progress;
    return MeasureServer(arms, plan, clock, Wait(), progress).value();
  }
  StoppedClock clock;

 private:
  std::vector<std::unique_ptr<Session>> sessions_;
};

ServerPlan PlanFor(std::int64_t queries, double target_ms) {
  ServerPlan plan;
  plan.queries = queries;
  plan.target_ns = std::llround(target_ms * kMs);
  plan.allowed_late = MostLate(queries, 99);
  return plan;
}

TEST(MostLate, IsWhatPercentilesDiscard) {
  EXPECT_EQ(MostLate(472, 99), -1);
  EXPECT_EQ(MostLate(473, 99), 0);
  // P[Bin(1000, 0.01) <= 4] = 0.0287, <= 5: 0.0661 (scipy.stats.binom).
  EXPECT_EQ(MostLate(1000, 99), 3);
  std::vector<double> values(1000);
  std::iota(values.begin(), values.end(), 1);
  EXPECT_EQ(ValidPercentiles(values)[2].value, 1000 - 3);
}

TEST(UnitArrivals, HaveGapsOfMeanAndDeviationOne) {
  const std::vector<double> arrivals = UnitArrivals(100'000, 7);
  std::vector<double> gaps = {arrivals.front()};
  for (std::size_t i = 1; i < arrivals.size(); ++i) gaps.push_back(arrivals[i] - arrivals[i - 1]);
  const Summary summary = Summarise(gaps);
  EXPECT_NEAR(summary.mean, 1, 0.02);
  EXPECT_NEAR(summary.stddev, 1, 0.02);
  EXPECT_NEAR(summary.median, std::log(2), 0.02);
  EXPECT_GE(summary.min, 0);
}

// A pass that hangs is paid for by the queries that arrived meanwhile: measured from when they
// were sent, all but one would look fast.
TEST(ServeQueries, LatencyCountsFromTheScheduledArrival) {
  Bench bench;
  bench.clock.now = 12'345;
  int passes = 0;
  const Pass pass = bench.Arm([&] { return passes++ == 1 ? 100 : 1; });
  const std::vector<double> arrivals = {1, 2, 3, 4, 50};
  ServerPlan plan = PlanFor(5, 1000);
  plan.allowed_late = 0;
  const RateTrial trial =
      ServeQueries(pass, arrivals, 100, plan, bench.clock, bench.Wait()).value();
  EXPECT_TRUE(trial.met);
  EXPECT_EQ(trial.latency_ns, (std::vector<std::int64_t>{kMs, 100 * kMs, 91 * kMs, 82 * kMs, kMs}));
  // And it ends once more are late than may be.
  passes = 0;
  plan.target_ns = 50 * kMs;
  plan.allowed_late = 1;
  const RateTrial late = ServeQueries(pass, arrivals, 100, plan, bench.clock, bench.Wait()).value();
  EXPECT_FALSE(late.met);
  EXPECT_EQ(late.latency_ns.size(), 3U);
}

TEST(RateSearch, EndsAtTheHighestRateThatIsMet) {
  for (const double truth : {0.055, 0.3, 0.69, 0.71, 0.999}) {
    for (const double guess : {0.0, 0.02, 0.7, 5.0}) {
      RateSearch search(100 * guess, 100, 0.01);
      int trials = 0;
      for (; !search.done(); ++trials) {
        EXPECT_LE(search.rate(), 100);
        search.Tell(search.rate() <= 100 * truth);
      }
      EXPECT_LE(search.highest(), 100 * truth);
      EXPECT_GT(search.highest() * 1.0101, 100 * truth) << truth << " from " << guess;
      EXPECT_LT(trials, 20);
    }
  }
  RateSearch none(50, 100, 0.01);
  while (!none.done()) none.Tell(false);
  EXPECT_EQ(none.highest(), 0);
  RateSearch all(50, 100, 0.01);
  while (!all.done()) all.Tell(true);
  EXPECT_EQ(all.highest(), 100);
}

// The time in an M/M/1 system is exponential with rate mu - lambda [Kleinrock 1975], so 99 % stay
// below T for lambda up to mu - ln(100) / T.
TEST(MeasureServer, FindsTheRateOfAnExponentialServer) {
  Bench bench;
  Random random(5);
  const Pass pass = bench.Arm([&] { return -5 * std::log1p(-random.Uniform()); });  // mu: 200/s
  const auto samples = bench.Serve({pass}, PlanFor(200'000, 60));
  const double theory = 200 - std::log(100) / 0.060;
  EXPECT_NEAR(samples.front().rate / theory, 1, 0.05);
}

// Of a server that always takes as long, the answer is known for the very arrivals that it met: by
// trying every rate, one by one.
TEST(MeasureServer, FindsTheRateOfAConstantServerToItsPrecision) {
  Bench bench;
  const ServerPlan plan = PlanFor(1000, 20);
  const auto samples = bench.Serve({bench.Arm([] { return 5; })}, plan);
  const std::vector<double> arrivals = UnitArrivals(plan.queries, plan.seed);
  double best = 0;
  for (double rate = 1; rate < 200; rate += 0.1) {
    double free = 0;
    int late = 0;
    for (const double unit : arrivals) {
      free = std::max(free, unit / rate) + 0.005;
      late += free - unit / rate > 0.020 ? 1 : 0;
    }
    if (late <= plan.allowed_late) best = rate;
  }
  EXPECT_NEAR(samples.front().rate / best, 1, 1.1 * plan.precision);
  EXPECT_EQ(samples.front().service_ns, 5 * kMs);
  // Faster than it can be: no rate is met.
  EXPECT_EQ(bench.Serve({bench.Arm([] { return 5; })}, PlanFor(1000, 4)).front().rate, 0);
}

// Sessions of three processes, each with luck of its own, noise and spikes: copies are told apart
// no more often than 5 times in 100, and 20 % of speed is always seen.
TEST(Server, CopiesAgreeAndFasterOnesAreSeen) {
  constexpr int kSessions = 100;
  int false_alarms = 0;
  int seen = 0;
  Random random(11);
  for (int session = 0; session < kSessions; ++session) {
    std::vector<double> copy;
    std::vector<double> faster;
    for (std::uint64_t process = 0; process < 3; ++process) {
      Bench bench;
      const auto noisy = [&](double ms) {
        const double luck = std::exp(0.01 * random.Normal());
        return bench.Arm([&random, ms, luck] {
          const double spike = random.Uniform() < 0.005 ? 3 : 1;
          return ms * luck * spike * (1 + 0.02 * random.Normal());
        });
      };
      ServerPlan plan = PlanFor(500, 25);
      plan.seed = 100 * static_cast<std::uint64_t>(session) + process;
      const auto samples = bench.Serve({noisy(5), noisy(5), noisy(4)}, plan);
      copy.push_back(std::log(samples[1].rate / samples[0].rate));
      faster.push_back(std::log(samples[2].rate / samples[0].rate));
    }
    const Interval aa = RatioFromLogs(copy);
    false_alarms += aa.low <= 1 && 1 <= aa.high ? 0 : 1;
    seen += RatioFromLogs(faster).estimate > 1.1 ? 1 : 0;
  }
  EXPECT_LE(false_alarms, 9);  // of 100 what a rate of 5 % exceeds one time in 20
  EXPECT_EQ(seen, kSessions);
}

// Ten minutes in which the machine heats up after the third: 10 % slower, one arm 5 % more.
TEST(Sustained, SeesHeatAndWhichArmSuffersMore) {
  constexpr int kSessions = 60;
  constexpr double kHeats = 1.10;
  constexpr double kSuffers = 1.05;
  Random random(3);
  int heat = 0;
  int copy = 0;
  int first = 0;
  int last = 0;
  for (int session = 0; session < kSessions; ++session) {
    Bench bench;
    double drift = 0;
    const auto arm = [&](double cold, double hot) {
      return bench.Arm([&, cold, hot] {
        drift = 0.99 * drift + 0.002 * random.Normal();
        const bool is_hot = bench.clock.now > 200'000'000'000;
        return 40 * (is_hot ? hot : cold) * (1 + drift + 0.02 * random.Normal());
      });
    };
    SustainedPlan plan;
    plan.seed = static_cast<std::uint64_t>(session);
    SilentProgress progress;
    const Blind sensors;
    const auto samples =
        MeasureSustained({arm(1, kHeats), arm(0.5, 0.5 * kHeats * kSuffers), arm(1, kHeats)}, plan,
                         bench.clock, sensors, progress)
            .value();
    const auto holds = [](const Interval& interval, double value) {
      return interval.low <= value && value <= interval.high ? 1 : 0;
    };
    const SustainedChange own = ChangeOf(samples.arms[0], samples.arms[0]);
    const SustainedChange change = ChangeOf(samples.arms[1], samples.arms[0]);
    EXPECT_DOUBLE_EQ(own.window_s, 60);
    heat += holds(own.slowdown, kHeats);
    first += holds(change.ratio_first, 0.5);
    last += holds(change.ratio_last, 0.5 * kSuffers);
    copy += holds(ChangeOf(samples.arms[2], samples.arms[0]).ratio_last, 1);
    EXPECT_NEAR(own.last_ms / own.first_ms, kHeats, 0.03);
    EXPECT_LT(samples.conditions.size(), 602U);
  }
  const auto least = kSessions - MostAllowed(kSessions);
  EXPECT_GE(heat, least);
  EXPECT_GE(copy, least);
  EXPECT_GE(first, least);
  EXPECT_GE(last, least);
}

TEST(ScenarioSamples, SurviveJsonAndImpossibleOnesDoNot) {
  ServerSamples samples;
  samples.service_ns = 5;
  samples.rate = 12.5;
  samples.trials = {{12.5, true, {7, 8}}, {13, false, {9}}};
  const auto back = ServerSamples::FromJson(samples.ToJson());
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back.value().ToJson(), samples.ToJson());
  samples.trials[1].rate = -1;
  EXPECT_FALSE(ServerSamples::FromJson(samples.ToJson()).ok());
  const std::vector<SustainedLap> laps = {{0, 5, 4, 2}, {6, 5, 4, 2}};
  const auto laps_back = SustainedLapsFromJson(ToJson(laps));
  ASSERT_TRUE(laps_back.ok());
  EXPECT_EQ(ToJson(laps_back.value()), ToJson(laps));
  EXPECT_FALSE(SustainedLapsFromJson(ToJson(laps).Set("runs", Json::Array{})).ok());
  EXPECT_FALSE(
      SustainedLapsFromJson(ToJson(std::vector<SustainedLap>{{0, INT64_MAX, INT64_MAX, 1}})).ok());
}

// Offline each arm has its own batch: what counts is samples, not passes.
TEST(Offline, ComparesSamplesASecond) {
  Study study;
  study.models.emplace_back().id = "m";
  study.variants.emplace_back().id = "q";
  study.scenario.scenarios = {Scenario::kOffline};
  const auto arm = [](const char* id, std::int64_t run_ns) {
    LatencySamples samples;
    samples.laps.push_back({.cpu_ns = run_ns, .run_ns = {run_ns}});
    Json processes = Json::Array{};
    for (int i = 0; i < 3; ++i) processes.Append(samples.ToJson());
    return Json::MakeObject().Set("arm", id).Set("outcome", "ok").Set("processes", processes);
  };
  Record record;
  record.what = Expand(study).back();
  ASSERT_EQ(record.what.kind, CaseKind::kScenario);
  record.results = Json::MakeObject()
                       .Set("arms", Json(Json::Array{arm("original", 4 * kMs), arm("q", 8 * kMs)}))
                       .Set("batches", Json::MakeObject().Set("original", 4).Set("q", 16));
  const Analysis analysis = Analyse(study, {record}, nullptr);
  ASSERT_EQ(analysis.scenarios.size(), 1U);
  EXPECT_TRUE(analysis.cells.empty());
  const auto& arms = analysis.scenarios.front().arms;
  ASSERT_EQ(arms.size(), 2U);
  EXPECT_NEAR(arms[0].value.estimate, 1000, 1e-6);
  EXPECT_NEAR(arms[1].value.estimate, 2000, 1e-6);
  EXPECT_NEAR(arms[1].better.estimate, 2, 1e-9);
}

}  // namespace scenario_test
}  // namespace quantbench
