// quantbench report: from records to pages, figures and tables.
#include <algorithm>
#include <filesystem>
#include <memory>

#include "quantbench/analyse.h"
#include "quantbench/base/file.h"
#include "quantbench/base/format.h"
#include "quantbench/serve.h"

#include "cli/command.h"

namespace quantbench {
namespace {

struct ReportFlags {
  ResultsFlags results;
  OutputFlag output;
  bool serve = false;
  int port = 8000;
};

// Grows with every record that is written.
std::string VersionOf(const std::filesystem::path& results) {
  std::error_code failed;
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(results / "records", failed)) {
    if (entry.path().extension() == ".json") names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  std::string text;
  for (const std::string& name : names) text += name + "\n";
  return Sha256(text);
}

int ServeReport(const ReportFlags& flags, Terminal& terminal) {
  const auto study = LoadStudy(flags.results.StudyFile());
  if (!study.ok()) return terminal.Fail(study.error());
  const std::filesystem::path folder = flags.results.Folder();
  const auto make = [&]() -> Status {
    QB_TRY(const StudyResults read, ReadResults(study.value(), folder, terminal));
    QB_TRY(const Report report, WriteReport(read.analysis, folder));
    return Ok();
  };
  ServeOptions options;
  options.folder = folder;
  options.port = flags.port;
  options.version = [&] { return VersionOf(folder); };
  options.make = make;
  options.ready = [&](int port) {
    terminal.Print(Format("http://127.0.0.1:{}/\n", port));
    terminal.Note(
        "for this machine only, read only, loaded again while records come; Ctrl-C ends it");
  };
  if (const Status made = make(); !made.ok()) return terminal.Fail(made.error());
  if (const Status served = Serve(options); !served.ok()) return terminal.Fail(served.error());
  return kExitDone;
}

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
  if (const std::string sure = DescribeConfidence(analysis); !sure.empty()) terminal.Note(sure);
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
           "  quantbench report study.toml --results results-laptop -o md\n"
           "  quantbench report study.toml --serve --port 8000");
  flags->results.Add(app);
  flags->output.Add(app, "-o,--output");
  app.add_flag("--serve", flags->serve,
               "show the report to browsers on this machine, made again as records come");
  app.add_option("--port", flags->port, "of --serve; 0: any free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  return [flags](Terminal& terminal) {
    return flags->serve ? ServeReport(*flags, terminal) : MakeReport(*flags, terminal);
  };
}

}  // namespace quantbench
