// Findings: what a reader should know, each from the figures, each one sentence.
#include "analyse/findings.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "quantbench/base/format.h"

#include "analyse/overheads.h"
#include "analyse/surprises.h"
#include "analyse/trouble.h"
#include "analyse/working_set.h"

namespace quantbench {
namespace {

constexpr double kNotSmaller = 1.2;  // a size ratio below this is worth a word

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
  const std::int64_t stayed = row->layers - row->quantized;
  return Format("; {} of {} layers stayed float{} because: {}", stayed, row->layers,
                layers == stayed ? "" : Format(", {} of them", layers), reason);
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

// One sentence a variant: where it is slower most of all, and how often.
void Slower(const Analysis& analysis, std::vector<Finding>* findings) {
  struct Place {
    const CellResult* cell = nullptr;
    const ArmLatency* arm = nullptr;
  };
  struct Slow {
    Place worst;
    std::int64_t cells = 0;
    std::int64_t measured = 0;
  };
  std::map<std::pair<std::string, std::string>, Slow> variants;
  for (const CellResult& cell : analysis.cells) {
    for (const ArmLatency& arm : cell.arms) {
      if (arm.arm == kOriginal || !arm.ratio.valid()) continue;
      Slow& slow = variants[{cell.model, arm.arm}];
      ++slow.measured;
      if (arm.ratio.low <= 1) continue;
      ++slow.cells;
      const bool worse =
          slow.worst.arm == nullptr || arm.ratio.estimate > slow.worst.arm->ratio.estimate;
      if (worse) slow.worst = {&cell, &arm};
    }
  }
  for (const auto& [who, slow] : variants) {
    if (slow.cells == 0) continue;
    const Interval& ratio = slow.worst.arm->ratio;
    findings->push_back(
        {Level::kWarning,
         Format("{} {} is slower than the original {}at {}: {:.2f} [{:.2f}, {:.2f}] times its "
                "latency{}",
                who.first, who.second,
                slow.cells == 1
                    ? ""
                    : Format("in {} of {} cells, most of all ", slow.cells, slow.measured),
                slow.worst.cell->cell.Describe(), ratio.estimate, ratio.low, ratio.high,
                WhyFloat(FindQuantized(analysis, who.first, who.second)))});
  }
}

// What the main score lost or gained, where that is certain.
void Accuracy(const Analysis& analysis, std::vector<Finding>* findings) {
  for (const ArmAccuracy& row : analysis.accuracies) {
    const ArmScore* main = row.main();
    if (main == nullptr || !main->difference.valid()) continue;
    const Interval& d = main->difference;
    if (d.low <= 0 && d.high >= 0) continue;
    const bool worse = HigherIsBetter(main->score) ? d.high < 0 : d.low > 0;
    const bool relative = main->score == Score::kPerplexity;
    const std::string name =
        main->score == Score::kTop1 ? "top-1 accuracy" : std::string(Name(main->score));
    findings->push_back({worse ? Level::kWarning : Level::kNote,
                         Format("{} {} {} {:.2f} {} of {} [{:+.2f}, {:+.2f}] on {} samples of {}",
                                row.model, row.arm, d.estimate < 0 ? "loses" : "gains",
                                std::fabs(d.estimate) * 100, relative ? "%" : "points", name,
                                d.low * 100, d.high * 100, row.samples, row.data)});
  }
}

// Whether real samples take another time than made-up ones of the same shapes, by so much that it
// matters: many lines are looked at, and some lie beside 1 by chance.
void Content(const Analysis& analysis, std::vector<Finding>* findings) {
  constexpr double kMatters = 0.02;
  for (const NaturalLatency& row : analysis.natural) {
    const Interval& ratio = row.real_to_synthetic;
    if (!ratio.valid() || (ratio.low <= 1 && ratio.high >= 1)) continue;
    if (std::fabs(ratio.estimate - 1) < kMatters) continue;
    const std::string sizes = row.size_from == row.size_to
                                  ? Format("{}", row.size_from)
                                  : Format("{} to {}", row.size_from, row.size_to);
    findings->push_back(
        {Level::kNote, Format("{} {}: real samples of {} elements take {:.3f} times as long as "
                              "synthetic ones of the same shapes [{:.3f}, {:.3f}]",
                              row.model, row.arm, sizes, ratio.estimate, ratio.low, ratio.high)});
  }
}

// Samples that were left out of an evaluation.
void BadSamples(const Analysis& analysis, std::vector<Finding>* findings) {
  for (const ArmAccuracy& row : analysis.accuracies) {
    if (row.bad.empty() || row.arm != kOriginal) continue;
    findings->push_back({Level::kWarning, Format("{}: {} samples of {} could not be read and were "
                                                 "left out of every arm, first: {}",
                                                 row.model, row.bad.size(), row.data,
                                                 Printable(row.bad.front().reason))});
  }
}

// "2 threads, seq 64": the cell but for its batch.
std::string WithoutBatch(const Cell& cell) {
  std::string text = Format("{} thread{}", cell.threads, cell.threads == 1 ? "" : "s");
  for (const auto& [name, value] : cell.dims) text += Format(", {} {}", Printable(name), value);
  return text;
}

// Throughput that falls again beyond a batch: the users could not explain it, so at least show it.
void Throughput(const Analysis& analysis, std::vector<Finding>* findings) {
  struct Peak {
    double best = 0;
    std::int64_t at = 0;
    double last = 0;
    std::int64_t last_batch = 0;
    double spread = 0;  // relative standard error of the two means, added
    std::string model;
    std::string arm;
  };
  std::map<std::string, Peak> peaks;
  for (const CellResult& cell : analysis.cells) {
    if (cell.cell.include_data_loading) continue;
    for (const ArmLatency& arm : cell.arms) {
      if (arm.outcome != Outcome::kOk || arm.ms.n < 2) continue;
      Peak& peak = peaks[Format("{} {} ({})", cell.model, arm.arm, WithoutBatch(cell.cell))];
      peak.model = cell.model;
      peak.arm = arm.arm;
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
                "lower at batch {}{}",
                who, peak.at, peak.best, fall * 100, peak.last_batch,
                WhyCacheCosts(analysis, peak.model, peak.arm, peak.at, peak.last_batch))});
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
  AddFailures(analysis, records, &findings);
  Accuracy(analysis, &findings);
  Content(analysis, &findings);
  BadSamples(analysis, &findings);
  Slower(analysis, &findings);
  Sizes(analysis, &findings);
  Throughput(analysis, &findings);
  AddSurprises(analysis, &findings);
  AddOverheads(analysis, &findings);
  AddDisturbances(analysis, &findings);
  AddControls(analysis, &findings);
  AddPatterns(analysis, &findings);
  AddConditions(analysis, records, &findings);
  AddDevices(analysis, records, &findings);
  Hypotheses(analysis, &findings);
  return findings;
}

}  // namespace quantbench
