// Gathering scenarios: what each arm did, and how that compares with the original.
#include <algorithm>
#include <cmath>
#include <functional>

#include "analyse/gather.h"
#include "analyse/scenario_parts.h"
#include "analyse/unknown.h"

namespace quantbench {
namespace {

Interval Times(const Interval& ratio, double factor) {
  return {ratio.estimate * factor, ratio.low * factor, ratio.high * factor};
}

// --- offline and end to end: measured as cells are ---

// Mean of one part over all passes of all processes, ms.
double PartOf(const Json& arm, std::string_view part) {
  double sum = 0;
  double count = 0;
  for (const Json& process : arm["processes"].AsArray()) {
    for (const Json& ns : process["parts"][part].AsArray()) {
      sum += ns.AsDouble();
      count += 1;
    }
  }
  return count > 0 ? sum / count * 1e-6 : kNaN;
}

// ln of the mean time of the forward pass, process by process.
std::vector<double> LogRuns(const Json& arm) {
  std::vector<double> logs;
  for (const Json& process : arm["processes"].AsArray()) {
    double sum = 0;
    for (const Json& ns : process["parts"]["run_ns"].AsArray()) sum += ns.AsDouble();
    const auto count = static_cast<double>(process["parts"]["run_ns"].AsArray().size());
    logs.push_back(std::log(sum / count));
  }
  return logs;
}

Interval RunFaster(const Json& arm, const Json& original) {
  const std::vector<double> mine = LogRuns(arm);
  const std::vector<double> theirs = LogRuns(original);
  std::vector<double> logs;
  for (std::size_t i = 0; i < std::min(mine.size(), theirs.size()); ++i) {
    if (std::isfinite(theirs[i] - mine[i])) logs.push_back(theirs[i] - mine[i]);
  }
  return RatioFromLogs(logs);
}

void GatherLikeCell(const Study& study, const Record& record, ScenarioResult* result) {
  result->cell = GatherCell(study, record);
  const bool offline = record.what.cell.scenario == Scenario::kOffline;
  const Json& batches = record.results["batches"];
  const auto batch_of = [&](const std::string& arm) {
    return offline ? std::max<std::int64_t>(1, batches[arm].AsInt(1)) : record.what.cell.batch;
  };
  const auto original_batch = static_cast<double>(batch_of(std::string(kOriginal)));
  for (const ArmLatency& arm : result->cell.arms) {
    ScenarioArm row;
    row.arm = arm.arm;
    row.outcome = arm.outcome;
    row.reason = arm.reason;
    row.processes = arm.processes;
    row.batch = batch_of(arm.arm);
    const auto batch = static_cast<double>(row.batch);
    row.better = arm.arm == kOriginal ? kItself : Times(arm.speedup, batch / original_batch);
    row.value = {offline ? batch / (arm.ms.mean * 1e-3) : arm.ms.mean, kNaN, kNaN};
    row.doubt = arm.doubt;
    if (offline) row.batches = BatchesTried(record, arm.arm);
    if (!offline) {
      const Json& raw = ArmNamed(record, arm.arm);
      row.parts = {PartOf(raw, "load_ns"), PartOf(raw, "preprocess_ns"), PartOf(raw, "copy_ns"),
                   PartOf(raw, "run_ns")};
      row.run_faster = arm.arm == kOriginal ? kItself : RunFaster(raw, ArmNamed(record, kOriginal));
    }
    result->arms.push_back(std::move(row));
  }
  result->cell.arms.clear();
}

// --- server ---

std::vector<ServerSamples> ServedBy(const Json& arm) {
  std::vector<ServerSamples> processes;
  for (const Json& json : arm["processes"].AsArray()) {
    auto samples = ServerSamples::FromJson(json);
    if (samples.ok()) processes.push_back(std::move(samples).value());
  }
  return processes;
}

// ln(rate / rate of the original) of the processes in which both were met.
Interval RateRatio(std::span<const ServerSamples> arm, std::span<const ServerSamples> original) {
  std::vector<double> logs;
  for (std::size_t i = 0; i < std::min(arm.size(), original.size()); ++i) {
    const double log = std::log(arm[i].rate / original[i].rate);
    if (std::isfinite(log)) logs.push_back(log);
  }
  return RatioFromLogs(logs);
}

// The 99th percentile of latencies at the highest rate that was met, ms.
double PercentileAtRate(const ServerSamples& process) {
  for (const RateTrial& trial : process.trials) {
    if (!trial.met || trial.rate != process.rate) continue;
    std::vector<double> ms;
    for (const std::int64_t ns : trial.latency_ns) ms.push_back(static_cast<double>(ns) * 1e-6);
    for (const Percentile& percentile : ValidPercentiles(ms)) {
      if (percentile.percent == 99) return percentile.value;
    }
  }
  return kNaN;
}

void FillServed(std::span<const ServerSamples> processes, ScenarioArm* row) {
  std::vector<double> rates;
  std::vector<double> logs;
  std::vector<double> services;
  std::vector<double> percentiles;
  for (const ServerSamples& process : processes) {
    rates.push_back(process.rate);
    if (process.rate > 0) logs.push_back(std::log(process.rate));
    services.push_back(static_cast<double>(process.service_ns) * 1e-6);
    if (const double p99 = PercentileAtRate(process); !std::isnan(p99)) percentiles.push_back(p99);
    row->trials += static_cast<std::int64_t>(process.trials.size());
  }
  row->processes = static_cast<std::int64_t>(processes.size());
  row->value = logs.size() == rates.size() ? RatioFromLogs(logs)
                                           : Interval{Summarise(rates).mean, kNaN, kNaN};
  row->service_ms = Summarise(services).mean;
  row->p99_ms = percentiles.empty() ? kNaN : Summarise(percentiles).median;
  if (logs.empty()) row->reason = "no rate was met: the target is too short for it";
}

void GatherServed(const Record& record, ScenarioResult* result) {
  const Json& plan = record.results["plan"];
  result->target_ms = plan["target_ns"].AsDouble() * 1e-6;
  result->queries = plan["queries"].AsInt();
  const auto original = ServedBy(ArmNamed(record, kOriginal));
  result->cell.control = RateRatio(ServedBy(ArmNamed(record, kControl)), original);
  for (const Json& arm : record.results["arms"].AsArray()) {
    if (arm["arm"].AsString() == kControl) continue;
    ScenarioArm row = HeadOf(arm);
    const auto processes = ServedBy(arm);
    if (row.outcome == Outcome::kOk && processes.empty()) Unreadable(&row);
    if (row.outcome == Outcome::kOk) {
      FillServed(processes, &row);
      row.rates = RatesTried(processes, plan["allowed_late"].AsInt());
      row.better = row.arm == kOriginal
                       ? kItself
                       : AsWideAsControl(RateRatio(processes, original), result->cell.control);
    }
    result->arms.push_back(std::move(row));
  }
}

// --- sustained ---

std::vector<SustainedLap> LapsOf(const Json& arm) {
  const Json::Array& processes = arm["processes"].AsArray();
  if (processes.empty()) return {};
  auto laps = SustainedLapsFromJson(processes.front());
  return laps.ok() ? std::move(laps).value() : std::vector<SustainedLap>();
}

double MeanOfLaps(std::span<const SustainedLap> laps) {
  double ns = 0;
  double runs = 0;
  for (const SustainedLap& lap : laps) {
    ns += static_cast<double>(lap.wall_ns);
    runs += static_cast<double>(lap.runs);
  }
  return runs > 0 ? ns / runs * 1e-6 : kNaN;
}

void GatherSustained(const Record& record, ScenarioResult* result) {
  result->duration_s = record.results["plan"]["duration_ns"].AsDouble() * 1e-9;
  const auto original = LapsOf(ArmNamed(record, kOriginal));
  result->cell.control = ChangeOf(LapsOf(ArmNamed(record, kControl)), original).ratio_last;
  for (const Json& arm : record.results["arms"].AsArray()) {
    if (arm["arm"].AsString() == kControl) continue;
    ScenarioArm row = HeadOf(arm);
    const auto laps = LapsOf(arm);
    if (row.outcome == Outcome::kOk && laps.empty()) Unreadable(&row);
    if (row.outcome == Outcome::kOk) {
      const SustainedChange change = ChangeOf(laps, original);
      result->window_s = change.window_s;
      row.processes = 1;
      row.value = {MeanOfLaps(laps), kNaN, kNaN};
      row.first_ms = change.first_ms;
      row.last_ms = change.last_ms;
      row.slowdown = change.slowdown;
      row.course = CourseOf(laps, original);
      const bool itself = row.arm == kOriginal;
      row.better_first = itself ? kItself : Inverse(Discounted(change.ratio_first, result->cell));
      row.better = row.better_last =
          itself ? kItself : Inverse(Discounted(change.ratio_last, result->cell));
    }
    result->arms.push_back(std::move(row));
  }
}

}  // namespace

ScenarioResult GatherScenario(const Study& study, const Record& record) {
  ScenarioResult result;
  result.cell.control = kUnknown;
  switch (record.what.cell.scenario) {
    case Scenario::kServer: GatherServed(record, &result); break;
    case Scenario::kSustained: GatherSustained(record, &result); break;
    case Scenario::kEnergy: GatherEnergy(study, record, &result); break;
    case Scenario::kOffline:
    case Scenario::kEndToEnd:
    case Scenario::kSingleStream: GatherLikeCell(study, record, &result); break;
  }
  result.cell.model = record.what.model;
  result.cell.cell = record.what.cell;
  result.cell.outcome = record.outcome;
  result.cell.reason = record.reason;
  result.cell.input = record.results["input"].AsString();
  std::stable_sort(result.arms.begin(), result.arms.end(),
                   [&](const ScenarioArm& a, const ScenarioArm& b) {
                     return OrderOf(study, a.arm) < OrderOf(study, b.arm);
                   });
  return result;
}

}  // namespace quantbench
