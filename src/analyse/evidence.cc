// Evidence: from the rows of an analysis to the metric of a hypothesis.
#include "analyse/evidence.h"

#include <algorithm>
#include <cmath>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

Evidence Missing(std::string remark) {
  Evidence evidence;
  evidence.remark = std::move(remark);
  return evidence;
}

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

double BytesOf(const Analysis& analysis, const std::string& model, const std::string& arm) {
  for (const ArmSize& size : analysis.sizes) {
    if (size.model == model && size.arm == arm) return static_cast<double>(size.size.total_bytes());
  }
  return kNaN;
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

// `later` over `earlier`, as if they were independent, which pairs are at worst.
Interval Quotient(const Interval& later, const Interval& earlier) {
  const double estimate = later.estimate / earlier.estimate;
  const auto half = [](const Interval& value) { return std::log(value.high / value.low) / 2; };
  const double doubt = std::hypot(half(later), half(earlier));
  return {estimate, estimate * std::exp(-doubt), estimate * std::exp(doubt)};
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

Evidence SlopeOnSize(const Analysis& analysis, const CellResult& cell,
                     const std::vector<std::string>& arms) {
  constexpr double kSameSize = 1e-3;
  const double original = BytesOf(analysis, cell.model, std::string(kOriginal));
  std::vector<double> products;  // of x and y, summed over variants; one a process
  double squares = 0;
  for (const ArmLatency& arm : cell.arms) {
    const bool wanted = arms.empty() || std::find(arms.begin(), arms.end(), arm.arm) != arms.end();
    const double x = std::log(BytesOf(analysis, cell.model, arm.arm) / original);
    const bool usable = arm.outcome == Outcome::kOk && arm.arm != kOriginal &&
                        !arm.log_ratios.empty() && std::fabs(x) > kSameSize;
    if (!wanted || !usable) continue;
    products.resize(products.empty() ? arm.log_ratios.size()
                                     : std::min(products.size(), arm.log_ratios.size()));
    for (std::size_t i = 0; i < products.size(); ++i) products[i] += x * arm.log_ratios[i];
    squares += x * x;
  }
  if (squares == 0) return Missing("no variant of another size was measured");
  for (double& product : products) product /= squares;
  const Summary slopes = Summarise(products);
  Evidence evidence;
  evidence.repeated = slopes.n;
  evidence.value.estimate = slopes.mean;
  if (slopes.n > 1) {
    const auto n = static_cast<double>(slopes.n);
    double half = cell.widening * StudentT(0.975, n - 1) * slopes.stddev / std::sqrt(n);
    if (cell.control_failed()) half += std::log1p(cell.resolution()) / std::sqrt(squares);
    evidence.value.low = slopes.mean - half;
    evidence.value.high = slopes.mean + half;
  }
  return evidence;
}

Evidence StepBetween(const Evidence& from, const Evidence& to) {
  Evidence step;
  step.is_ratio = true;
  step.repeated = std::min(from.repeated, to.repeated);
  step.value = Quotient(to.value, from.value);
  step.remark = from.remark.empty() ? to.remark : from.remark;
  return step;
}

Evidence SlopeOf(const std::vector<double>& places, const std::vector<Evidence>& values) {
  const auto n = static_cast<double>(places.size());
  double middle = 0;
  for (const double place : places) middle += std::log(place) / n;
  double squares = 0;
  for (const double place : places) squares += std::pow(std::log(place) - middle, 2);
  if (places.size() < 2 || squares == 0) return Missing("there are fewer than two places");
  Evidence slope;
  slope.repeated = values.front().repeated;
  double estimate = 0;
  double doubt = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const double weight = (std::log(places[i]) - middle) / squares;
    estimate += weight * std::log(values[i].value.estimate);
    doubt = std::hypot(doubt, weight * HalfOf(values[i]));
    slope.repeated = std::min(slope.repeated, values[i].repeated);
    if (slope.remark.empty()) slope.remark = values[i].remark;
  }
  slope.value = {estimate, estimate - doubt, estimate + doubt};
  return slope;
}

}  // namespace quantbench
