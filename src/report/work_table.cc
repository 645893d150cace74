// The table of work: what was computed, beside how long it took.
#include "quantbench/base/format.h"
#include "quantbench/report.h"

#include "report/cells.h"

namespace quantbench {
namespace {

std::string Giga(std::int64_t count) {
  return Format("{:.4g}", static_cast<double>(count) * 1e-9);
}

std::string Percent(std::int64_t part, std::int64_t whole) {
  if (whole <= 0) return "-";
  return Format("{:.0f}", 100 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string RatioOf(std::int64_t count, std::int64_t original) {
  if (original <= 0) return "-";
  return Format("{:.3g}", static_cast<double>(count) / static_cast<double>(original));
}

std::vector<std::string> WorkRow(const CellResult& cell, const ArmLatency& arm,
                                 const ModelWork& original) {
  const ModelWork& work = *arm.work;
  const Work& total = work.total;
  const bool timed = arm.outcome == Outcome::kOk && arm.ms.mean > 0;
  const double rate = timed ? static_cast<double>(total.flops()) * 1e-6 / arm.ms.mean : 0;
  std::string remark;
  if (work.unknown > 0) {
    remark = Format("not counted: parts of {} operators (quantbench inspect --flops names them)",
                    work.unknown);
  }
  return {cell.model,
          cell.cell.Describe(),
          arm.arm,
          Giga(total.macs),
          Percent(work.integer_macs, total.macs),
          Giga(total.flops()),
          RatioOf(total.flops(), original.total.flops()),
          Giga(total.transcendentals),
          Format("{:.4g}", static_cast<double>(total.bytes()) * 1e-6),
          RatioOf(total.bytes(), original.total.bytes()),
          Format("{}", work.parameters),
          timed ? Number(rate) : "-",
          remark};
}

}  // namespace

Table WorkTable(const Analysis& analysis) {
  Table table;
  table.title = "Work";
  table.columns = {
      {"model", false}, {"cell", false}, {"arm", false},         {"GMAC"},     {"of codes %"},
      {"GFLOP"},        {"x original"},  {"G transcendental"},   {"MB moved"}, {"x original bytes"},
      {"parameters"},   {"GFLOP/s"},     {"remark", false, true}};
  for (const CellResult& cell : analysis.cells) {
    const ArmLatency* original = cell.arms.empty() ? nullptr : &cell.arms.front();
    for (const ArmLatency& arm : cell.arms) {
      if (!arm.work) continue;
      table.rows.push_back(WorkRow(cell, arm, original->work ? *original->work : ModelWork()));
    }
  }
  return table;
}

}  // namespace quantbench
