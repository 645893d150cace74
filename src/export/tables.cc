// The list of tables, and the table of their columns.
#include "export/tables.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace quantbench {
namespace {

struct ColumnRow {
  const ExportTable* table;
  const ExportColumn* column;
};

// Describes `tables`, and itself.
ExportTable ColumnsExport(const std::vector<ExportTable>& tables) {
  TableOf<ColumnRow> builder("columns", "what every column of every table is");
  builder
      .Text("table_name", "the table", [](const ColumnRow& row) -> Json { return row.table->name; })
      .Text("column_name", "the column, with its unit",
            [](const ColumnRow& row) -> Json { return row.column->name; })
      .Text("type", "text, integer, real or flag",
            [](const ColumnRow& row) -> Json { return Json(Name(row.column->type)); })
      .Text("meaning", "what it says; empty values are not known, or not of that row",
            [](const ColumnRow& row) -> Json { return row.column->meaning; });
  return builder.From([tables](const ExportSource&, const TableOf<ColumnRow>::Visit& visit) {
    for (const ExportTable& table : tables) {
      for (const ExportColumn& column : table.columns) visit({&table, &column});
    }
  });
}

}  // namespace

std::string_view Name(ExportType type) {
  constexpr std::array<std::string_view, 4> kNames = {"text", "integer", "real", "flag"};
  return kNames[static_cast<std::size_t>(type)];
}

bool ExportSource::Uses(const Record& record) const {
  return std::find(analysis->used.begin(), analysis->used.end(), record.key) !=
         analysis->used.end();
}

const std::vector<ExportTable>& ExportTables() {
  static const std::vector<ExportTable> tables = [] {
    std::vector<ExportTable> all;
    for (std::vector<ExportTable> some :
         {StudyExports(), SummaryExports(), LatencyExports(), AccuracyExports(), RawExports()}) {
      std::move(some.begin(), some.end(), std::back_inserter(all));
    }
    all.push_back(ColumnsExport(all));
    return all;
  }();
  return tables;
}

}  // namespace quantbench
