// The sustained scenario: all arms in turn for minutes.
#include <algorithm>

#include "quantbench/measure.h"

#include "measure/warm_up.h"

namespace quantbench {
namespace {

constexpr std::int64_t kLeastLapNs = 20'000'000;
constexpr std::int64_t kLongestLapNs = 100'000'000;
constexpr std::int64_t kLapsInAll = 1000;  // of an arm, or more
constexpr std::int64_t kConditionsNs = 1'000'000'000;
constexpr int kOrders = 64;  // drawn at a time

Result<SustainedLap> MakeSustainedLap(const Pass& pass, std::int64_t runs, const Clock& clock) {
  SustainedLap lap;
  lap.runs = runs;
  lap.start_ns = clock.NowNs();
  const std::int64_t cpu = clock.CpuNs();
  for (std::int64_t run = 0; run < runs; ++run) QB_OK(pass());
  lap.wall_ns = std::max<std::int64_t>(1, clock.NowNs() - lap.start_ns);
  lap.cpu_ns = clock.CpuNs() - cpu;
  return lap;
}

}  // namespace

Result<SustainedSamples> MeasureSustained(const std::vector<Pass>& arms, const SustainedPlan& plan,
                                          const Clock& clock, const Sensors& sensors,
                                          Progress& progress) {
  SustainedSamples samples;
  samples.arms.resize(arms.size());
  const std::int64_t share =
      plan.duration_ns / (kLapsInAll * std::max<std::int64_t>(1, std::ssize(arms)));
  const std::int64_t lap_ns = std::clamp(share, kLeastLapNs, kLongestLapNs);
  std::vector<std::int64_t> runs;
  for (const Pass& pass : arms) {
    LatencySamples warmed;
    QB_TRY(const std::int64_t run_ns, WarmUp(pass, {}, clock, &warmed));
    runs.push_back(std::max<std::int64_t>(1, lap_ns / run_ns));
  }
  const std::int64_t begin = clock.NowNs();
  std::int64_t known = begin - kConditionsNs;
  for (std::uint64_t block = 0; clock.NowNs() - begin < plan.duration_ns; ++block) {
    for (const auto& order : OrderRounds(arms.size(), kOrders, plan.seed + block)) {
      const std::int64_t now = clock.NowNs() - begin;
      if (now >= plan.duration_ns) break;
      if (begin + now - known >= kConditionsNs) {
        known = begin + now;
        samples.conditions.emplace_back(now, sensors.ReadConditions());
        progress.Update("sustained, seconds", now / 1'000'000'000,
                        plan.duration_ns / 1'000'000'000);
      }
      for (const std::size_t arm : order) {
        QB_TRY(SustainedLap lap, MakeSustainedLap(arms[arm], runs[arm], clock));
        lap.start_ns -= begin;
        samples.arms[arm].push_back(lap);
      }
    }
  }
  return samples;
}

}  // namespace quantbench
