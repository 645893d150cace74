// Findings about work that nobody asked for.
#include "analyse/overheads.h"

#include <algorithm>
#include <map>

#include "quantbench/base/format.h"

#include "analyse/denormals.h"
#include "analyse/working_set.h"

namespace quantbench {
namespace {

using Level = Finding::Level;

constexpr double kManyConversions = 0.2;  // of the operators that the engine runs
constexpr std::size_t kDevicesNamed = 3;

// The best speed-up of a variant that was measured; 0: none was.
double BestSpeedup(const Analysis& analysis, const std::string& model, const std::string& arm) {
  double best = 0;
  for (const CellResult& cell : analysis.cells) {
    if (cell.model != model || cell.cell.include_data_loading) continue;
    for (const ArmLatency& row : cell.arms) {
      if (row.arm == arm && row.speedup.valid()) best = std::max(best, row.speedup.estimate);
    }
  }
  return best;
}

// A fifth of what the engine runs only changes the type of numbers.
void Conversions(const Analysis& analysis, std::vector<Finding>* findings) {
  for (const QuantizeResult& row : analysis.quantized) {
    if (row.operators <= 0) continue;
    const double share = static_cast<double>(row.conversions) / static_cast<double>(row.operators);
    if (share < kManyConversions) continue;
    const double best = BestSpeedup(analysis, row.model, row.variant);
    findings->push_back(
        {best > 0 && best < 1 ? Level::kWarning : Level::kNote,
         Format("{} {}: {} of the {} operators that the engine runs ({:.0f} %) only turn floats "
                "into codes or back{}; quantbench explain says which, and what keeps them from "
                "being fused",
                row.model, row.variant, row.conversions, row.operators, share * 100,
                best > 0 ? Format(", it is {:.2f} times as fast as the original at best", best)
                         : "")});
  }
}

double SamplesASecond(const ScalingPoint& point) {
  return static_cast<double>(point.batch) / point.ms * 1e3;
}

// By how much throughput falls from one batch to the next, where it rises again beyond; else 0.
double FallBeforeRise(const Scaling& scaling, std::int64_t from, std::int64_t to) {
  const auto at = [&](std::int64_t batch) {
    return std::find_if(scaling.points.begin(), scaling.points.end(),
                        [&](const ScalingPoint& point) { return point.batch == batch; });
  };
  const auto before = at(from);
  const auto after = at(to);
  const bool rises = std::any_of(after, scaling.points.end(), [&](const ScalingPoint& point) {
    return SamplesASecond(point) > SamplesASecond(*before);
  });
  return rises ? 1 - SamplesASecond(*after) / SamplesASecond(*before) : 0;
}

// The deepest dip of a sweep that rises again: falls for good are told as a peak.
void Dips(const Analysis& analysis, std::vector<Finding>* findings) {
  for (const Scaling& scaling : ScalingsOf(analysis)) {
    double deepest = 0;
    std::string text;
    for (const auto& [from, to] : scaling.dips) {
      const double fall = FallBeforeRise(scaling, from, to);
      if (fall <= deepest) continue;
      deepest = fall;
      text = Format(
          "{} {} ({}): throughput falls by {:.0f} % from batch {} to {} and rises again "
          "beyond{}",
          scaling.model, scaling.arm, scaling.where, fall * 100, from, to,
          WhyCacheCosts(analysis, scaling.model, scaling.arm, from, to));
    }
    if (!text.empty()) findings->push_back({Level::kNote, std::move(text)});
  }
}

bool HasTimes(CaseKind kind) {
  return kind == CaseKind::kMeasure || kind == CaseKind::kNatural || kind == CaseKind::kScenario;
}

std::string DeviceOf(const Json& environment) {
  // Not by its name: containers have a new one whenever they start.
  return Format("{} ({} cores)", Printable(environment["cpu"].AsString(), 80),
                environment["cores"].AsInt());
}

std::string EngineOf(const Json& environment) {
  return Format("{} {}", Printable(environment["engine"].AsString(), 60),
                Printable(environment["engine_version"].AsString(), 60));
}

// "Cortex-A72 (4 cores) in 3 cases, ...": the most frequent first.
std::string InWords(const std::map<std::string, std::int64_t>& counts) {
  std::vector<std::pair<std::string, std::int64_t>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (std::size_t i = 0; i < std::min(sorted.size(), kDevicesNamed); ++i) {
    text += Format("{}{} in {} case{}", i == 0 ? "" : ", ", sorted[i].first, sorted[i].second,
                   sorted[i].second == 1 ? "" : "s");
  }
  return text + (sorted.size() > kDevicesNamed ? ", ..." : "");
}

}  // namespace

void AddOverheads(const Analysis& analysis, std::vector<Finding>* findings) {
  Conversions(analysis, findings);
  AddDenormals(analysis, findings);
  Dips(analysis, findings);
}

void AddDevices(const Analysis& analysis, const std::vector<const Record*>& records,
                std::vector<Finding>* findings) {
  for (const StudyModel& model : analysis.study.models) {
    std::map<std::string, std::int64_t> devices;
    std::map<std::string, std::int64_t> engines;
    for (const Record* record : records) {
      const bool counts = record->what.model == model.id && HasTimes(record->what.kind) &&
                          !record->environment.is_null();
      if (!counts) continue;
      ++devices[DeviceOf(record->environment)];
      ++engines[EngineOf(record->environment)];
    }
    if (devices.size() > 1) {
      findings->push_back(
          {Level::kWarning,
           Format("{}: its times come from {} devices: {}; compare ratios within a case only, and "
                  "keep a folder of results for each device",
                  model.id, devices.size(), InWords(devices))});
    }
    if (engines.size() > 1) {
      findings->push_back(
          {Level::kWarning, Format("{}: its times come from {} engines: {}; measure anew with one",
                                   model.id, engines.size(), InWords(engines))});
    }
  }
}

}  // namespace quantbench
