// The tables of scenarios, one a scenario.
#include <algorithm>
#include <cmath>

#include "quantbench/base/format.h"
#include "quantbench/report.h"

#include "report/cells.h"

namespace quantbench {
namespace {

using Row = std::vector<std::string>;

struct ScenarioTable {
  Scenario scenario;
  std::string title;
  std::vector<Column> columns;  // between "arm" and "remark"
  Row (*cells)(const ScenarioResult& result, const ScenarioArm& arm);
};

// "1.23 (1.20 to 1.26)", and of the original nothing.
std::string Better(const Interval& value) {
  if (value.low == 1 && value.high == 1) return "-";
  if (!value.valid()) return Number(value.estimate);
  return Format("{} ({})", Number(value.estimate), Range(value));
}

std::string Resolution(const ScenarioResult& result) {
  return Number(result.cell.resolution() * 100);
}

Row OfflineCells(const ScenarioResult& result, const ScenarioArm& arm) {
  return {Format("{}", arm.batch), Number(arm.value.estimate), Better(arm.better),
          Format("{}", arm.processes), Resolution(result)};
}

Row ServerCells(const ScenarioResult& result, const ScenarioArm& arm) {
  const double busy = arm.value.estimate * arm.service_ms * 1e-3;
  return {Number(result.target_ms), Number(arm.value.estimate),  Range(arm.value),
          Better(arm.better),       Number(arm.p99_ms),          Number(arm.service_ms),
          Number(busy * 100),       Format("{}", arm.processes), Format("{}", arm.trials),
          Resolution(result)};
}

Row SustainedCells(const ScenarioResult& result, const ScenarioArm& arm) {
  return {Number(result.duration_s), Number(result.window_s), Number(arm.first_ms),
          Number(arm.last_ms),       Better(arm.slowdown),    Better(arm.better_first),
          Better(arm.better_last),   Resolution(result)};
}

Row EndToEndCells(const ScenarioResult& result, const ScenarioArm& arm) {
  return {Number(arm.value.estimate), Number(arm.parts.load),      Number(arm.parts.preprocess),
          Number(arm.parts.copy),     Number(arm.parts.run),       Better(arm.better),
          Better(arm.run_faster),     Format("{}", arm.processes), Resolution(result)};
}

constexpr const char* kCarbon = "g CO2e a million";

// Takes a column out in which nobody has anything to say.
void DropColumn(std::string_view title, Table* table) {
  const auto found = std::find_if(table->columns.begin(), table->columns.end(),
                                  [&](const Column& column) { return column.title == title; });
  if (found == table->columns.end()) return;
  const auto at = found - table->columns.begin();
  table->columns.erase(found);
  for (Row& row : table->rows) row.erase(row.begin() + at);
}

// Joules as people read them beside milliseconds.
Interval Millijoules(const Interval& joules) {
  constexpr double kMilli = 1e3;
  return {joules.estimate * kMilli, joules.low * kMilli, joules.high * kMilli};
}

Row EnergyCells(const ScenarioResult& result, const ScenarioArm& arm) {
  return {Number(Millijoules(arm.value).estimate),
          Range(Millijoules(arm.value)),
          Number(Millijoules(arm.net).estimate),
          Range(Millijoules(arm.net)),
          Better(arm.better),
          Better(arm.better_net),
          Number(arm.watts),
          Number(result.idle_watts),
          Number(arm.carbon_g),
          Format("{}", arm.processes),
          Resolution(result),
          result.source};
}

std::vector<ScenarioTable> Layouts() {
  return {{Scenario::kOffline,
           "Offline throughput",
           {{"best batch"}, {"samples/s"}, {"times more, 95 %"}, {"processes"}, {"resolution %"}},
           OfflineCells},
          {Scenario::kServer,
           "Server",
           {{"p99 target ms"},
            {"queries/s"},
            {"95 %"},
            {"times more, 95 %"},
            {"p99 ms there"},
            {"run ms"},
            {"busy %"},
            {"processes"},
            {"rates tried"},
            {"resolution %"}},
           ServerCells},
          {Scenario::kSustained,
           "Sustained",
           {{"seconds"},
            {"window s"},
            {"first ms"},
            {"last ms"},
            {"last / first, 95 %"},
            {"times faster first, 95 %"},
            {"times faster last, 95 %"},
            {"resolution %"}},
           SustainedCells},
          {Scenario::kEndToEnd,
           "From file to answer",
           {{"mean ms"},
            {"load ms"},
            {"preprocess ms"},
            {"copy ms"},
            {"run ms"},
            {"times faster, 95 %"},
            {"run alone times faster, 95 %"},
            {"processes"},
            {"resolution %"}},
           EndToEndCells},
          {Scenario::kEnergy,
           "Energy",
           {{"mJ gross"},
            {"gross, 95 %"},
            {"mJ net"},
            {"net, 95 %"},
            {"times less gross, 95 %"},
            {"times less net, 95 %"},
            {"W"},
            {"idle W"},
            {kCarbon},
            {"processes"},
            {"resolution %"},
            {"source", false, true}},
           EnergyCells}};
}

std::string RemarkOn(const ScenarioResult& result, const ScenarioArm& arm) {
  if (arm.outcome != Outcome::kOk) return OutcomeText(arm.outcome, arm.reason);
  if (!arm.reason.empty()) return arm.reason;
  if (result.cell.contention > kContended) {
    return Format("contended: runs took {:.2f} times their CPU time{}", result.cell.contention,
                  result.cell.timebase == Timebase::kCpu ? "; ratios by CPU time" : "");
  }
  return "";
}

void AddRows(const ScenarioResult& result, const ScenarioTable& layout, Table* table) {
  const std::string place = result.cell.cell.Describe();
  if (result.cell.outcome != Outcome::kOk) {
    Row row(table->columns.size(), "-");
    row[0] = result.cell.model;
    row[1] = place;
    row.back() = OutcomeText(result.cell.outcome, result.cell.reason);
    table->rows.push_back(std::move(row));
  }
  for (const ScenarioArm& arm : result.arms) {
    Row row = {result.cell.model, place, arm.arm};
    if (arm.outcome == Outcome::kOk) {
      for (std::string& cell : layout.cells(result, arm)) row.push_back(std::move(cell));
    }
    row.resize(table->columns.size() - 1, "-");
    row.push_back(RemarkOn(result, arm));
    table->rows.push_back(std::move(row));
  }
}

}  // namespace

std::vector<Table> ScenarioTables(const Analysis& analysis) {
  std::vector<Table> tables;
  for (const ScenarioTable& layout : Layouts()) {
    Table table;
    table.title = layout.title;
    table.columns = {{"model", false}, {"cell", false}, {"arm", false}};
    table.columns.insert(table.columns.end(), layout.columns.begin(), layout.columns.end());
    table.columns.push_back({"remark", false, true});
    for (const ScenarioResult& result : analysis.scenarios) {
      if (result.cell.cell.scenario == layout.scenario) AddRows(result, layout, &table);
    }
    if (!(analysis.study.scenario.carbon_g_per_kwh > 0)) DropColumn(kCarbon, &table);
    if (!table.rows.empty()) tables.push_back(std::move(table));
  }
  return tables;
}

}  // namespace quantbench
