// Latency: interleaved laps of forward passes, all arms in every round.
#include <algorithm>

#include "quantbench/measure.h"

#include "measure/warm_up.h"

namespace quantbench {
namespace {

constexpr std::int64_t kLapNs = 20'000'000;
constexpr std::int64_t kLongRunNs = 100'000'000;  // from here on one run is a lap
constexpr std::int64_t kLeastLapRuns = 3;
constexpr std::int64_t kMostLapRuns = 200;
constexpr std::int64_t kSameLapFactor = 4;  // times farther apart than this have laps of their own

// How one arm's laps are made.
struct LapShape {
  int runs = 1;
  bool switch_run = false;  // one more before them, kept apart
};

LapShape ShapeFor(std::int64_t run_ns, const LatencyPlan& plan) {
  if (plan.lap_runs > 0) return {plan.lap_runs, false};
  if (run_ns >= kLongRunNs) return {1, false};
  const std::int64_t runs = (kLapNs + run_ns - 1) / run_ns;
  return {static_cast<int>(std::clamp(runs, kLeastLapRuns, kMostLapRuns)), true};
}

// The same laps for all arms, after the slowest, unless their times are far apart.
std::vector<LapShape> ShapesFor(const std::vector<std::int64_t>& run_ns, const LatencyPlan& plan) {
  std::vector<LapShape> shapes;
  if (run_ns.empty()) return shapes;
  const auto [least, most] = std::minmax_element(run_ns.begin(), run_ns.end());
  const bool alike = *most <= kSameLapFactor * *least;
  for (const std::int64_t ns : run_ns) shapes.push_back(ShapeFor(alike ? *most : ns, plan));
  return shapes;
}

// So many that every arm has its repetitions.
int RoundsFor(const std::vector<LapShape>& shapes, const LatencyPlan& plan) {
  int rounds = plan.rounds;
  for (const LapShape& shape : shapes) {
    rounds = std::max(rounds, (plan.repetitions + shape.runs - 1) / shape.runs);
  }
  return rounds;
}

Result<Lap> MakeLap(const Pass& pass, const LapShape& shape, const Clock& clock,
                    const Sensors& sensors) {
  Lap lap;
  lap.run_ns.resize(static_cast<std::size_t>(shape.runs));
  const Usage before = sensors.ReadUsage();  // files are read: before the run that is kept apart
  if (shape.switch_run) {
    const std::int64_t start = clock.NowNs();
    QB_OK(pass());
    lap.switch_ns = std::max<std::int64_t>(1, clock.NowNs() - start);
  }
  const std::int64_t cpu = clock.CpuNs();
  std::int64_t last = clock.NowNs();
  lap.start_ns = last;
  for (std::int64_t& run : lap.run_ns) {
    if (auto status = pass(); !status.ok()) return status.error();
    const std::int64_t now = clock.NowNs();
    run = std::max<std::int64_t>(1, now - last);
    last = now;
  }
  lap.cpu_ns = clock.CpuNs() - cpu;
  const Usage after = sensors.ReadUsage();
  lap.waited_ns = std::max<std::int64_t>(0, after.waited_ns - before.waited_ns);
  lap.preempted = after.preempted - before.preempted;
  lap.major_faults = after.major_faults - before.major_faults;
  return lap;
}

}  // namespace

Result<ProcessSamples> MeasureInterleaved(const std::vector<Pass>& arms, const LatencyPlan& plan,
                                          const Clock& clock, const Sensors& sensors,
                                          Progress& progress) {
  ProcessSamples process;
  process.arms.resize(arms.size());
  const std::int64_t begin = clock.NowNs();
  std::vector<std::int64_t> run_ns(arms.size());
  const std::vector<std::size_t> first = OrderRounds(arms.size(), 1, plan.seed).front();
  for (const std::size_t arm : first) {
    QB_TRY(run_ns[arm], WarmUp(arms[arm], plan, clock, &process.arms[arm]));
  }
  const std::vector<LapShape> shapes = ShapesFor(run_ns, plan);
  const int rounds = RoundsFor(shapes, plan);
  const auto orders = OrderRounds(arms.size(), rounds, plan.seed);
  for (LatencySamples& samples : process.arms) samples.laps.reserve(orders.size());
  process.conditions.push_back(sensors.ReadConditions());
  const std::int64_t start = clock.NowNs();
  std::int64_t done = 0;
  for (const auto& order : orders) {
    for (const std::size_t arm : order) {
      QB_TRY(Lap lap, MakeLap(arms[arm], shapes[arm], clock, sensors));
      lap.start_ns -= begin;
      process.arms[arm].laps.push_back(std::move(lap));
    }
    process.conditions.push_back(sensors.ReadConditions());
    progress.Update("measuring", ++done, rounds);
  }
  process.rounds_ns = clock.NowNs() - start;
  return process;
}

}  // namespace quantbench
