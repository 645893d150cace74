// quantbench run: the whole study, then its report.
#include <csignal>
#include <filesystem>
#include <memory>

#include <unistd.h>

#include "quantbench/analyse.h"
#include "quantbench/base/format.h"

#include "cli/command.h"

namespace quantbench {
namespace {

struct RunFlags {
  std::string study;
  std::string results;
  bool retry_failed = false;
  bool dry_run = false;
  WorkerFlags worker;
  OutputFlag output;
};

// Says what becomes of an interrupted study, and ends as the signal would have ended it.
void EndInterrupted(int signal) {
  constexpr std::string_view kSays =
      "\nquantbench: interrupted; finished cases are kept, and the same command goes on from "
      "there\n";
  (void)!write(STDERR_FILENO, kSays.data(), kSays.size());
  std::signal(signal, SIG_DFL);
  (void)std::raise(signal);
}

int DryRun(const Study& study, Terminal& terminal) {
  std::string text;
  for (const Case& work : Expand(study)) text += work.Describe() + "\n";
  terminal.Print(text);
  terminal.Note(ExpectedEffort(study));
  return kExitDone;
}

int Run(const RunFlags& flags, Terminal& terminal) {
  const auto study = LoadStudy(flags.study);
  if (!study.ok()) return terminal.Fail(study.error());
  if (flags.dry_run) return DryRun(study.value(), terminal);
  RunStudyOptions options;
  options.results = flags.results.empty()
                        ? std::filesystem::path(flags.study).parent_path() / "results"
                        : std::filesystem::path(flags.results);
  options.worker = flags.worker.Options();
  options.retry_failed = flags.retry_failed;
  std::signal(SIGINT, EndInterrupted);
  std::signal(SIGTERM, EndInterrupted);
  const auto outcome = RunStudy(study.value(), options, terminal);
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  if (!outcome.ok()) return terminal.Fail(outcome.error());
  const StudyOutcome& done = outcome.value();
  terminal.Note(Format("{} cases: {} done now, {} had a record, {} failed{}", done.cases, done.done,
                       done.resumed, done.failed,
                       done.failed > 0 ? "; --retry-failed does them again" : ""));
  return ShowReport(study.value(), options.results, flags.output.format(), terminal);
}

}  // namespace

Action AddRun(CLI::App& app) {
  auto flags = std::make_shared<RunFlags>();
  Describe(
      app,
      "Quantizes, measures, evaluates and judges everything a study names, and writes its report.\n"
      "Each finished case is kept at once; run again, and only what has no record is done.",
      "  quantbench run study.toml\n"
      "  quantbench run study.toml --results results-laptop\n"
      "  quantbench run study.toml --device cuda --results results-cuda\n"
      "  quantbench run study.toml --dry-run");
  app.add_option("study", flags->study, "the study, a TOML file")->required();
  app.add_option("--results", flags->results,
                 "folder of records and report (default: results beside the study)");
  app.add_flag("--retry-failed", flags->retry_failed,
               "do cases again that failed, or were left out for another's failure");
  app.add_flag("--dry-run", flags->dry_run, "list the cases and do nothing");
  flags->worker.Add(app);
  flags->output.Add(app, "-o,--output");
  return [flags](Terminal& terminal) { return Run(*flags, terminal); };
}

}  // namespace quantbench
