// Plans and samples as JSON: what crosses to the worker and back, and what records keep.
#include <algorithm>
#include <array>
#include <numeric>

#include "quantbench/base/format.h"
#include "quantbench/measure.h"

namespace quantbench {
namespace {

// Sums over a lap stay within 64 bits whatever a record says.
constexpr std::int64_t kLongestRunNs = 10'000'000'000'000;  // three hours
constexpr std::size_t kMostRuns = 100'000;
constexpr std::array<std::string_view, 3> kEnds = {"steady", "moving", "too few runs"};

Json LapToJson(const Lap& lap) {
  return Json::MakeObject()
      .Set("start_ns", lap.start_ns)
      .Set("switch_ns", lap.switch_ns)
      .Set("cpu_ns", lap.cpu_ns)
      .Set("waited_ns", lap.waited_ns)
      .Set("preempted", lap.preempted)
      .Set("major_faults", lap.major_faults)
      .Set("run_ns", Json::List(lap.run_ns));
}

Result<Lap> LapFromJson(const Json& json) {
  Lap lap;
  lap.start_ns = json["start_ns"].AsInt();
  lap.switch_ns = json["switch_ns"].AsInt();
  lap.cpu_ns = json["cpu_ns"].AsInt();
  lap.waited_ns = json["waited_ns"].AsInt();
  lap.preempted = json["preempted"].AsInt();
  lap.major_faults = json["major_faults"].AsInt();
  for (const Json& run : json["run_ns"].AsArray()) {
    lap.run_ns.push_back(run.AsInt());
    if (lap.run_ns.back() < 1 || lap.run_ns.back() > kLongestRunNs) {
      return Error(ErrorCode::kMalformed, "latency samples: a run's time is not possible");
    }
  }
  if (lap.run_ns.empty() || lap.run_ns.size() > kMostRuns || lap.cpu_ns < 0 || lap.waited_ns < 0) {
    return Error(ErrorCode::kMalformed,
                 "latency samples: a lap without runs or with negative time");
  }
  return lap;
}

}  // namespace

std::string_view Name(WarmUpEnd end) {
  return kEnds[static_cast<std::size_t>(end)];
}

std::int64_t Lap::wall_ns() const {
  return std::accumulate(run_ns.begin(), run_ns.end(), std::int64_t{0});
}

void LatencyPlan::SetProcesses(int least, int most) {
  if (least > 0) processes = least;
  if (least > 0 && most == 0) max_processes = least;
  if (most > 0) max_processes = std::max(most, least);
  processes = std::min(processes, max_processes);
}

Json LatencyPlan::ToJson() const {
  return Json::MakeObject()
      .Set("repetitions", repetitions)
      .Set("processes", processes)
      .Set("max_processes", max_processes)
      .Set("precision", precision)
      .Set("budget_ns", budget_ns)
      .Set("rounds", rounds)
      .Set("lap_runs", lap_runs)
      .Set("warmup_ns", warmup_ns)
      .Set("max_warmup_ns", max_warmup_ns)
      .Set("seed", seed);
}

Result<LatencyPlan> LatencyPlan::FromJson(const Json& json) {
  LatencyPlan plan;
  plan.repetitions = static_cast<int>(json["repetitions"].AsInt(plan.repetitions));
  plan.processes = static_cast<int>(json["processes"].AsInt(plan.processes));
  plan.max_processes = static_cast<int>(json["max_processes"].AsInt(plan.max_processes));
  plan.precision = json["precision"].AsDouble(plan.precision);
  plan.budget_ns = json["budget_ns"].AsInt(plan.budget_ns);
  plan.rounds = static_cast<int>(json["rounds"].AsInt(plan.rounds));
  plan.lap_runs = static_cast<int>(json["lap_runs"].AsInt(plan.lap_runs));
  plan.warmup_ns = json["warmup_ns"].AsInt(plan.warmup_ns);
  plan.max_warmup_ns = json["max_warmup_ns"].AsInt(plan.max_warmup_ns);
  plan.seed = static_cast<std::uint64_t>(json["seed"].AsInt(1));
  if (plan.rounds < 1 || plan.lap_runs < 0) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("rounds must be at least 1 and runs a lap at least 0, not {} and {}",
                        plan.rounds, plan.lap_runs));
  }
  return plan;
}

Json LatencySamples::ToJson() const {
  Json list = Json::Array{};
  for (const Lap& lap : laps) list.Append(LapToJson(lap));
  return Json::MakeObject()
      .Set("load_ns", load_ns)
      .Set("first_run_ns", first_run_ns)
      .Set("warmup_runs", warmup_runs)
      .Set("warmup_ns", warmup_ns)
      .Set("warmup_end", Name(warmup_end))
      .Set("laps", std::move(list));
}

Result<LatencySamples> LatencySamples::FromJson(const Json& json) {
  LatencySamples samples;
  samples.load_ns = json["load_ns"].AsInt();
  samples.first_run_ns = json["first_run_ns"].AsInt();
  samples.warmup_runs = static_cast<int>(json["warmup_runs"].AsInt());
  samples.warmup_ns = json["warmup_ns"].AsInt();
  for (std::size_t i = 0; i < kEnds.size(); ++i) {
    if (json["warmup_end"].AsString() == kEnds[i]) samples.warmup_end = static_cast<WarmUpEnd>(i);
  }
  for (const Json& lap : json["laps"].AsArray()) {
    QB_TRY(Lap read, LapFromJson(lap));
    samples.laps.push_back(std::move(read));
  }
  if (samples.laps.empty()) return Error(ErrorCode::kMalformed, "latency samples: there are none");
  return samples;
}

Json Conditions::ToJson() const {
  return Json::MakeObject()
      .Set("frequency_khz", frequency_khz)
      .Set("temperature_mc", temperature_mc)
      .Set("throttled", throttled)
      .Set("under_voltage", under_voltage)
      .Set("steal_ms", steal_ms)
      .Set("quota_stopped_us", quota_stopped_us)
      .Set("swapped_pages", swapped_pages)
      .Set("pressure_us", pressure_us);
}

Conditions Conditions::FromJson(const Json& json) {
  Conditions conditions;
  conditions.frequency_khz = json["frequency_khz"].AsInt(-1);
  conditions.temperature_mc = json["temperature_mc"].AsInt(-1);
  conditions.throttled = json["throttled"].AsInt(-1);
  conditions.under_voltage = json["under_voltage"].AsInt(-1);
  conditions.steal_ms = json["steal_ms"].AsInt(-1);
  conditions.quota_stopped_us = json["quota_stopped_us"].AsInt(-1);
  conditions.swapped_pages = json["swapped_pages"].AsInt(-1);
  conditions.pressure_us = json["pressure_us"].AsInt(-1);
  return conditions;
}

}  // namespace quantbench
