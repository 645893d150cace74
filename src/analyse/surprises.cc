// Findings about what surprises users of quantized models: a gain that is not where it was
// expected.
#include "analyse/surprises.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

using Level = Finding::Level;

constexpr double kFarBehind = 0.75;       // of the size ratio: less speed than that is told
constexpr double kLeastChange = 0.1;      // of a speed-up between two cells
constexpr double kMostlyFloat = 0.5;      // of the MACs
constexpr double kSlowStart = 3;          // first run over steady runs
constexpr double kLeastStartMs = 1;       // shorter first runs do not matter
constexpr double kMoreMemory = 1.05;      // of the original's
constexpr double kSmallerFile = 1.2;      // times smaller
constexpr double kClocksDisagree = 0.05;  // wall ratio from CPU ratio
constexpr double kCertain = 0.05;         // corrected p-value of a class

const ArmLatency* FindArm(const CellResult& cell, std::string_view id) {
  const auto found = std::find_if(cell.arms.begin(), cell.arms.end(),
                                  [&](const ArmLatency& arm) { return arm.arm == id; });
  return found == cell.arms.end() ? nullptr : &*found;
}

bool IsMeasured(const ArmLatency& arm) {
  return arm.arm != kOriginal && arm.speedup.valid() && arm.speedup.estimate > 0;
}

// Where a variant gained more, and less; cells of a model in study order.
struct Extremes {
  const CellResult* best_cell = nullptr;
  const CellResult* worst_cell = nullptr;
  Interval best;
  Interval worst;
};

using ArmKey = std::pair<std::string, std::string>;

std::map<ArmKey, Extremes> FindExtremes(const Analysis& analysis) {
  std::map<ArmKey, Extremes> all;
  for (const CellResult& cell : analysis.cells) {
    if (cell.cell.include_data_loading) continue;
    for (const ArmLatency& arm : cell.arms) {
      if (!IsMeasured(arm)) continue;
      Extremes& at = all[{cell.model, arm.arm}];
      if (at.best_cell == nullptr || arm.speedup.estimate > at.best.estimate) {
        at.best_cell = &cell;
        at.best = arm.speedup;
      }
      if (at.worst_cell == nullptr || arm.speedup.estimate < at.worst.estimate) {
        at.worst_cell = &cell;
        at.worst = arm.speedup;
      }
    }
  }
  return all;
}

// What the work of the arm says about how fast it can be; empty where it was not counted.
std::string Bound(const ArmLatency& arm) {
  if (!arm.work || arm.work->total.macs <= 0) return "";
  const double codes =
      static_cast<double>(arm.work->integer_macs) / static_cast<double>(arm.work->total.macs);
  return Format("; {:.0f} % of its multiplications are of codes{}", codes * 100,
                codes > kMostlyFloat
                    ? ", so it is bound by computing or by calling the engine, not by "
                      "the bytes of its weights"
                    : "");
}

// Faster, but by less than it is smaller.
void LessThanSmaller(const Analysis& analysis, const std::map<ArmKey, Extremes>& extremes,
                     std::vector<Finding>* findings) {
  for (const ArmSize& size : analysis.sizes) {
    const auto found = extremes.find({size.model, size.arm});
    if (size.arm == kOriginal || size.ratio < kSmallerFile || found == extremes.end()) continue;
    const Extremes& at = found->second;
    const bool is_faster = at.best.low > 1;
    if (!is_faster || at.best.high >= size.ratio * kFarBehind) continue;
    findings->push_back(
        {Level::kNote,
         Format("{} {} is {:.2f} times smaller, but at most {:.2f} times faster [{:.2f}, "
                "{:.2f}] (at {}){}",
                size.model, size.arm, size.ratio, at.best.estimate, at.best.low, at.best.high,
                at.best_cell->cell.Describe(), Bound(*FindArm(*at.best_cell, size.arm)))});
  }
}

// What two cells differ in: "batch 1 to 8"; empty when in several things.
std::string Difference(const Cell& from, const Cell& to) {
  std::vector<std::string> parts;
  if (from.batch != to.batch) parts.push_back(Format("batch {} to {}", from.batch, to.batch));
  if (from.threads != to.threads) {
    parts.push_back(Format("{} to {} threads", from.threads, to.threads));
  }
  for (const auto& [name, value] : to.dims) {
    const auto before = from.dims.find(name);
    if (before != from.dims.end() && before->second != value) {
      parts.push_back(Format("{} {} to {}", Printable(name), before->second, value));
    }
  }
  return parts.size() == 1 ? parts.front() : "";
}

// The largest fall of a variant's gain that was seen.
struct Fall {
  double change = 0;
  std::string text;
};

// A fall between two cells that both intervals leave no doubt of, where it is larger than `fall`.
void NoteFall(const ArmLatency& from, const ArmLatency& to, const std::string& model,
              const std::string& what, Fall* fall) {
  const double change = 1 - to.speedup.estimate / from.speedup.estimate;
  const bool is_certain = to.speedup.high < from.speedup.low;
  if (!is_certain || change <= std::max(kLeastChange, fall->change)) return;
  *fall = {change,
           Format("{} {} gains less and less: {:.2f} times faster [{:.2f}, {:.2f}], then "
                  "{:.2f} [{:.2f}, {:.2f}], from {}",
                  model, from.arm, from.speedup.estimate, from.speedup.low, from.speedup.high,
                  to.speedup.estimate, to.speedup.low, to.speedup.high, what)};
}

void CompareGains(const CellResult& from, const CellResult& to, std::map<ArmKey, Fall>* falls) {
  if (from.model != to.model || from.cell.include_data_loading || to.cell.include_data_loading) {
    return;
  }
  const std::string what = Difference(from.cell, to.cell);
  if (what.empty()) return;
  for (const ArmLatency& arm : from.arms) {
    const ArmLatency* other = FindArm(to, arm.arm);
    if (other == nullptr || !IsMeasured(arm) || !IsMeasured(*other)) continue;
    NoteFall(arm, *other, from.model, what, &(*falls)[{from.model, arm.arm}]);
  }
}

// The gain depends on batch, length or threads: told once a variant, where it falls most.
void GainMoves(const Analysis& analysis, std::vector<Finding>* findings) {
  std::map<ArmKey, Fall> falls;
  for (const CellResult& from : analysis.cells) {
    for (const CellResult& to : analysis.cells) CompareGains(from, to, &falls);
  }
  for (auto& [who, fall] : falls) {
    if (fall.change > 0) findings->push_back({Level::kNote, std::move(fall.text)});
  }
}

// Most of the multiplications stayed in floats though the arm is a quantized one.
void MostlyFloat(const Analysis& analysis, std::vector<Finding>* findings) {
  std::map<ArmKey, bool> told;
  for (const CellResult& cell : analysis.cells) {
    for (const ArmLatency& arm : cell.arms) {
      if (arm.arm == kOriginal || !arm.work || arm.work->total.macs <= 0) continue;
      const double codes =
          static_cast<double>(arm.work->integer_macs) / static_cast<double>(arm.work->total.macs);
      const bool has_codes = arm.work->integer_macs > 0;
      if (!has_codes || codes >= kMostlyFloat || told[{cell.model, arm.arm}]) continue;
      told[{cell.model, arm.arm}] = true;
      findings->push_back(
          {Level::kWarning,
           Format(
               "{} {}: only {:.0f} % of its multiplications are of codes, the rest is computed in "
               "floats; quantizing these makes it at most {:.2f} times faster",
               cell.model, arm.arm, codes * 100, 1 / (1 - codes))});
    }
  }
}

// A first run that users of a short-lived program feel.
void SlowStart(const Analysis& analysis, std::vector<Finding>* findings) {
  std::map<std::string, std::pair<double, std::string>> worst;  // by model
  for (const CellResult& cell : analysis.cells) {
    for (const ArmLatency& arm : cell.arms) {
      if (arm.outcome != Outcome::kOk || !(arm.ms.median > 0)) continue;
      const double times = arm.first_run_ms / arm.ms.median;
      const bool matters = times > kSlowStart && arm.first_run_ms > kLeastStartMs;
      if (!matters || times <= worst[cell.model].first) continue;
      worst[cell.model] = {
          times,
          Format("{} {}: the first run takes {:.0f} times a later one ({:.3g} ms "
                 "at {}), beside {:.3g} ms of loading",
                 cell.model, arm.arm, times, arm.first_run_ms, cell.cell.Describe(), arm.load_ms)};
    }
  }
  for (auto& [model, one] : worst) {
    if (one.first > 0) findings->push_back({Level::kNote, std::move(one.second)});
  }
}

void MoreMemory(const Analysis& analysis, std::vector<Finding>* findings) {
  const auto ratio_of = [&](const std::string& model, const std::string& arm) {
    for (const ArmSize& size : analysis.sizes) {
      if (size.model == model && size.arm == arm) return size.ratio;
    }
    return 0.0;
  };
  std::map<ArmKey, bool> told;
  for (const CellResult& cell : analysis.cells) {
    if (cell.memory.empty() || cell.memory.front().arm != kOriginal) continue;
    const auto before = static_cast<double>(cell.memory.front().peak);
    for (const ArmMemory& arm : cell.memory) {
      const double times = static_cast<double>(arm.peak) / before;
      const bool is_more = before > 0 && arm.peak > 0 && times > kMoreMemory;
      if (arm.arm == kOriginal || !is_more || told[{cell.model, arm.arm}]) continue;
      const double smaller = ratio_of(cell.model, arm.arm);
      if (smaller < kSmallerFile) continue;
      told[{cell.model, arm.arm}] = true;
      findings->push_back(
          {Level::kWarning,
           Format("{} {} is {:.2f} times smaller as a file, but needs {:.2f} times the original's "
                  "memory "
                  "at its peak (at {}): its weights are decoded or packed again when it is loaded",
                  cell.model, arm.arm, smaller, times, cell.cell.Describe())});
    }
  }
}

// Classes that lost alone: the mean hides them.
void FewClasses(const Analysis& analysis, std::vector<Finding>* findings) {
  for (const ArmAccuracy& row : analysis.accuracies) {
    std::string classes;
    for (const ClassChange& change : row.classes) {
      if (change.p_value >= kCertain || change.after >= change.before) continue;
      classes += Format("{}class {} ({} of {} right, {} before)", classes.empty() ? "" : ", ",
                        change.label, change.after, change.rows, change.before);
    }
    if (classes.empty()) continue;
    findings->push_back({Level::kWarning, Format("{} {} loses in few classes: {}; see where with "
                                                 "quantbench explain --accuracy",
                                                 row.model, row.arm, classes)});
  }
}

// Both clocks are right about something else where they disagree.
void ClocksDisagree(const Analysis& analysis, std::vector<Finding>* findings) {
  std::map<std::string, std::pair<double, std::string>> worst;
  for (const CellResult& cell : analysis.cells) {
    if (cell.cell.threads != 1) continue;
    for (const ArmLatency& arm : cell.arms) {
      const Interval& wall = arm.wall_ratio;
      const Interval& cpu = arm.cpu_ratio;
      if (arm.arm == kOriginal || !wall.valid() || !cpu.valid() || !(cpu.estimate > 0)) continue;
      const double apart = std::fabs(wall.estimate / cpu.estimate - 1);
      const bool disjoint = wall.low > cpu.high || cpu.low > wall.high;
      if (!disjoint || apart < kClocksDisagree || apart <= worst[cell.model].first) continue;
      worst[cell.model] = {
          apart,
          Format("{} {} at {}: {:.2f} of the original's time by the clock, {:.2f} by CPU time; "
                 "other processes took {:.2f} times as long as it: believe CPU time",
                 cell.model, arm.arm, cell.cell.Describe(), wall.estimate, cpu.estimate,
                 cell.contention)};
    }
  }
  for (auto& [model, one] : worst) {
    if (one.first > 0) findings->push_back({Level::kWarning, std::move(one.second)});
  }
}

}  // namespace

void AddSurprises(const Analysis& analysis, std::vector<Finding>* findings) {
  MostlyFloat(analysis, findings);
  LessThanSmaller(analysis, FindExtremes(analysis), findings);
  GainMoves(analysis, findings);
  MoreMemory(analysis, findings);
  SlowStart(analysis, findings);
  FewClasses(analysis, findings);
  ClocksDisagree(analysis, findings);
}

}  // namespace quantbench
