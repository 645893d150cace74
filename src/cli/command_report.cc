// quantbench report: from records to pages, figures and tables.
#include <filesystem>
#include <memory>

#include "quantbench/analyse.h"
#include "quantbench/base/file.h"
#include "quantbench/base/format.h"

#include "cli/command.h"

namespace quantbench {
namespace {

struct ReportFlags {
  std::string study;
  std::string results;
  OutputFlag output;
};

int MakeReport(const ReportFlags& flags, Terminal& terminal) {
  const auto study = LoadStudy(flags.study);
  if (!study.ok()) return terminal.Fail(study.error(), flags.output.format());
  const auto results = flags.results.empty()
                           ? std::filesystem::path(flags.study).parent_path() / "results"
                           : std::filesystem::path(flags.results);
  std::error_code ignored;
  if (!std::filesystem::is_directory(results / "records", ignored)) {
    return terminal.Fail(
        Error(ErrorCode::kNotFound,
              Format("{}: no records here; quantbench run makes them", results.string())),
        flags.output.format());
  }
  return ShowReport(study.value(), results, flags.output.format(), terminal);
}

}  // namespace

int ShowReport(const Study& study, const std::filesystem::path& results, OutputFormat format,
               Terminal& terminal) {
  const auto store = Store::Open(results);
  if (!store.ok()) return terminal.Fail(store.error(), format);
  std::vector<std::string> problems;
  const auto records = store.value().ReadAll(&problems);
  if (!records.ok()) return terminal.Fail(records.error(), format);
  for (const std::string& problem : problems) terminal.Note(problem);
  const Analysis analysis = Analyse(study, records.value(), ReadFrozen(results));
  const auto report = WriteReport(analysis, results);
  if (!report.ok()) return terminal.Fail(report.error(), format);
  if (!report.value().missing.empty()) terminal.Note(report.value().missing);
  std::vector<Table> tables = {SummaryTable(analysis)};
  if (!analysis.hypotheses.empty()) tables.push_back(HypothesisTable(analysis));
  terminal.Print(Render(tables, format));
  std::error_code ignored;
  const std::string path =
      std::filesystem::absolute(report.value().html, ignored).lexically_normal();
  if (format == OutputFormat::kTable) {
    terminal.Print("\n" + path + "\n");
  } else {
    terminal.Note(path);
  }
  return analysis.failed > 0 ? kExitCasesFailed : kExitDone;
}

Action AddReport(CLI::App& app) {
  auto flags = std::make_shared<ReportFlags>();
  Describe(app,
           "Writes the report of what was measured: one HTML page, Markdown, CSV tables, figures.",
           "  quantbench report study.toml\n"
           "  quantbench report study.toml --results results-laptop -o md");
  app.add_option("study", flags->study, "the study, a TOML file")->required();
  app.add_option("--results", flags->results,
                 "folder of records and report (default: results beside the study)");
  flags->output.Add(app, "-o,--output");
  return [flags](Terminal& terminal) { return MakeReport(*flags, terminal); };
}

}  // namespace quantbench
