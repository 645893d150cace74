// The tables of latencies: the times and ratios, and how they were measured.
#include <cmath>

#include "quantbench/base/format.h"
#include "quantbench/report.h"

#include "report/cells.h"

namespace quantbench {
namespace {

// A cell that was not measured: its place and why.
std::vector<std::string> EmptyRow(const Table& table, const CellResult& cell) {
  std::vector<std::string> row(table.columns.size(), "-");
  row[0] = cell.model;
  row[1] = cell.cell.Describe();
  row[2].clear();
  row.back() = OutcomeText(cell.outcome, cell.reason);
  return row;
}

std::string PercentileOf(const ArmLatency& arm, double percent) {
  for (const Percentile& percentile : arm.percentiles) {
    if (percentile.percent == percent) return Number(percentile.value);
  }
  return "-";
}

// Why a time or a ratio is not what it seems.
std::string RemarkOf(const CellResult& cell, const ArmLatency& arm) {
  if (arm.outcome != Outcome::kOk) return OutcomeText(arm.outcome, arm.reason);
  if (cell.contention > kContended) {
    return Format("contended: runs took {:.2f} times their CPU time", cell.contention);
  }
  return "";
}

// Rows end in "-" where nothing was measured.
std::vector<std::string> MemoryRow(const Table& table, const CellResult& cell,
                                   const ArmMemory& arm) {
  std::vector<std::string> row = {cell.model, cell.cell.Describe(), arm.arm};
  if (arm.outcome == Outcome::kOk) {
    for (const std::uint64_t bytes :
         {arm.loaded, arm.steady, arm.anonymous, arm.file_backed, arm.peak}) {
      row.push_back(Format("{:.1f}", static_cast<double>(bytes) * 1e-6));
    }
    row.push_back(Number(arm.cold_load_ms));
    row.push_back(Number(arm.warm_load_ms));
  }
  row.resize(table.columns.size() - 1, "-");
  row.push_back(OutcomeText(arm.outcome, arm.reason));
  return row;
}

}  // namespace

Table LatencyTable(const Analysis& analysis) {
  Table table;
  table.title = "Latency";
  table.columns = {{"model", false},
                   {"cell", false},
                   {"arm", false},
                   {"mean ms"},
                   {"std ms"},
                   {"median ms"},
                   {"MAD ms"},
                   {"min ms"},
                   {"n"},
                   {"samples/s"},
                   {"times faster"},
                   {"95 %"},
                   {"by", false},
                   {"remark", false, true}};
  for (const CellResult& cell : analysis.cells) {
    if (cell.outcome != Outcome::kOk) table.rows.push_back(EmptyRow(table, cell));
    for (const ArmLatency& arm : cell.arms) {
      const bool fine = arm.outcome == Outcome::kOk;
      const bool compared = fine && &arm != &cell.arms.front();  // the original is first
      const Summary& ms = arm.ms;
      const auto show = [&](double value) { return fine ? Number(value) : std::string("-"); };
      table.rows.push_back(
          {cell.model, cell.cell.Describe(), arm.arm, show(ms.mean), show(ms.stddev),
           show(ms.median), show(ms.mad), show(ms.min), fine ? Format("{}", ms.n) : "-",
           show(arm.samples_per_s), show(arm.speedup.estimate), compared ? Range(arm.speedup) : "-",
           compared ? std::string(Name(cell.timebase)) : "-", RemarkOf(cell, arm)});
    }
  }
  return table;
}

Table MeasuringTable(const Analysis& analysis) {
  Table table;
  table.title = "Measuring";
  table.columns = {{"model", false},
                   {"cell", false},
                   {"arm", false},
                   {"load ms"},
                   {"first run ms"},
                   {"warm-up runs"},
                   {"after a switch ms"},
                   {"p90 ms"},
                   {"p95 ms"},
                   {"p99 ms"},
                   {"p99.9 ms"},
                   {"CPU ms"},
                   {"times faster by CPU time"},
                   {"contention"},
                   {"processes"},
                   {"A/A ratio"},
                   {"resolution %"},
                   {"ended because", false, true}};
  for (const CellResult& cell : analysis.cells) {
    if (cell.outcome != Outcome::kOk) table.rows.push_back(EmptyRow(table, cell));
    for (const ArmLatency& arm : cell.arms) {
      if (arm.outcome != Outcome::kOk) continue;
      table.rows.push_back({cell.model, cell.cell.Describe(), arm.arm, Number(arm.load_ms),
                            Number(arm.first_run_ms), Number(arm.warmup_runs),
                            Number(arm.switch_ms), PercentileOf(arm, 90), PercentileOf(arm, 95),
                            PercentileOf(arm, 99), PercentileOf(arm, 99.9), Number(arm.cpu_ms.mean),
                            Number(1 / arm.cpu_ratio.estimate), Format("{:.3f}", cell.contention),
                            Format("{}", arm.processes), Range(cell.control),
                            Number(cell.resolution() * 100), cell.stopped});
    }
  }
  return table;
}

Table MemoryTable(const Analysis& analysis) {
  Table table;
  table.title = "Memory";
  table.columns = {{"model", false}, {"cell", false},   {"arm", false},         {"loaded MB"},
                   {"running MB"},   {"of it heap MB"}, {"of it files MB"},     {"peak MB"},
                   {"cold load ms"}, {"warm load ms"},  {"remark", false, true}};
  for (const CellResult& cell : analysis.cells) {
    for (const ArmMemory& arm : cell.memory) {
      table.rows.push_back(MemoryRow(table, cell, arm));
    }
  }
  return table;
}

Table ScalingTable(const Analysis& analysis) {
  Table table;
  table.title = "Scaling";
  table.columns = {{"model", false},
                   {"cell", false},
                   {"arm", false},
                   {"fixed ms"},
                   {"ms a sample"},
                   {"fit within %"},
                   {"fixed = samples at batch"},
                   {"no gain from batch"},
                   {"remark", false, true}};
  for (const Scaling& scaling : ScalingsOf(analysis)) {
    std::string remark = scaling.contended ? "by CPU time" : "";
    for (const auto& [before, after] : scaling.dips) {
      remark += Format("{}batch {} has less throughput than {}", remark.empty() ? "" : "; ", after,
                       before);
    }
    const bool line = scaling.fixed_ms > 0 && scaling.per_sample_ms > 0;
    table.rows.push_back({scaling.model, scaling.where, scaling.arm, Number(scaling.fixed_ms),
                          Number(scaling.per_sample_ms), Number(scaling.worst * 100),
                          line ? Number(scaling.fixed_ms / scaling.per_sample_ms) : "-",
                          scaling.knee > 0 ? Format("{}", scaling.knee) : "-", remark});
  }
  return table;
}

}  // namespace quantbench
