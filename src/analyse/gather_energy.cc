// Gathering energy: joules of an inference, gross and net, and how they compare with the
// original's.
#include <algorithm>
#include <cmath>

#include "quantbench/base/format.h"

#include "analyse/gather.h"
#include "analyse/scenario_parts.h"
#include "analyse/unknown.h"

namespace quantbench {
namespace {

constexpr double kJoulesOfKwh = 3.6e6;
constexpr double kMillion = 1e6;

// Of an arm in one process; NaN where it is not known.
struct ProcessJoules {
  double gross = kNaN;  // J of an inference
  double net = kNaN;
  double watts = kNaN;
};

// The blocks of a process; empty where they cannot be read.
std::vector<EnergyBlock> BlocksFrom(const Json& json) {
  auto blocks = EnergyBlocksFromJson(json);
  return blocks.ok() ? std::move(blocks).value() : std::vector<EnergyBlock>();
}

ProcessJoules JoulesOf(std::span<const EnergyBlock> blocks, std::span<const EnergyBlock> idle,
                       double batch) {
  double gross = 0;
  double net = 0;
  double seconds = 0;
  double inferences = 0;
  for (const EnergyBlock& block : blocks) {
    const double lasted = static_cast<double>(block.wall_ns) * 1e-9;
    gross += block.joules;
    net += (block.watts() - IdleAround(block, idle)) * lasted;
    seconds += lasted;
    inferences += static_cast<double>(block.runs) * batch;
  }
  if (inferences <= 0) return {};
  return {gross / inferences, net / inferences, gross / seconds};
}

// Process by process; the record's idle blocks stand at the same index.
std::vector<ProcessJoules> JoulesOfArm(const Record& record, const Json& arm) {
  const Json::Array& idle = record.results["idle"].AsArray();
  const Json::Array& processes = arm["processes"].AsArray();
  const auto batch = static_cast<double>(std::max<std::int64_t>(1, record.what.cell.batch));
  std::vector<ProcessJoules> joules;
  if (arm["outcome"].AsString() != Name(Outcome::kOk)) return joules;
  for (std::size_t i = 0; i < std::min(idle.size(), processes.size()); ++i) {
    joules.push_back(JoulesOf(BlocksFrom(processes[i]), BlocksFrom(idle[i]), batch));
  }
  return joules;
}

using Figure = double ProcessJoules::*;

// ln(arm / original) of the processes in which both have that figure above zero.
Interval JouleRatio(std::span<const ProcessJoules> arm, std::span<const ProcessJoules> original,
                    Figure figure) {
  std::vector<double> logs;
  for (std::size_t i = 0; i < std::min(arm.size(), original.size()); ++i) {
    const double log = std::log(arm[i].*figure / original[i].*figure);
    if (std::isfinite(log)) logs.push_back(log);
  }
  return RatioFromLogs(logs);
}

// The figure itself, over processes. A mean without an interval where one of them is not positive.
Interval MeanOf(std::span<const ProcessJoules> arm, Figure figure) {
  std::vector<double> values;
  std::vector<double> logs;
  for (const ProcessJoules& process : arm) {
    if (!std::isfinite(process.*figure)) continue;
    values.push_back(process.*figure);
    if (process.*figure > 0) logs.push_back(std::log(process.*figure));
  }
  if (values.empty()) return kUnknown;
  return logs.size() == values.size() ? RatioFromLogs(logs)
                                      : Interval{Summarise(values).mean, kNaN, kNaN};
}

double IdleWatts(const Record& record) {
  std::vector<double> watts;
  for (const Json& process : record.results["idle"].AsArray()) {
    for (const EnergyBlock& block : BlocksFrom(process)) watts.push_back(block.watts());
  }
  return watts.empty() ? kNaN : Summarise(watts).mean;
}

struct Controls {
  Interval gross;
  Interval net;
};

// How many times fewer joules than the original's.
Interval TimesLess(std::span<const ProcessJoules> arm, std::span<const ProcessJoules> original,
                   Figure figure, const Interval& control) {
  return Inverse(AsWideAsControl(JouleRatio(arm, original, figure), control));
}

void FillEnergy(std::span<const ProcessJoules> arm, std::span<const ProcessJoules> original,
                const Controls& controls, ScenarioArm* row) {
  const bool itself = row->arm == kOriginal;
  row->processes = std::ssize(arm);
  row->value = MeanOf(arm, &ProcessJoules::gross);
  row->net = MeanOf(arm, &ProcessJoules::net);
  row->watts = MeanOf(arm, &ProcessJoules::watts).estimate;
  row->better = itself ? kItself : TimesLess(arm, original, &ProcessJoules::gross, controls.gross);
  row->better_net = itself ? kItself : TimesLess(arm, original, &ProcessJoules::net, controls.net);
  if (std::isnan(row->value.estimate)) {
    row->reason = "no joules yet: quantbench energy joins the meter's log";
  } else if (!row->net.valid() && row->processes > 1) {
    row->reason = "idling took as much as running: net is lost in it";
  }
}

}  // namespace

void GatherEnergy(const Study& study, const Record& record, ScenarioResult* result) {
  const Json& sensor = record.results["sensor"];
  if (sensor.is_object()) {
    result->source = Format("{}, {}: {}", sensor["name"].AsString(), sensor["tier"].AsString(),
                            sensor["covers"].AsString());
  }
  result->idle_watts = IdleWatts(record);
  const auto original = JoulesOfArm(record, ArmNamed(record, kOriginal));
  const auto copy = JoulesOfArm(record, ArmNamed(record, kControl));
  const Controls controls = {JouleRatio(copy, original, &ProcessJoules::gross),
                             JouleRatio(copy, original, &ProcessJoules::net)};
  result->cell.control = controls.gross;
  const double intensity = study.scenario.carbon_g_per_kwh;
  for (const Json& arm : record.results["arms"].AsArray()) {
    if (arm["arm"].AsString() == kControl) continue;
    ScenarioArm row = HeadOf(arm);
    const auto joules = JoulesOfArm(record, arm);
    if (row.outcome == Outcome::kOk && joules.empty()) Unreadable(&row);
    if (row.outcome == Outcome::kOk) FillEnergy(joules, original, controls, &row);
    row.carbon_g = intensity > 0 ? row.value.estimate * kMillion / kJoulesOfKwh * intensity : kNaN;
    result->arms.push_back(std::move(row));
  }
}

}  // namespace quantbench
