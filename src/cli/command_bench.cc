// quantbench bench: latency of models side by side.
#include <memory>

#include "quantbench/base/format.h"

#include "cli/command.h"

namespace quantbench {
namespace {

struct BenchFlags {
  std::vector<std::string> models;
  std::vector<std::int64_t> batch = {1};
  std::vector<std::int64_t> threads = {1};
  std::string data;
  std::string include;
  int repetitions = 10;
  int max_repetitions = 50;
  std::int64_t processes = 3;
  InputFlags input;
  WorkerFlags worker;
  OutputFlag output;
};

// The study of the command line: its cells are those of the flags.
Result<BenchOptions> OptionsOf(const BenchFlags& flags) {
  BenchOptions options;
  for (std::size_t i = 0; i < flags.models.size(); ++i) {
    options.arms.push_back({i == 0 ? std::string(kOriginal) : Format("#{}", i), flags.models[i]});
  }
  if (!flags.data.empty()) {
    QB_TRY(DataSpec data, LoadDataSpec(flags.data));
    options.input.data = std::move(data);
  }
  if (flags.include == "data-loading" && flags.data.empty()) {
    return Error(ErrorCode::kInvalidArgument, "--include data-loading needs --data");
  }
  QB_TRY(options.input.dims, flags.input.Dims());
  QB_TRY(options.input.constants, flags.input.Constants());
  options.input.vocabulary = flags.input.vocabulary;
  options.latency.repetitions = flags.repetitions;
  options.latency.max_repetitions = std::max(flags.repetitions, flags.max_repetitions);
  options.processes = flags.processes;
  return options;
}

// "batch 1, 1 thread: ok, but failed: q.onnx: not a model".
std::string Told(const Case& work, const CaseOutcome& outcome) {
  std::string line = Format("{}: {}", work.cell.Describe(), Name(outcome.outcome));
  if (!outcome.reason.empty()) line += ": " + outcome.reason;
  for (const Json& arm : outcome.results["arms"].AsArray()) {
    if (arm["outcome"].AsString() == Name(Outcome::kOk)) continue;
    line += Format(", but {}: {}", arm["outcome"].AsString(), arm["reason"].AsString());
  }
  return line;
}

int Bench(const BenchFlags& flags, Terminal& terminal) {
  const OutputFormat format = flags.output.format();
  auto options = OptionsOf(flags);
  if (!options.ok()) return terminal.Fail(options.error(), format);
  Study study = AdHocStudy(flags.models);
  study.sweep.batch = flags.batch;
  study.sweep.threads = flags.threads;
  study.include_data_loading = flags.include == "data-loading";
  std::vector<Record> records;
  for (const Case& work : Expand(study)) {
    if (work.kind != CaseKind::kMeasure) continue;
    options.value().cell = work.cell;
    terminal.Update(work.cell.Describe(), 0, 0);
    CaseOutcome outcome = BenchCell(options.value(), flags.worker.Options(), terminal);
    // With nothing else to show, why the only cell failed is the answer.
    const bool alone = flags.batch.size() * flags.threads.size() == 1;
    if (outcome.outcome == Outcome::kFailed && alone) {
      return terminal.Fail(Error(outcome.code, outcome.reason), format);
    }
    terminal.Note(Told(work, outcome));
    records.push_back(AdHocRecord(work, std::move(outcome)));
  }
  Analysis analysis = Analyse(study, records, nullptr);
  NameArmsByFile(flags.models, &analysis);
  terminal.Print(Render(LatencyTable(analysis), format));
  bool failed = analysis.failed > 0;
  for (const CellResult& cell : analysis.cells) {
    for (const ArmLatency& arm : cell.arms) failed = failed || arm.outcome != Outcome::kOk;
  }
  return failed ? kExitCasesFailed : kExitDone;
}

}  // namespace

Action AddBench(CLI::App& app) {
  auto flags = std::make_shared<BenchFlags>();
  Describe(
      app,
      "Measures the forward pass of models that take the same inputs, all of them in turn in each\n"
      "process, so that a slow moment of the machine meets all alike. The first is the reference.",
      "  quantbench bench model.onnx model.int8.onnx --batch 1,2,4,8\n"
      "  quantbench bench bert.onnx bert.int8.onnx --dim seq=128 --threads 1,2\n"
      "  quantbench bench cnn.onnx cnn.int8.onnx --data images.toml --include data-loading");
  app.add_option("models", flags->models, "models, .onnx files")->required();
  app.add_option("--batch", flags->batch, "batch sizes")
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  app.add_option("--threads", flags->threads, "threads of the engine")
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  app.add_option("--data", flags->data, "real input instead of synthetic");
  app.add_option("--include", flags->include, "data-loading: also time the way from file to answer")
      ->check(CLI::IsMember({"data-loading"}));
  app.add_option("--repetitions", flags->repetitions,
                 "k, repetitions a process; more while they vary")
      ->check(CLI::Range(2, 100000))
      ->capture_default_str();
  app.add_option("--max-repetitions", flags->max_repetitions, "the most a process makes")
      ->check(CLI::Range(2, 100000))
      ->capture_default_str();
  app.add_option("--processes", flags->processes, "fresh processes a cell")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  flags->input.Add(app);
  flags->worker.Add(app);
  flags->output.Add(app, "-o,--output");
  return [flags](Terminal& terminal) { return Bench(*flags, terminal); };
}

}  // namespace quantbench
