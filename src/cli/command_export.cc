// quantbench export: every number in long tables, for other programs.
#include <filesystem>
#include <memory>

#include "quantbench/base/format.h"
#include "quantbench/export.h"

#include "cli/command.h"

namespace quantbench {
namespace {

struct ExportFlags {
  ResultsFlags results;
  std::string csv;
  std::string jsonl;
  std::string sqlite;
  bool columns = false;
  OutputFlag output;
};

int ShowColumns(OutputFormat format, Terminal& terminal) {
  Table shown;
  shown.title = "Columns";
  shown.columns = {{"table", false}, {"column", false}, {"type", false}, {"meaning", false, true}};
  for (const ExportTable& table : ExportTables()) {
    for (const ExportColumn& column : table.columns) {
      shown.rows.push_back(
          {table.name, column.name, std::string(Name(column.type)), column.meaning});
    }
  }
  terminal.Print(Render(shown, format));
  return kExitDone;
}

Status WriteAll(const ExportFlags& flags, const ExportSource& source) {
  if (!flags.csv.empty()) QB_OK(ExportCsv(source, flags.csv));
  if (!flags.jsonl.empty()) QB_OK(ExportJsonLines(source, flags.jsonl));
  if (!flags.sqlite.empty()) QB_OK(ExportSqlite(source, flags.sqlite));
  return Ok();
}

int Export(const ExportFlags& flags, Terminal& terminal) {
  if (flags.columns) return ShowColumns(flags.output.format(), terminal);
  if (flags.results.study.empty()) {
    return terminal.Fail(Error(ErrorCode::kInvalidArgument, "export needs a study"));
  }
  if (flags.csv.empty() && flags.jsonl.empty() && flags.sqlite.empty()) {
    return terminal.Fail(Error(ErrorCode::kInvalidArgument,
                               "export needs --csv FOLDER, --jsonl FILE or --sqlite FILE"));
  }
  const auto read = ReadResults(flags.results, terminal);
  if (!read.ok()) return terminal.Fail(read.error());
  const ExportSource source = {&read.value().analysis, read.value().records};
  if (const Status status = WriteAll(flags, source); !status.ok()) {
    return terminal.Fail(status.error());
  }
  std::string text;
  for (const std::string& path : {flags.csv, flags.jsonl, flags.sqlite}) {
    if (!path.empty()) text += path + "\n";
  }
  terminal.Print(text);
  terminal.Note(
      Format("{} tables of {} records; docs/export.md and the table \"columns\" say "
             "what every column is",
             ExportTables().size(), read.value().records.size()));
  return kExitDone;
}

}  // namespace

Action AddExport(CLI::App& app) {
  auto flags = std::make_shared<ExportFlags>();
  Describe(
      app,
      "Writes every raw lap, summary, interval, verdict and finding as long tables for pandas, "
      "R and SQL.",
      "  quantbench export study.toml --sqlite study.db\n"
      "  quantbench export study.toml --csv tables --jsonl study.jsonl\n"
      "  quantbench export --columns -o md");
  flags->results.Add(app)->required(false);
  app.add_option("--csv", flags->csv, "folder for one CSV file a table");
  app.add_option("--jsonl", flags->jsonl, "file for one JSON object a row");
  app.add_option("--sqlite", flags->sqlite, "file for a database; one that exists is replaced");
  app.add_flag("--columns", flags->columns, "print what every column of every table is");
  flags->output.Add(app, "-o,--output");
  return [flags](Terminal& terminal) { return Export(*flags, terminal); };
}

}  // namespace quantbench
