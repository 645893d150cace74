// quantbench selftest: how far the measuring itself can be trusted.
#include <memory>

#include "quantbench/base/format.h"

#include "cli/command.h"

namespace quantbench {
namespace {

struct SelfTestFlags {
  std::string model;
  std::int64_t sessions = 100;
  std::vector<double> planted = {2, 5};
  std::vector<int> competitors = {0};
  double budget_s = 10;
  double precision = 1;
  int processes = 0;
  int max_processes = 0;
  std::uint64_t seed = 1;
  WorkerFlags worker;
  OutputFlag output;
};

Table StartTable() {
  Table table;
  table.title = "Self-test";
  table.columns = {{"competitors"},
                   {"effect", false},
                   {"sessions"},
                   {"missed"},
                   {"missed %"},
                   {"95 %", false},
                   {"bias %"},
                   {"half-width %"},
                   {"verdicts given"},
                   {"wrong"},
                   {"as good as it says", false}};
  return table;
}

void AddRows(int competitors, const std::vector<TrialSummary>& summaries, Table* table) {
  for (const TrialSummary& row : summaries) {
    table->rows.push_back({Format("{}", competitors), row.effect, Format("{}", row.sessions),
                           Format("{}", row.missed), Format("{:.1f}", row.rate.estimate * 100),
                           Format("{:.1f} to {:.1f}", row.rate.low * 100, row.rate.high * 100),
                           Format("{:+.2f}", row.bias * 100),
                           Format("{:.2f}", row.half_width * 100), Format("{}", row.judged),
                           Format("{}", row.wrong), row.passed ? "yes" : "no"});
  }
}

// What the sessions were like: without it the figures mean little.
std::string Circumstances(const std::vector<TrialSession>& sessions, int competitors) {
  std::vector<double> contention;
  std::vector<double> processes;
  std::int64_t by_cpu = 0;
  for (const TrialSession& session : sessions) {
    contention.push_back(session.cell.contention);
    processes.push_back(static_cast<double>(session.cell.arms.front().processes));
    by_cpu += session.cell.timebase == Timebase::kCpu ? 1 : 0;
  }
  const Summary k = Summarise(contention);
  return Format(
      "{} competitors: contention {:.2f} (median; {:.2f} to {:.2f}), {} of {} sessions by CPU "
      "time, "
      "{:.0f} processes a session (median)",
      competitors, k.median, k.min, k.max, by_cpu, sessions.size(), Summarise(processes).median);
}

int SelfTest(const SelfTestFlags& flags, Terminal& terminal) {
  const OutputFormat format = flags.output.format();
  SelfTestOptions options;
  options.sessions = flags.sessions;
  options.model = flags.model;
  options.planted.clear();
  for (const double percent : flags.planted) options.planted.push_back(percent / 100);
  options.latency.budget_ns = static_cast<std::int64_t>(flags.budget_s * 1e9);
  options.latency.precision = flags.precision / 100;
  options.latency.SetProcesses(flags.processes, flags.max_processes);
  options.latency.seed = flags.seed;
  Table table = StartTable();
  bool passed = true;
  for (const int competitors : flags.competitors) {
    options.competitors = competitors;
    const auto sessions = RunSelfTest(options, flags.worker.Options(), terminal);
    if (!sessions.ok()) return terminal.Fail(sessions.error(), format);
    terminal.Note(Circumstances(sessions.value(), competitors));
    const std::vector<TrialSummary> summaries = SummariseTrials(sessions.value());
    AddRows(competitors, summaries, &table);
    // The last is the naive way, there for comparison.
    for (std::size_t i = 0; i + 1 < summaries.size(); ++i) passed = passed && summaries[i].passed;
  }
  terminal.Print(Render(table, format));
  return passed ? kExitDone : kExitGateMissed;
}

}  // namespace

Action AddSelfTest(CLI::App& app) {
  auto flags = std::make_shared<SelfTestFlags>();
  Describe(
      app,
      "Measures copies of one model against each other, some made slower by a known share, and\n"
      "counts how often the 95 % intervals miss the truth: 5 of 100 are allowed, and chance. The\n"
      "last row is what timing one after the other, ten runs each, would have said. Exit code 1\n"
      "when an interval is missed more often than it says.",
      "  quantbench selftest --sessions 100\n"
      "  quantbench selftest --competitors 0,2 -o md\n"
      "  quantbench selftest model.onnx --sessions 20 --planted 1");
  app.add_option("model", flags->model, "an .onnx file instead of a built-in one of about 3 ms");
  app.add_option("--sessions", flags->sessions, "sessions, each a cell of its own")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  app.add_option("--planted", flags->planted, "slow-downs to be found again, %")
      ->delimiter(',')
      ->check(CLI::Range(0.01, 1000.0));
  app.add_option("--competitors", flags->competitors,
                 "busy processes beside the measuring; several numbers, one test each")
      ->delimiter(',')
      ->check(CLI::Range(0, 1000));
  app.add_option("--budget", flags->budget_s, "seconds a session may take")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  app.add_option("--precision", flags->precision, "half-width to stop at, %")
      ->check(CLI::Range(0.01, 100.0))
      ->capture_default_str();
  app.add_option("--processes", flags->processes, "processes a session, exactly, or at least")
      ->check(CLI::Range(1, 1000));
  app.add_option("--max-processes", flags->max_processes, "processes a session, at most")
      ->check(CLI::Range(1, 1000));
  app.add_option("--seed", flags->seed, "of every random order")->capture_default_str();
  flags->worker.Add(app);
  flags->output.Add(app, "-o,--output");
  return [flags](Terminal& terminal) { return SelfTest(*flags, terminal); };
}

}  // namespace quantbench
