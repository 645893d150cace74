// Ratios of latencies: simulated sessions through the real measuring, the real stopping rule and
// the real interval, with a fake clock and a fake engine.
#include <array>
#include <cmath>
#include <functional>

#include <gtest/gtest.h>

#include "quantbench/analyse.h"
#include "quantbench/base/random.h"

namespace quantbench {
namespace ratio_test {

class SimulatedClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t NowNs() const override { return wall; }
  [[nodiscard]] std::int64_t CpuNs() const override { return cpu; }
  std::int64_t wall = 0;
  std::int64_t cpu = 0;
};

class NoSensors final : public Sensors {
 public:
  [[nodiscard]] Usage ReadUsage() const override { return {}; }
  [[nodiscard]] Conditions ReadConditions() const override { return {}; }
};

// The noise model of measuring.md 2.7 of the design.
struct Noise {
  double process = 0.005;  // sd of the luck of an arm in a process
  double white = 0.01;     // sd of a run
  double spikes = 0.02;    // share of runs that take 30 % longer
  double ramp = 0.05;      // slower by this much over a session of 1000 runs
  bool preempted = false;  // long runs lose the processor, short ones do not
};

// A machine whose clock is advanced by the runs of fake sessions.
class Machine {
 public:
  Machine(const Noise& noise, std::uint64_t seed) : noise_(noise), random_(seed) {}

  // One process: a fresh session an arm, arm i takes factors[i] times 5 ms.
  MeasuredProcess Measure(const std::vector<double>& factors, const LatencyPlan& plan) {
    const std::int64_t begin = clock_.wall;
    clock_.wall += 200'000'000;  // starting and loading
    std::vector<std::unique_ptr<Session>> sessions;
    std::vector<Pass> passes;
    for (const double factor : factors) {
      const double luck = std::exp(noise_.process * random_.Normal());
      FakeBehaviour behaviour;
      behaviour.on_run = [this, ms = 5 * factor * luck](std::int64_t) { Spend(ms); };
      sessions.push_back(MakeFakeEngine(behaviour)->Load({}, {}).value());
      passes.push_back([session = sessions.back().get()] { return session->Run(); });
    }
    const NoSensors sensors;
    SilentProgress progress;
    ProcessSamples process = MeasureInterleaved(passes, plan, clock_, sensors, progress).value();
    return {std::move(process.arms), process.rounds_ns, clock_.wall - begin};
  }

  // The whole cell as BenchCell makes it.
  std::vector<MeasuredProcess> MeasureCell(const std::vector<double>& factors, LatencyPlan plan) {
    std::vector<MeasuredProcess> done;
    for (NextStep next = NextProcess(plan, Cell{}, done); !next.stop;
         next = NextProcess(plan, Cell{}, done)) {
      plan.rounds = next.rounds;
      ++plan.seed;
      done.push_back(Measure(factors, plan));
    }
    return done;
  }

  double RunMs(double factor) {
    const std::int64_t before = clock_.wall;
    Spend(5 * factor);
    return static_cast<double>(clock_.wall - before) * 1e-6;
  }

 private:
  void Spend(double ms) {
    drift_ = std::min(1.0, drift_ + 0.001);
    ms *= 1 + noise_.white * random_.Normal() + noise_.ramp * drift_;
    if (random_.Uniform() < noise_.spikes) ms *= 1.3;
    const auto ns = static_cast<std::int64_t>(ms * 1e6);
    clock_.cpu += ns;
    clock_.wall += ns;
    if (noise_.preempted && ms > 4) clock_.wall += ns;
  }

  Noise noise_;
  Random random_;
  SimulatedClock clock_;
  double drift_ = 0;
};

std::vector<LatencySamples> Arm(const std::vector<MeasuredProcess>& done, std::size_t arm) {
  std::vector<LatencySamples> samples;
  for (const MeasuredProcess& process : done) samples.push_back(process.arms[arm]);
  return samples;
}

Interval RatioIn(const std::vector<MeasuredProcess>& done, std::size_t arm, double widening,
                 LapValue value = LapValue::kWallMean) {
  return RatioFromLogs(LogRatios(Arm(done, arm), Arm(done, 0), value), widening);
}

bool Holds(const Interval& interval, double value) {
  return interval.low <= value && value <= interval.high;
}

LatencyPlan QuickPlan() {
  LatencyPlan plan;
  plan.max_warmup_ns = 50'000'000;
  return plan;
}

// Sessions that stop when the interval is narrow enough: copies differ, and a planted 3 % is
// missed, no more often than 5 times in 100.
TEST(Protocol, CoversTheTruthAlsoWhenItsWidthDecidesWhenToStop) {
  constexpr int kSessions = 300;
  int false_alarms = 0;
  int covered = 0;
  double error = 0;
  for (int session = 0; session < kSessions; ++session) {
    Machine machine(Noise(), static_cast<std::uint64_t>(session) + 1);
    const auto done = machine.MeasureCell({1, 1, 1.03}, QuickPlan());
    EXPECT_GE(done.size(), 6U);
    EXPECT_LE(done.size(), 40U);
    false_alarms += Holds(RatioIn(done, 1, kWideningOfStopped), 1) ? 0 : 1;
    const Interval planted = RatioIn(done, 2, kWideningOfStopped);
    covered += Holds(planted, 1.03) ? 1 : 0;
    error += planted.estimate - 1.03;
  }
  EXPECT_LE(false_alarms, 23);  // 15 expected at 5 %, and two standard deviations
  EXPECT_GE(covered, 277);
  EXPECT_NEAR(error / kSessions, 0, 0.001);
}

// What everybody does instead: ten runs of the one, then ten of the other.
TEST(Protocol, OneAfterTheOtherSeesDifferencesThatAreNotThere) {
  constexpr int kSessions = 300;
  int false_alarms = 0;
  for (int session = 0; session < kSessions; ++session) {
    Machine machine({.ramp = 1}, static_cast<std::uint64_t>(session) + 1);
    std::vector<double> a;
    std::vector<double> b;
    for (int run = 0; run < 10; ++run) a.push_back(machine.RunMs(1));
    for (int run = 0; run < 10; ++run) b.push_back(machine.RunMs(1));
    false_alarms += Holds(WelchDifference(a, b), 0) ? 0 : 1;
  }
  EXPECT_GE(false_alarms, 60);
}

// The luck of a process is not averaged away by more rounds in it.
TEST(Protocol, TheProcessIsWhatIsRepeated) {
  Machine machine({.process = 0.02}, 3);
  LatencyPlan plan = QuickPlan();
  plan.rounds = 40;
  plan.SetProcesses(10, 0);
  const auto done = machine.MeasureCell({1, 1}, plan);
  EXPECT_EQ(done.size(), 10U);
  const Interval ratio = RatioIn(done, 1, 1);
  EXPECT_GT(std::log(ratio.high / ratio.low) / 2, 0.01);  // t 2.26 * 0.02 sqrt(2) / sqrt(10) = 0.02
}

// Preemption doubles the wall time of the long runs only: wall ratios are wrong, CPU ratios are
// not.
TEST(Protocol, CpuTimeHoldsWhereWallTimeIsContended) {
  Machine machine({.preempted = true}, 5);
  const auto done = machine.MeasureCell({1, 1, 0.5}, QuickPlan());
  EXPECT_LT(RatioIn(done, 2, 1).estimate, 0.3);
  EXPECT_NEAR(RatioIn(done, 2, 1, LapValue::kCpu).estimate, 0.5, 0.01);
  EXPECT_NEAR(ContentionOf(Arm(done, 0), Cell{}), 2, 0.01);
  Cell two;
  two.threads = 2;
  EXPECT_NEAR(ContentionOf(Arm(done, 0), two), 1, 1e-9);  // nobody waited
}

TEST(NextProcess, StopsByPrecisionByTimeOrAtTheMost) {
  Machine quiet({.process = 0.0005, .white = 0.001, .spikes = 0, .ramp = 0}, 1);
  EXPECT_EQ(quiet.MeasureCell({1, 1}, QuickPlan()).size(), 6U);
  Machine noisy({.process = 0.1}, 1);
  LatencyPlan plan = QuickPlan();
  plan.budget_ns = 5'000'000'000;
  const auto by_time = noisy.MeasureCell({1, 1}, plan);
  EXPECT_NE(NextProcess(plan, Cell{}, by_time).reason.find("5 s was used up"), std::string::npos);
  EXPECT_GE(by_time.size(), 3U);
  EXPECT_LT(by_time.size(), 12U);
  plan.budget_ns = 0;
  EXPECT_EQ(noisy.MeasureCell({1, 1}, plan).size(), 3U);
  plan = QuickPlan();
  plan.budget_ns *= 100;
  plan.max_processes = 8;
  EXPECT_EQ(noisy.MeasureCell({1, 1}, plan).size(), 8U);
  plan.SetProcesses(2, 0);
  EXPECT_EQ(noisy.MeasureCell({1, 1}, plan).size(), 2U);
  EXPECT_EQ(WideningOf(plan), 1);
}

// Kalibera and Jones: where runs scatter and processes do not, a process is worth more rounds.
TEST(NextProcess, MakesMoreRoundsWhereRunsScatter) {
  const auto rounds = [](const Noise& noise) {
    Machine machine(noise, 9);
    LatencyPlan plan = QuickPlan();
    plan.SetProcesses(6, 1000);
    std::vector<MeasuredProcess> done;
    for (int i = 0; i < 100; ++i) done.push_back(machine.Measure({1, 1}, plan));
    plan.budget_ns *= 100;
    plan.precision = 1e-6;
    return NextProcess(plan, Cell{}, done).rounds;
  };
  EXPECT_GE(rounds({.process = 0.0001, .white = 0.1}), 8);
  EXPECT_EQ(rounds({.process = 0.05, .white = 0.001, .spikes = 0}), 4);
}

TEST(RatioFromLogs, IsTheGeometricMeanWithAnInterval) {
  const Interval ratio = RatioFromLogs(std::vector<double>{std::log(0.5), std::log(2.0)});
  EXPECT_NEAR(ratio.estimate, 1, 1e-12);
  EXPECT_NEAR(ratio.low * ratio.high, 1, 1e-9);
  EXPECT_FALSE(RatioFromLogs(std::vector<double>{0.1}).valid());
  const Interval exact = RatioFromLogs(std::vector<double>{std::log(0.5), std::log(0.5)});
  EXPECT_NEAR(exact.low, 0.5, 1e-12);
}

// z = np.log([0.51, 0.5, 0.49, 0.505, 0.515, 0.498]); m = z.mean(); s = z.std(ddof=1);
// h = scipy.stats.t.ppf(0.975, 5) * s / np.sqrt(6); np.exp([m, m - h, m + h, m - 1.15 * h]).
// scipy 1.10.1.
TEST(RatioFromLogs, AgreesWithScipy) {
  std::vector<double> logs;
  for (const double ratio : {0.51, 0.5, 0.49, 0.505, 0.515, 0.498}) logs.push_back(std::log(ratio));
  const Interval interval = RatioFromLogs(logs);
  EXPECT_NEAR(interval.estimate, 0.5029336588103064, 1e-12);
  EXPECT_NEAR(interval.low, 0.49362741581836833, 1e-9);
  EXPECT_NEAR(interval.high, 0.5124153502393647, 1e-9);
  EXPECT_NEAR(RatioFromLogs(logs, 1.15).low, 0.49224641032950833, 1e-9);
}

TEST(RatioFromLogs, CountsProcessesThatResembleTheirNeighboursOnce) {
  std::vector<double> slow_wave;
  std::vector<double> alternating;
  for (int i = 0; i < 16; ++i) {
    slow_wave.push_back(0.01 * std::sin(i * 0.5));
    alternating.push_back(0.01 * (i % 2 == 0 ? 1 : -1));
  }
  const auto width = [](const std::vector<double>& logs) {
    const Interval ratio = RatioFromLogs(logs);
    const double plain =
        StudentT(0.975, 15) * Summarise(logs).stddev / 4;  // as if all were independent
    return std::log(ratio.high / ratio.low) / 2 / plain;
  };
  EXPECT_NEAR(width(alternating), 1, 1e-9);
  EXPECT_GT(width(slow_wave), 1.3);
}

// Processes of laps of one run; `ms` says how long lap `lap` of process `process` takes.
std::vector<LatencySamples> Processes(int processes, int laps,
                                      const std::function<double(int process, int lap)>& ms) {
  std::vector<LatencySamples> samples(static_cast<std::size_t>(processes));
  Random random(4);
  for (int process = 0; process < processes; ++process) {
    for (int lap = 0; lap < laps; ++lap) {
      const double noisy = ms(process, lap) * (1 + 0.003 * random.Normal());
      samples[static_cast<std::size_t>(process)].laps.push_back(
          {.cpu_ns = 1, .run_ns = {static_cast<std::int64_t>(noisy * 1e6)}});
    }
  }
  return samples;
}

TEST(PatternOf, TellsHowTimesMove) {
  const auto pattern = [](const std::function<double(int, int)>& ms) {
    return Name(PatternOf(Processes(8, 12, ms)));
  };
  EXPECT_EQ(pattern([](int, int) { return 5; }), "flat");
  EXPECT_EQ(pattern([](int, int lap) { return lap < 4 ? 5.5 : 5; }), "warm-up");
  EXPECT_EQ(pattern([](int, int lap) { return 5 + 0.05 * lap; }), "slowdown");
  EXPECT_EQ(pattern([](int process, int) { return process < 4 ? 5 : 5.6; }), "slowdown");
  EXPECT_EQ(pattern([](int process, int) { return process % 2 == 0 ? 5 : 5.6; }), "two speeds");
  EXPECT_EQ(pattern([](int process, int) {
              return std::array{5., 5.3, 5.9, 5.6}[static_cast<std::size_t>(process % 4)];
            }),
            "no steady state");
}

TEST(ChangePoints, AreThoseOfTheBestSegmentation) {
  Random random(8);
  std::vector<double> series;
  for (int i = 0; i < 120; ++i) {
    series.push_back((i < 30 ? 1.0 : i < 75 ? 2.0 : 1.5) + 0.1 * random.Normal());
  }
  const auto changes = ChangePoints(series);
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_NEAR(static_cast<double>(changes[0]), 30, 1);
  EXPECT_NEAR(static_cast<double>(changes[1]), 75, 1);
  series.resize(30);
  EXPECT_TRUE(ChangePoints(series).empty());
  EXPECT_TRUE(ChangePoints(std::vector<double>(50, 1.0)).empty());
}

TEST(MostAllowed, IsWhatChanceGivesAtFivePercent) {
  // scipy 1.10.1: stats.binom.ppf(0.95, n, 0.05)
  EXPECT_EQ(MostAllowed(100), 9);
  EXPECT_EQ(MostAllowed(20), 3);
  EXPECT_EQ(MostAllowed(1000), 62);
}

TEST(SummariseTrials, CountsMissesAndWrongVerdicts) {
  const auto session = [](Interval control, Interval planted, double contention) {
    TrialSession one;
    one.cell.control = control;
    one.cell.contention = contention;
    one.planted = {{1.02, planted}};
    one.naive = {1.1, 1.05, 1.15};
    return one;
  };
  const std::vector<TrialSession> sessions = {session({1, 0.99, 1.01}, {1.02, 1.01, 1.03}, 1),
                                              session({1.02, 1.01, 1.03}, {1.05, 1.04, 1.06}, 1.2),
                                              session({0.98, 0.97, 0.99}, {0.98, 0.97, 0.99}, 2)};
  const auto summaries = SummariseTrials(sessions);
  ASSERT_EQ(summaries.size(), 3U);
  EXPECT_EQ(summaries[0].missed, 2);
  EXPECT_EQ(summaries[0].judged, 2);
  EXPECT_EQ(summaries[0].wrong, 1);  // the third was not judged
  EXPECT_EQ(summaries[1].effect, "2 % slower");
  EXPECT_EQ(summaries[1].missed, 2);
  EXPECT_EQ(summaries[1].wrong, 0);
  EXPECT_NEAR(summaries[1].bias, (1.05 + 0.98 + 1.02) / 3 / 1.02 - 1, 1e-9);
  EXPECT_EQ(summaries[2].missed, 3);
}

}  // namespace ratio_test
}  // namespace quantbench
