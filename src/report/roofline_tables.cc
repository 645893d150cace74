// The tables of the roofline: what the processor can do at most, and how near the arms come to it.
#include <algorithm>

#include "quantbench/base/format.h"
#include "quantbench/report.h"

#include "report/cells.h"

namespace quantbench {
namespace {

constexpr double kGiga = 1e-9;
constexpr double kBeyond = 1.05;  // a ratio that is above one by more than the peaks' own doubt

// On one thread a contended cell's runs are judged by their CPU time.
double MeasuredMs(const CellResult& cell, const ArmLatency& arm) {
  const bool by_cpu = cell.timebase == Timebase::kCpu && cell.cell.threads == 1;
  return by_cpu ? arm.cpu_ms.mean : arm.ms.mean;
}

std::string RooflineRemark(double reached, double speedup, double bound, double original_reached) {
  if (reached > kBeyond) {
    return "faster than the least time: tensors stay nearer than believed, or the peaks were "
           "measured on a busy machine";
  }
  if (bound > 0 && speedup > bound * kBeyond) {
    return Format("more than the bound because the original reaches only {:.0f} % of its roof",
                  original_reached * 100);
  }
  return "";
}

std::vector<std::string> RooflineRow(const CellResult& cell, const ArmLatency& arm) {
  const ArmLatency& original = cell.arms.front();
  const auto reached = [&](const ArmLatency& of) {
    const double ms = MeasuredMs(cell, of);
    return of.outcome == Outcome::kOk && ms > 0 ? of.least_ms / ms : 0;
  };
  const bool fine = arm.outcome == Outcome::kOk;
  const bool compared = &arm != &original && original.least_ms > 0;
  const double bound = compared ? original.least_ms / arm.least_ms : 0;
  return {cell.model,
          cell.cell.Describe(),
          arm.arm,
          Number(arm.least_ms),
          arm.roof,
          fine ? Number(MeasuredMs(cell, arm)) : "-",
          fine ? Format("{:.0f}", reached(arm) * 100) : "-",
          fine && compared ? Number(arm.speedup.estimate) : "-",
          compared ? Number(bound) : "-",
          fine ? RooflineRemark(reached(arm), arm.speedup.estimate, bound, reached(original)) : ""};
}

std::string Giga(const Rate& rate) {
  return rate.per_s > 0 ? Number(rate.per_s * kGiga) : "-";
}

std::string UnitOf(PeakKind kind) {
  switch (kind) {
    case PeakKind::kFloat32: return "GFLOP/s";
    case PeakKind::kInt8: return "GOP/s";
    case PeakKind::kRead: return "GB/s";
  }
  return "";
}

// How busy the machine was, where it was.
std::string DoubtOf(const Peak& peak) {
  constexpr double kWide = 0.1;
  const auto percent = [](double one, double all) {
    return Format("{:.0f} / {:.0f} %", one * 100, all * 100);
  };
  std::string text;
  if (std::max(peak.one.waited, peak.all.waited) > kWide) {
    text = Format("waited {}", percent(peak.one.waited, peak.all.waited));
  }
  if (std::max(peak.one.spread, peak.all.spread) > kWide) {
    text += Format("{}median {} lower", text.empty() ? "" : "; ",
                   percent(peak.one.spread, peak.all.spread));
  }
  return text;
}

}  // namespace

Table RooflineTable(const Analysis& analysis) {
  Table table;
  table.title = "Roofline";
  table.columns = {{"model", false},       {"cell", false},     {"arm", false},
                   {"least ms"},           {"bound by", false}, {"measured ms"},
                   {"% of roof"},          {"times faster"},    {"at most times faster"},
                   {"remark", false, true}};
  for (const CellResult& cell : analysis.cells) {
    for (const ArmLatency& arm : cell.arms) {
      if (arm.least_ms > 0) table.rows.push_back(RooflineRow(cell, arm));
    }
  }
  return table;
}

Table PeaksTable(const DevicePeaks& peaks) {
  Table table;
  table.title = "Peaks";
  table.columns = {{"what", false}, {"with", false},
                   {"1 thread"},    {Format("{} threads", peaks.threads)},
                   {"unit", false}, {"remark", false, true}};
  for (const Peak& peak : peaks.peaks) {
    const bool reads = peak.kind == PeakKind::kRead;
    const std::string size = peak.bytes > 0 ? Format(" ({})", FormatCacheSize(peak.bytes)) : "";
    table.rows.push_back({reads ? "reading" : std::string(Name(peak.kind)), peak.name + size,
                          Giga(peak.one), Giga(peak.all), UnitOf(peak.kind), DoubtOf(peak)});
  }
  return table;
}

}  // namespace quantbench
