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
  ResultsFlags results;
  OutputFlag output;
};

int MakeReport(const ReportFlags& flags, Terminal& terminal) {
  const auto study = LoadStudy(flags.results.StudyFile());
  if (!study.ok()) return terminal.Fail(study.error(), flags.output.format());
  return ShowReport(study.value(), flags.results.Folder(), flags.output.format(), terminal);
}

}  // namespace

int ShowReport(const Study& study, const std::filesystem::path& results, OutputFormat format,
               Terminal& terminal) {
  const auto read = ReadResults(study, results, terminal);
  if (!read.ok()) return terminal.Fail(read.error(), format);
  const Analysis& analysis = read.value().analysis;
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
  flags->results.Add(app);
  flags->output.Add(app, "-o,--output");
  return [flags](Terminal& terminal) { return MakeReport(*flags, terminal); };
}

}  // namespace quantbench
