// Evidence: from the rows of an analysis to the metric of a hypothesis.
#include "analyse/evidence.h"

#include <algorithm>
#include <cmath>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

const ArmLatency* FindTimed(const CellResult& cell, const std::string& name) {
  for (const ArmLatency& arm : cell.arms) {
    if (arm.arm == name && arm.outcome == Outcome::kOk) return &arm;
  }
  return nullptr;
}

// Over processes, between two variants process by process, as to the original.
Evidence LatencyRatio(const CellResult& cell, const std::string& over, const std::string& under) {
  const ArmLatency* top = FindTimed(cell, over);
  const ArmLatency* bottom = FindTimed(cell, under);
  if (top == nullptr || bottom == nullptr) return Missing(cell.reason);
  Evidence evidence;
  evidence.is_ratio = true;
  const ArmLatency* variant = under == kOriginal ? top : bottom;
  evidence.repeated = std::ssize(variant->log_ratios);
  if (under == kOriginal) {
    evidence.value = top->ratio;
  } else if (over == kOriginal) {
    evidence.value = bottom->speedup;
  } else {
    std::vector<double> logs;
    for (std::size_t i = 0; i < std::min(top->log_ratios.size(), bottom->log_ratios.size()); ++i) {
      logs.push_back(top->log_ratios[i] - bottom->log_ratios[i]);
    }
    evidence.repeated = std::ssize(logs);
    evidence.value = RatioFromLogs(logs, cell.widening);
  }
  return evidence;
}

// ms, or samples a second.
Evidence TimeOfArm(const CellResult& cell, const std::string& name, bool as_throughput) {
  const ArmLatency* arm = FindTimed(cell, name);
  if (arm == nullptr) return Missing(cell.reason);
  const double ms = cell.timebase == Timebase::kCpu ? arm->cpu_ms.mean : arm->ms.mean;
  const double doubt = arm->processes > 1 ? arm->doubt : kNaN;
  Evidence evidence;
  evidence.is_ratio = true;
  evidence.repeated = arm->processes;
  evidence.value = {ms, ms * std::exp(-doubt), ms * std::exp(doubt)};
  if (as_throughput) {
    const double samples = static_cast<double>(cell.cell.batch) * 1e3;
    evidence.value = {samples / ms, samples / evidence.value.high, samples / evidence.value.low};
  }
  return evidence;
}

double PeakOf(const Analysis& analysis, const std::string& model, const std::string& arm) {
  for (const CellResult& cell : analysis.cells) {
    if (cell.model != model) continue;
    for (const ArmMemory& memory : cell.memory) {
      if (memory.arm == arm && memory.outcome == Outcome::kOk && memory.peak > 0) {
        return static_cast<double>(memory.peak);
      }
    }
  }
  return kNaN;
}

double SqnrOf(const Analysis& analysis, const std::string& model, const std::string& variant) {
  for (const QuantizeResult& row : analysis.quantized) {
    if (row.model == model && row.variant == variant) return row.sqnr_db;
  }
  return kNaN;
}

Evidence Point(double value, bool is_ratio, std::string remark = "") {
  Evidence evidence;
  evidence.value.estimate = value;
  evidence.exact = true;
  evidence.is_ratio = is_ratio;
  evidence.remark = std::move(remark);
  return evidence;
}

const ArmAccuracy* FindScored(const Analysis& analysis, const std::string& model,
                              const std::string& arm) {
  for (const ArmAccuracy& row : analysis.accuracies) {
    if (row.model == model && row.arm == arm && row.outcome == Outcome::kOk) return &row;
  }
  return nullptr;
}

Evidence Plain(const Interval& value) {
  Evidence evidence;
  evidence.value = value;
  return evidence;
}

// Differences and agreements are kept against the original; either side may be it.
Evidence Paired(const Analysis& analysis, const std::string& model, Metric metric,
                const std::vector<std::string>& arms) {
  const bool first_is_original = arms[0] == kOriginal;
  const ArmAccuracy* row = FindScored(analysis, model, first_is_original ? arms[1] : arms[0]);
  if (row == nullptr) return {};
  if (!first_is_original && arms[1] != kOriginal) {
    return Missing("two variants are compared with the original only");
  }
  if (metric == Metric::kAgreement) return Plain(row->agreement);
  const Interval& d = row->difference;
  return Plain(first_is_original ? Interval{-d.estimate, -d.high, -d.low} : d);
}

// How many times better than the original an arm is in a scenario.
Evidence BetterIn(const Analysis& analysis, const std::string& model, Scenario scenario,
                  const std::string& name) {
  for (const ScenarioResult& result : analysis.scenarios) {
    if (result.cell.model != model || result.cell.cell.scenario != scenario) continue;
    for (const ScenarioArm& arm : result.arms) {
      if (arm.arm != name || arm.outcome != Outcome::kOk) continue;
      Evidence evidence = Plain(name == kOriginal ? Interval{1, 1, 1} : arm.better);
      evidence.repeated = arm.processes;
      evidence.remark = arm.reason;
      return evidence;
    }
  }
  return Missing(Format("scenario \"{}\" was not measured", Name(scenario)));
}

Evidence ScenarioRatio(const Analysis& analysis, const std::string& model, Scenario scenario,
                       const std::string& over, const std::string& under) {
  Evidence top = BetterIn(analysis, model, scenario, over);
  Evidence bottom = BetterIn(analysis, model, scenario, under);
  if (std::isnan(top.value.estimate)) return top;
  if (std::isnan(bottom.value.estimate)) return bottom;
  Evidence evidence = over == kOriginal ? bottom : top;
  evidence.value = Quotient(top.value, bottom.value);
  evidence.is_ratio = true;
  return evidence;
}

// Process by process, over all cells in which nobody else had the processor.
Evidence LoadRatio(const Analysis& analysis, const std::string& model, const std::string& over,
                   const std::string& under) {
  std::vector<double> logs;
  bool contended = false;
  for (const CellResult& cell : analysis.cells) {
    const ArmLatency* top = FindTimed(cell, over);
    const ArmLatency* bottom = FindTimed(cell, under);
    if (cell.model != model || top == nullptr || bottom == nullptr) continue;
    contended = contended || cell.contention > kContended;
    if (cell.contention > kContended) continue;
    for (std::size_t i = 0; i < std::min(top->load_logs.size(), bottom->load_logs.size()); ++i) {
      const double log = top->load_logs[i] - bottom->load_logs[i];
      if (std::isfinite(log)) logs.push_back(log);
    }
  }
  if (logs.empty()) {
    return Missing(contended ? "other processes had the processor wherever it was loaded" : "");
  }
  Evidence evidence;
  evidence.is_ratio = true;
  evidence.repeated = std::ssize(logs);
  evidence.value = RatioFromLogs(logs);
  return evidence;
}

}  // namespace

bool IsOfCells(Metric metric) {
  return metric == Metric::kLatencyRatio || metric == Metric::kLatency ||
         metric == Metric::kThroughput;
}

Evidence EvidenceIn(const CellResult& cell, Metric metric, const std::vector<std::string>& arms) {
  if (metric == Metric::kLatencyRatio) return LatencyRatio(cell, arms[0], arms[1]);
  return TimeOfArm(cell, arms[0], metric == Metric::kThroughput);
}

Evidence EvidenceOf(const Analysis& analysis, const std::string& model, Metric metric,
                    const std::vector<std::string>& arms) {
  switch (metric) {
    case Metric::kSizeRatio:
      return Point(BytesOf(analysis, model, arms[0]) / BytesOf(analysis, model, arms[1]), true);
    case Metric::kMemoryRatio:
      return Point(PeakOf(analysis, model, arms[0]) / PeakOf(analysis, model, arms[1]), true,
                   "measured once");
    case Metric::kSqnr: return Point(SqnrOf(analysis, model, arms[0]), false);
    case Metric::kAccuracy: {
      const ArmAccuracy* row = FindScored(analysis, model, arms[0]);
      return row == nullptr ? Evidence{} : Plain(row->top1);
    }
    case Metric::kAccuracyDifference:
    case Metric::kAgreement: return Paired(analysis, model, metric, arms);
    case Metric::kOfflineRatio:
      return ScenarioRatio(analysis, model, Scenario::kOffline, arms[0], arms[1]);
    case Metric::kServerRatio:
      return ScenarioRatio(analysis, model, Scenario::kServer, arms[0], arms[1]);
    // What is better takes less.
    case Metric::kEndToEndRatio:
      return ScenarioRatio(analysis, model, Scenario::kEndToEnd, arms[1], arms[0]);
    case Metric::kEnergyRatio:
      return ScenarioRatio(analysis, model, Scenario::kEnergy, arms[1], arms[0]);
    case Metric::kLoadRatio: return LoadRatio(analysis, model, arms[0], arms[1]);
    case Metric::kLatencyRatio:
    case Metric::kLatency:
    case Metric::kThroughput: break;
  }
  return {};
}

Evidence ChangeBetween(const Analysis& analysis, const CellResult* cell, const std::string& model,
                       Metric metric, const std::string& from, const std::string& to) {
  if (cell != nullptr) {
    return metric == Metric::kThroughput ? LatencyRatio(*cell, from, to)
                                         : LatencyRatio(*cell, to, from);
  }
  if (metric == Metric::kAccuracy || metric == Metric::kAccuracyDifference) {
    const ArmAccuracy* first = FindScored(analysis, model, from);
    const ArmAccuracy* second = FindScored(analysis, model, to);
    if (first == nullptr || second == nullptr) return {};
    if (from == kOriginal || to == kOriginal) {
      return Paired(analysis, model, Metric::kAccuracyDifference, {to, from});
    }
    const Interval& a = first->difference;
    const Interval& b = second->difference;
    const double half = std::hypot((a.high - a.low) / 2, (b.high - b.low) / 2);
    const double change = b.estimate - a.estimate;
    return Plain({change, change - half, change + half});
  }
  if (metric == Metric::kSqnr) {
    return Point(SqnrOf(analysis, model, to) - SqnrOf(analysis, model, from), false);
  }
  return EvidenceOf(analysis, model, metric, {to, from});
}

Evidence Missing(std::string remark) {
  Evidence evidence;
  evidence.remark = std::move(remark);
  return evidence;
}

double BytesOf(const Analysis& analysis, const std::string& model, const std::string& arm) {
  for (const ArmSize& size : analysis.sizes) {
    if (size.model == model && size.arm == arm) return static_cast<double>(size.size.total_bytes());
  }
  return kNaN;
}

Interval Quotient(const Interval& later, const Interval& earlier) {
  const double estimate = later.estimate / earlier.estimate;
  const auto half = [](const Interval& value) { return std::log(value.high / value.low) / 2; };
  const double doubt = std::hypot(half(later), half(earlier));
  return {estimate, estimate * std::exp(-doubt), estimate * std::exp(doubt)};
}

double PlaceOf(double value, bool is_ratio) {
  return is_ratio ? std::log(value) : value;
}

double HalfOf(const Evidence& evidence) {
  if (evidence.exact) return 0;
  if (!evidence.value.valid()) return kNaN;
  return (PlaceOf(evidence.value.high, evidence.is_ratio) -
          PlaceOf(evidence.value.low, evidence.is_ratio)) /
         2;
}

}  // namespace quantbench
