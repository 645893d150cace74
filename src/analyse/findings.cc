// Findings: what a reader should know, each from the figures, each one sentence.
#include "analyse/findings.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

constexpr double kNotSmaller = 1.2;  // a size ratio below this is worth a word
constexpr double kVaries = 0.10;     // coefficient of variation [pyperf's threshold]
constexpr double kContended = 1.15;  // wall time over CPU time of a single thread

using Level = Finding::Level;

const QuantizeResult* FindQuantized(const Analysis& analysis, const std::string& model,
                                    const std::string& arm) {
  for (const QuantizeResult& row : analysis.quantized) {
    if (row.model == model && row.variant == arm) return &row;
  }
  return nullptr;
}

// "12 of 20 layers stayed float, 9 of them because: ..."; empty when none did.
std::string WhyFloat(const QuantizeResult* row) {
  if (row == nullptr || row->float_reasons.empty()) return "";
  const auto& [reason, layers] = row->float_reasons.front();
  return Format("; {} of {} layers stayed float, {} of them because: {}",
                row->layers - row->quantized, row->layers, layers, reason);
}

void Sizes(const Analysis& analysis, std::vector<Finding>* findings) {
  for (const ArmSize& size : analysis.sizes) {
    if (size.arm == kOriginal || size.ratio >= kNotSmaller) continue;
    findings->push_back(
        {Level::kWarning,
         Format("{} {} is hardly smaller than the original ({:.2f} times){}", size.model, size.arm,
                size.ratio, WhyFloat(FindQuantized(analysis, size.model, size.arm)))});
  }
}

void Slower(const Analysis& analysis, std::vector<Finding>* findings) {
  for (const CellResult& cell : analysis.cells) {
    for (const ArmLatency& arm : cell.arms) {
      if (arm.arm == kOriginal || !arm.ratio.valid() || arm.ratio.low <= 1) continue;
      findings->push_back(
          {Level::kWarning,
           Format("{} {} is slower than the original at {}: {:.2f} [{:.2f}, {:.2f}] times its "
                  "latency{}",
                  cell.model, arm.arm, cell.cell.Describe(), arm.ratio.estimate, arm.ratio.low,
                  arm.ratio.high, WhyFloat(FindQuantized(analysis, cell.model, arm.arm)))});
    }
  }
}

void Accuracy(const Analysis& analysis, std::vector<Finding>* findings) {
  for (const ArmAccuracy& row : analysis.accuracies) {
    const Interval& d = row.difference;
    if (!d.valid() || (d.low <= 0 && d.high >= 0)) continue;
    findings->push_back(
        {d.high < 0 ? Level::kWarning : Level::kNote,
         Format("{} {} {} {:.2f} points of top-1 accuracy [{:+.2f}, {:+.2f}] on {} "
                "samples of {}",
                row.model, row.arm, d.high < 0 ? "loses" : "gains", std::fabs(d.estimate) * 100,
                d.low * 100, d.high * 100, row.rows, row.data)});
  }
}

// Throughput that falls again beyond a batch: the users could not explain it, so at least show it.
void Throughput(const Analysis& analysis, std::vector<Finding>* findings) {
  struct Peak {
    double best = 0;
    std::int64_t at = 0;
    double last = 0;
    std::int64_t last_batch = 0;
    double spread = 0;  // relative standard error of the two means, added
  };
  std::map<std::string, Peak> peaks;
  for (const CellResult& cell : analysis.cells) {
    if (cell.cell.include_data_loading) continue;
    for (const ArmLatency& arm : cell.arms) {
      if (arm.outcome != Outcome::kOk || arm.ms.n < 2) continue;
      Peak& peak = peaks[Format("{} {} ({} threads)", cell.model, arm.arm, cell.cell.threads)];
      const double error = arm.ms.stddev / arm.ms.mean / std::sqrt(static_cast<double>(arm.ms.n));
      if (arm.samples_per_s > peak.best) {
        peak.best = arm.samples_per_s;
        peak.at = cell.cell.batch;
        peak.spread = error;
      }
      if (cell.cell.batch >= peak.last_batch) {
        peak.last = arm.samples_per_s;
        peak.last_batch = cell.cell.batch;
        peak.spread += error;
      }
    }
  }
  for (const auto& [who, peak] : peaks) {
    const double fall = 1 - peak.last / peak.best;
    if (peak.at == peak.last_batch || fall < std::max(0.05, 4 * peak.spread)) continue;
    findings->push_back(
        {Level::kNote,
         Format("throughput of {} peaks at batch {} ({:.0f} samples/s) and is {:.0f} % "
                "lower at batch {}",
                who, peak.at, peak.best, fall * 100, peak.last_batch)});
  }
}

void Failures(const std::vector<const Record*>& records, std::vector<Finding>* findings) {
  for (const Record* record : records) {
    if (record->outcome == Outcome::kOk) continue;
    const bool skipped = record->outcome == Outcome::kSkipped;
    findings->push_back(
        {skipped ? Level::kNote : Level::kWarning,
         Format("{}: {}: {}", record->what.Describe(), Name(record->outcome), record->reason)});
  }
}

void ArmFailures(const Analysis& analysis, std::vector<Finding>* findings) {
  for (const CellResult& cell : analysis.cells) {
    for (const ArmLatency& arm : cell.arms) {
      if (arm.outcome == Outcome::kOk || arm.outcome == Outcome::kSkipped) continue;
      findings->push_back(
          {Level::kWarning, Format("{} {} at {}: {}: {}", cell.model, arm.arm, cell.cell.Describe(),
                                   Name(arm.outcome), arm.reason)});
    }
  }
}

// Wall time against CPU time over all laps of a cell, single-threaded cells only.
double WallOverCpu(const Record& record) {
  double wall = 0;
  double cpu = 0;
  for (const Json& arm : record.results["arms"].AsArray()) {
    for (const Json& process : arm["processes"].AsArray()) {
      for (const Json& value : process["wall_ns"].AsArray()) wall += value.AsDouble();
      for (const Json& value : process["cpu_ns"].AsArray()) cpu += value.AsDouble();
    }
  }
  return cpu > 0 ? wall / cpu : 1;
}

void Disturbances(const Analysis& analysis, const std::vector<const Record*>& records,
                  std::vector<Finding>* findings) {
  for (const Record* record : records) {
    const bool single = record->what.kind == CaseKind::kMeasure && record->what.cell.threads == 1;
    if (!single || record->outcome != Outcome::kOk) continue;
    const double factor = WallOverCpu(*record);
    if (factor < kContended) continue;
    findings->push_back(
        {Level::kWarning,
         Format("{}: wall time was {:.2f} times the CPU time: other processes took the "
                "processor, so milliseconds there are too high; close them and measure "
                "again",
                record->what.Describe(), factor)});
  }
  for (const CellResult& cell : analysis.cells) {
    for (const ArmLatency& arm : cell.arms) {
      if (arm.ms.n < 2 || arm.ms.stddev / arm.ms.mean <= kVaries) continue;
      findings->push_back(
          {Level::kNote,
           Format("{} {} at {} varies: standard deviation {:.0f} % of the mean over {} "
                  "repetitions",
                  cell.model, arm.arm, cell.cell.Describe(), arm.ms.stddev / arm.ms.mean * 100,
                  arm.ms.n)});
    }
  }
}

void Hypotheses(const Analysis& analysis, std::vector<Finding>* findings) {
  for (const HypothesisResult& result : analysis.hypotheses) {
    if (result.written_before) continue;
    findings->push_back(
        {Level::kWarning, Format("hypothesis {} was written or changed after measuring had begun",
                                 result.hypothesis.id)});
  }
}

}  // namespace

std::vector<Finding> FindFindings(const Analysis& analysis,
                                  const std::vector<const Record*>& records) {
  std::vector<Finding> findings;
  Failures(records, &findings);
  ArmFailures(analysis, &findings);
  Accuracy(analysis, &findings);
  Slower(analysis, &findings);
  Sizes(analysis, &findings);
  Throughput(analysis, &findings);
  Disturbances(analysis, records, &findings);
  Hypotheses(analysis, &findings);
  return findings;
}

}  // namespace quantbench
