// Gathering: records become the typed rows of an analysis.
#include "analyse/gather.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "quantbench/base/format.h"

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

double MeanPass(const LatencySamples& samples) {
  return Summarise(samples.WallPerPassNs()).mean;
}

ArmLatency GatherArm(const Json& arm, const std::vector<LatencySamples>& original,
                     std::int64_t batch) {
  ArmLatency row;
  row.arm = arm["arm"].AsString();
  const auto outcome = ParseOutcome(arm["outcome"].AsString());
  row.outcome = outcome.ok() ? outcome.value() : Outcome::kFailed;
  row.reason = arm["reason"].AsString();
  const std::vector<LatencySamples> processes = ProcessesOf(arm);
  if (row.outcome != Outcome::kOk || processes.empty()) return row;
  std::vector<double> pooled;
  std::vector<double> loads;
  std::vector<double> firsts;
  std::vector<double> logs;
  for (std::size_t i = 0; i < processes.size(); ++i) {
    for (const double ns : processes[i].WallPerPassNs()) pooled.push_back(ns * 1e-6);
    loads.push_back(static_cast<double>(processes[i].load_ns) * 1e-6);
    firsts.push_back(static_cast<double>(processes[i].first_run_ns) * 1e-6);
    if (i < original.size())
      logs.push_back(std::log(MeanPass(processes[i]) / MeanPass(original[i])));
  }
  row.ms = Summarise(pooled);
  row.processes = static_cast<std::int64_t>(processes.size());
  row.passes = processes.front().passes;
  row.load_ms = Summarise(loads).median;
  row.first_run_ms = Summarise(firsts).median;
  row.samples_per_s = static_cast<double>(batch) / (row.ms.mean * 1e-3);
  row.ratio = row.arm == kOriginal ? Interval{1, 1, 1} : RatioFromLogs(logs);
  row.speedup = {1 / row.ratio.estimate, 1 / row.ratio.high, 1 / row.ratio.low};
  return row;
}

}  // namespace

std::size_t OrderOf(const Study& study, const std::string& arm) {
  if (arm == kOriginal) return 0;
  for (std::size_t i = 0; i < study.variants.size(); ++i) {
    if (study.variants[i].id == arm) return i + 1;
  }
  return study.variants.size() + 1;
}

QuantizeResult GatherQuantize(const Record& record) {
  QuantizeResult row;
  row.model = record.what.model;
  row.variant = record.what.arm;
  row.outcome = record.outcome;
  row.reason = record.reason;
  row.sqnr_db = kNaN;
  if (record.outcome != Outcome::kOk) return row;
  const Json& results = record.results;
  if (results["exact"].AsBool()) {
    row.sqnr_db = std::numeric_limits<double>::infinity();
  } else if (results["verified"].AsBool()) {
    row.sqnr_db = results["sqnr_db"].AsDouble(kNaN);
  }
  row.seconds = results["seconds"].AsDouble();
  row.peak_bytes = static_cast<std::uint64_t>(results["peak_bytes"].AsInt());
  if (auto plan = Plan::FromJson(results["plan"]); plan.ok()) row.plan = std::move(plan).value();
  std::map<std::string, std::int64_t> reasons;
  for (const LayerPlan& layer : row.plan.layers) {
    ++row.layers;
    if (layer.scheme == Scheme::kKeepFloat) {
      ++reasons[layer.reason];
    } else {
      ++row.quantized;
    }
  }
  row.float_reasons.assign(reasons.begin(), reasons.end());
  std::stable_sort(row.float_reasons.begin(), row.float_reasons.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return row;
}

void GatherSizes(const Record& record, std::vector<ArmSize>* sizes) {
  if (record.outcome != Outcome::kOk) return;
  const auto before = ModelSize::FromJson(record.results["size_original"]);
  const auto after = ModelSize::FromJson(record.results["size"]);
  if (!before.ok() || !after.ok()) return;
  const auto known = std::any_of(sizes->begin(), sizes->end(), [&](const ArmSize& size) {
    return size.model == record.what.model && size.arm == kOriginal;
  });
  if (!known) sizes->push_back({record.what.model, std::string(kOriginal), before.value(), 1});
  const double ratio = static_cast<double>(before.value().total_bytes()) /
                       static_cast<double>(std::max<std::uint64_t>(1, after.value().total_bytes()));
  sizes->push_back({record.what.model, record.what.arm, after.value(), ratio});
}

CellResult GatherCell(const Study& study, const Record& record) {
  CellResult cell;
  cell.model = record.what.model;
  cell.cell = record.what.cell;
  cell.outcome = record.outcome;
  cell.reason = record.reason;
  cell.input = record.results["input"].AsString();
  const Json::Array& arms = record.results["arms"].AsArray();
  std::vector<LatencySamples> original;
  for (const Json& arm : arms) {
    if (arm["arm"].AsString() == kOriginal) original = ProcessesOf(arm);
  }
  for (const Json& arm : arms) {
    cell.arms.push_back(GatherArm(arm, original, record.what.cell.batch));
  }
  std::stable_sort(cell.arms.begin(), cell.arms.end(),
                   [&](const ArmLatency& a, const ArmLatency& b) {
                     return OrderOf(study, a.arm) < OrderOf(study, b.arm);
                   });
  return cell;
}

}  // namespace quantbench
