// Gathering a cell: raw laps become times, ratios with intervals, and what they are worth.
#include <algorithm>
#include <cmath>

#include "quantbench/base/format.h"

#include "analyse/gather.h"
#include "analyse/unknown.h"

namespace quantbench {
namespace {

// A process's samples of one arm; broken ones are left out.
std::vector<LatencySamples> ProcessesOf(const Json& arm) {
  std::vector<LatencySamples> processes;
  for (const Json& json : arm["processes"].AsArray()) {
    auto samples = LatencySamples::FromJson(json);
    if (samples.ok()) processes.push_back(std::move(samples).value());
  }
  return processes;
}

double Ms(std::int64_t ns) {
  return static_cast<double>(ns) * 1e-6;
}

// How far the mean of all runs may be off, relative: Student's t over the processes' means; of one
// process over its runs.
double DoubtOf(const std::vector<double>& means, const Summary& runs) {
  const Summary summary = means.size() > 1 ? Summarise(means) : runs;
  if (summary.n < 2) return 0;
  const auto n = static_cast<double>(summary.n);
  return StudentT(0.975, n - 1) * summary.stddev / std::sqrt(n) / summary.mean;
}

// Times of one arm, all processes together.
void GatherTimes(const std::vector<LatencySamples>& processes, ArmLatency* row) {
  std::vector<double> runs;
  std::vector<double> cpu;
  std::vector<double> switches;
  std::vector<double> loads;
  std::vector<double> firsts;
  std::vector<double> warmups;
  std::vector<double> means;
  for (const LatencySamples& process : processes) {
    const std::size_t before = runs.size();
    for (const Lap& lap : process.laps) {
      for (const std::int64_t run : lap.run_ns) runs.push_back(Ms(run));
      cpu.push_back(Ms(lap.cpu_ns) / static_cast<double>(lap.run_ns.size()));
      if (lap.switch_ns > 0) switches.push_back(Ms(lap.switch_ns));
    }
    means.push_back(Summarise(std::span(runs).subspan(before)).mean);
    loads.push_back(Ms(process.load_ns));
    firsts.push_back(Ms(process.first_run_ns));
    warmups.push_back(process.warmup_runs);
    row->unsteady += process.warmup_end == WarmUpEnd::kMoving ? 1 : 0;
  }
  row->ms = Summarise(runs);
  row->doubt = DoubtOf(means, row->ms);
  row->percentiles = ValidPercentiles(runs);
  row->cpu_ms = Summarise(cpu);
  row->processes = static_cast<std::int64_t>(processes.size());
  row->load_ms = Summarise(loads).median;
  row->first_run_ms = Summarise(firsts).median;
  row->switch_ms = Summarise(switches).median;
  row->warmup_runs = Summarise(warmups).median;
}

// ln(time to load / the original's) of every process.
std::vector<double> LoadLogs(const std::vector<LatencySamples>& processes,
                             const std::vector<LatencySamples>& original) {
  std::vector<double> logs;
  for (std::size_t i = 0; i < std::min(processes.size(), original.size()); ++i) {
    logs.push_back(std::log(static_cast<double>(processes[i].load_ns) /
                            static_cast<double>(original[i].load_ns)));
  }
  return logs;
}

double RelativeHalf(const Interval& ratio) {
  return ratio.valid() ? std::log(ratio.high / ratio.low) / 2 : kNaN;
}

bool Disagree(const Interval& a, const Interval& b) {
  const double joint = std::hypot(RelativeHalf(a), RelativeHalf(b));
  return std::fabs(std::log(a.estimate / b.estimate)) > joint;  // false where one is unknown
}

void GatherRatios(const std::vector<LatencySamples>& processes,
                  const std::vector<LatencySamples>& original, const CellResult& cell,
                  ArmLatency* row) {
  if (row->arm == kOriginal) {
    row->ratio = row->wall_ratio = row->cpu_ratio = row->speedup = {1, 1, 1};
    row->log_ratios.assign(processes.size(), 0);
    return;
  }
  const auto wall = LogRatios(processes, original, LapValue::kWallMean);
  const auto cpu = LogRatios(processes, original, LapValue::kCpu);
  row->wall_ratio = RatioFromLogs(wall, cell.widening);
  row->cpu_ratio = RatioFromLogs(cpu, cell.widening);
  const Interval medians =
      RatioFromLogs(LogRatios(processes, original, LapValue::kWallMedian), cell.widening);
  row->estimators_disagree = Disagree(row->wall_ratio, medians);
  const bool on_cpu = cell.timebase == Timebase::kCpu;
  row->log_ratios = on_cpu ? cpu : wall;
  row->ratio = Discounted(on_cpu ? row->cpu_ratio : row->wall_ratio, cell);
  row->speedup = {1 / row->ratio.estimate, 1 / row->ratio.high, 1 / row->ratio.low};
}

ArmLatency GatherArm(const Json& arm, const std::vector<LatencySamples>& original,
                     const CellResult& cell) {
  ArmLatency row;
  row.arm = arm["arm"].AsString();
  const auto outcome = ParseOutcome(arm["outcome"].AsString());
  row.outcome = outcome.ok() ? outcome.value() : Outcome::kFailed;
  row.reason = arm["reason"].AsString();
  const std::vector<LatencySamples> processes = ProcessesOf(arm);
  if (row.outcome == Outcome::kOk && processes.empty()) {
    row.outcome = Outcome::kFailed;
    row.reason = "the record holds no samples that this version can read: measure again";
  }
  if (row.outcome != Outcome::kOk) return row;
  GatherTimes(processes, &row);
  row.load_logs = LoadLogs(processes, original);
  row.pattern = PatternOf(processes);
  row.samples_per_s = static_cast<double>(cell.cell.batch) / (row.ms.mean * 1e-3);
  GatherRatios(processes, original, cell, &row);
  return row;
}

// What the whole cell says about how far its times can be trusted.
void GatherTrust(const Json::Array& arms, const std::vector<LatencySamples>& original,
                 CellResult* cell) {
  std::vector<LatencySamples> all;
  std::vector<LatencySamples> control;
  for (const Json& arm : arms) {
    std::vector<LatencySamples> processes = ProcessesOf(arm);
    const bool fine = arm["outcome"].AsString() == Name(Outcome::kOk);
    if (arm["arm"].AsString() == kControl && fine) control = processes;
    all.insert(all.end(), processes.begin(), processes.end());
  }
  cell->contention = ContentionOf(all, cell->cell);
  cell->timebase = cell->contention > kContended ? Timebase::kCpu : Timebase::kWall;
  const LapValue value = cell->timebase == Timebase::kCpu ? LapValue::kCpu : LapValue::kWallMean;
  cell->control = control.empty()
                      ? kUnknown
                      : RatioFromLogs(LogRatios(control, original, value), cell->widening);
}

std::uint64_t Above(std::uint64_t bytes, std::uint64_t baseline) {
  return bytes > baseline ? bytes - baseline : 0;
}

ArmMemory GatherArmMemory(const Json& arm, const MemoryUse& baseline) {
  ArmMemory row;
  row.arm = arm["arm"].AsString();
  const auto outcome = ParseOutcome(arm["outcome"].AsString());
  row.outcome = outcome.ok() ? outcome.value() : Outcome::kFailed;
  row.reason = arm["reason"].AsString();
  const MemoryUse loaded = MemoryUse::FromJson(arm["loaded"]);
  const MemoryUse first = MemoryUse::FromJson(arm["first_run"]);
  const MemoryUse steady = MemoryUse::FromJson(arm["steady"]);
  row.loaded = Above(loaded.resident, baseline.resident);
  row.steady = Above(steady.resident, baseline.resident);
  row.anonymous = Above(steady.anonymous, baseline.anonymous);
  row.file_backed = Above(steady.file_backed(), baseline.file_backed());
  row.peak = Above(std::max({loaded.peak, first.peak, steady.peak}), baseline.resident);
  row.cold_load_ms = Ms(arm["cold_load_ns"].AsInt());
  row.warm_load_ms = Ms(arm["warm_load_ns"].AsInt());
  return row;
}

void GatherMemory(const Json& memory, CellResult* cell) {
  const MemoryUse baseline = MemoryUse::FromJson(memory["baseline"]);
  for (const Json& arm : memory["arms"].AsArray()) {
    // An arm of another engine has a baseline of its own.
    cell->memory.push_back(GatherArmMemory(
        arm, arm.Has("baseline") ? MemoryUse::FromJson(arm["baseline"]) : baseline));
  }
}

void GatherWork(const Json& works, CellResult* cell) {
  for (const Json& work : works.AsArray()) {
    for (ArmLatency& arm : cell->arms) {
      if (arm.arm != work["arm"].AsString()) continue;
      arm.work = ModelWork::FromJson(work);
      const double least_ns = work["roofline"]["least_ns"].AsDouble();
      if (!std::isfinite(least_ns) || least_ns <= 0) continue;
      arm.least_ms = least_ns * 1e-6;
      arm.roof = work["roofline"]["roof"].AsString();
    }
  }
}

}  // namespace

Interval Discounted(const Interval& ratio, const CellResult& cell) {
  if (!cell.control_failed()) return ratio;
  const double off = std::exp(std::fabs(std::log(cell.control.estimate)));
  return {ratio.estimate, ratio.low / off, ratio.high * off};
}

double CellResult::resolution() const {
  if (!control.valid()) return kNaN;
  return std::max(std::fabs(control.high - 1), std::fabs(1 - control.low));
}

bool CellResult::control_failed() const {
  return control.valid() && (control.low > 1 || control.high < 1);
}

std::string DescribeResolution(const CellResult& cell) {
  const double percent = cell.resolution() * 100;
  if (std::isnan(percent)) return "";
  return Format("differences below {} % {}cannot be seen on this device today",
                percent < 10 ? Format("{:.2g}", percent) : Format("{:.0f}", percent),
                cell.timebase == Timebase::kCpu ? "of CPU time " : "");
}

CellResult GatherCell(const Study& study, const Record& record) {
  CellResult cell;
  cell.model = record.what.model;
  cell.cell = record.what.cell;
  cell.outcome = record.outcome;
  cell.reason = record.reason;
  cell.input = record.results["input"].AsString();
  cell.stopped = record.results["stopped"].AsString();
  // A fixed number of processes has none; nothing else a record may say is believed.
  const double widening = record.results["widening"].AsDouble();
  cell.widening = widening >= 1 && widening <= 10 ? widening : 1;
  const Json::Array& arms = record.results["arms"].AsArray();
  std::vector<LatencySamples> original;
  for (const Json& arm : arms) {
    if (arm["arm"].AsString() == kOriginal) original = ProcessesOf(arm);
  }
  GatherTrust(arms, original, &cell);
  GatherMemory(record.results["memory"], &cell);
  for (const Json& arm : arms) {
    if (arm["arm"].AsString() != kControl) cell.arms.push_back(GatherArm(arm, original, cell));
  }
  GatherWork(record.results["work"], &cell);
  std::stable_sort(cell.arms.begin(), cell.arms.end(),
                   [&](const ArmLatency& a, const ArmLatency& b) {
                     return OrderOf(study, a.arm) < OrderOf(study, b.arm);
                   });
  return cell;
}

}  // namespace quantbench
