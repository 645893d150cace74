// quantbench bench: latency of models side by side.
#include <memory>
#include <optional>

#include "quantbench/base/format.h"

#include "cli/bench_scenario.h"
#include "cli/command.h"

namespace quantbench {
namespace {

struct BenchFlags {
  std::vector<std::string> models;
  std::vector<std::int64_t> batch;
  std::vector<std::int64_t> threads;
  std::string data;
  std::string include;
  int repetitions = 10;
  int processes = 0;
  int max_processes = 0;
  double precision = 1;
  double budget_s = 30;
  std::uint64_t seed = 1;
  bool memory = false;
  bool no_added = false;
  ScenarioFlags scenario;
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
  QB_TRY(options.input.constants, flags.input.Constants());
  QB_TRY(options.input.stated, flags.input.Stated());
  options.input.vocabulary = flags.input.vocabulary;
  options.latency.repetitions = flags.repetitions;
  options.latency.SetProcesses(flags.processes, flags.max_processes);
  options.latency.precision = flags.precision / 100;
  options.latency.budget_ns = static_cast<std::int64_t>(flags.budget_s * 1e9);
  options.latency.seed = flags.seed;
  options.memory = flags.memory;
  return options;
}

// "batch 1, 1 thread: ok: q.onnx 1.82 times faster [1.80, 1.84]; differences below 0.8 % cannot be
// seen on this device today" or "batch 1, 1 thread: ok, but failed: q.onnx: not a model".
std::string Told(const Study& study, const std::vector<std::string>& files, const Record& record) {
  std::string line = Format("{}: {}", record.what.cell.Describe(), Name(record.outcome));
  if (!record.reason.empty()) line += ": " + record.reason;
  if (record.outcome != Outcome::kOk) return line;
  Analysis analysis = Analyse(study, {record}, nullptr);
  NameArmsByFile(files, &analysis);
  const CellResult& cell = analysis.cells.front();
  for (const ArmLatency& arm : cell.arms) {
    if (arm.outcome != Outcome::kOk) {
      line += Format(", but {}: {}", Name(arm.outcome), arm.reason);
    } else if (arm.speedup.valid() && &arm != &cell.arms.front()) {
      line += Format(": {} {:.3f} times faster [{:.3f}, {:.3f}]{}", arm.arm, arm.speedup.estimate,
                     arm.speedup.low, arm.speedup.high,
                     cell.timebase == Timebase::kCpu ? " by CPU time" : "");
    }
  }
  const std::string resolution = DescribeResolution(cell);
  return resolution.empty() ? line : line + "; " + resolution;
}

// The study of the command line, and how its arms are fed.
Result<Study> StudyOf(const BenchFlags& flags, BenchOptions* options) {
  Study study = AdHocStudy(flags.models);
  if (!flags.batch.empty()) study.sweep.batch = flags.batch;
  if (!flags.threads.empty()) study.sweep.threads = flags.threads;
  study.sweep.densify = !flags.no_added;
  study.include_data_loading = flags.include == "data-loading";
  QB_TRY(const auto dims, flags.input.DimLists());
  for (const auto& [name, values] : dims) {
    if (values.size() > 1) {
      study.sweep.dims[name] = values;
    } else {
      options->input.dims[name] = values.front();
    }
  }
  return study;
}

void TellOfTorch(const BenchFlags& flags, const BenchOptions& options, Terminal& terminal) {
  const std::vector<std::filesystem::path> files(flags.models.begin(), flags.models.end());
  for (const std::string& note : TorchNotes(files, options.peaks, flags.worker.Options())) {
    terminal.Note(note);
  }
}

// What of the device belongs to a cell: what it can do at most, where that was measured.
Json EnvironmentOf(const BenchOptions& options) {
  Json environment;
  if (options.peaks) environment.Set("peaks", options.peaks->ToJson());
  return environment;
}

int Bench(const BenchFlags& flags, Terminal& terminal) {
  const OutputFormat format = flags.output.format();
  auto options = OptionsOf(flags);
  if (!options.ok()) return terminal.Fail(options.error(), format);
  const auto asked = StudyOf(flags, &options.value());
  if (!asked.ok()) return terminal.Fail(asked.error(), format);
  const Study& study = asked.value();
  if (!flags.scenario.names.empty()) {
    const ScenarioBench bench = {flags.models, flags.batch, flags.threads, flags.processes, format};
    return BenchScenarios(flags.scenario, bench, study, {options.value(), flags.worker.Options()},
                          terminal);
  }
  if (flags.models.size() > 1) {
    PeakOptions peaks;
    peaks.budget_ns = kPeaksBesideMeasuringNs;
    options.value().peaks = MeasurePeaks(peaks, terminal);
  }
  std::vector<Record> records;
  std::optional<Error> refused;
  BenchSweep(study, options.value(), flags.worker.Options(), terminal,
             [&](const Case& work, CaseOutcome outcome) {
               // With nothing else to show, why the only cell failed is the answer.
               const bool alone = Expand(study).size() == study.variants.size() + 1;
               if (outcome.outcome == Outcome::kFailed && alone) {
                 refused = Error(outcome.code, outcome.reason);
                 return false;
               }
               records.push_back(AdHocRecord(work, std::move(outcome)));
               records.back().environment = EnvironmentOf(options.value());
               terminal.Note(Told(study, flags.models, records.back()));
               return true;
             });
  if (refused) return terminal.Fail(*refused, format);
  TellOfTorch(flags, options.value(), terminal);
  Analysis analysis = Analyse(study, records, nullptr);
  NameArmsByFile(flags.models, &analysis);
  std::vector<Table> tables = {LatencyTable(analysis), MeasuringTable(analysis),
                               WorkTable(analysis)};
  Table roofline = RooflineTable(analysis);
  if (!roofline.rows.empty()) tables.push_back(std::move(roofline));
  if (flags.batch.size() > 1) tables.push_back(ScalingTable(analysis));
  if (flags.memory) tables.push_back(MemoryTable(analysis));
  terminal.Print(Render(tables, format));
  bool failed = analysis.failed > 0;
  for (const CellResult& cell : analysis.cells) {
    for (const ArmLatency& arm : cell.arms) failed = failed || arm.outcome != Outcome::kOk;
  }
  // What failed has been told.
  if (!failed) {
    for (const Finding& finding : analysis.findings) terminal.Note(finding.text);
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
      "  quantbench bench model.pt model.onnx model.int8.onnx\n"
      "  quantbench bench traced.pt --input 'x=float32[batch,3,224,224]'\n"
      "  quantbench bench bert.onnx bert.int8.onnx --dim seq=64,128,256 --threads 1,2\n"
      "  quantbench bench cnn.onnx cnn.int8.onnx --data images.toml --include data-loading\n"
      "  quantbench bench cnn.onnx cnn.int8.onnx --scenario offline,server --p99 20ms\n"
      "  quantbench bench cnn.onnx cnn.int8.onnx --scenario energy --carbon 380");
  app.add_option("models", flags->models, "models, .onnx or TorchScript .pt files")->required();
  app.add_option("--batch", flags->batch, "batch sizes (default: 1)")
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  app.add_option("--threads", flags->threads, "threads of the engine (default: 1; offline: all)")
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  app.add_option("--data", flags->data, "real input instead of synthetic");
  app.add_option("--include", flags->include, "data-loading: also time the way from file to answer")
      ->check(CLI::IsMember({"data-loading"}));
  app.add_option("--repetitions", flags->repetitions, "k, runs of every model, at least")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  app.add_option("--precision", flags->precision,
                 "half-width of the ratios' intervals, %: processes are added until it is reached")
      ->check(CLI::Range(0.01, 100.0))
      ->capture_default_str();
  app.add_option("--budget", flags->budget_s, "seconds a cell may take, beyond three processes")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  app.add_option("--processes", flags->processes,
                 "fresh processes a cell: exactly so many, or at least with --max-processes "
                 "(default: 6 to 40)")
      ->check(CLI::Range(1, 1000));
  app.add_option("--max-processes", flags->max_processes, "fresh processes a cell, at most")
      ->check(CLI::Range(1, 1000));
  app.add_flag("--only-asked", flags->no_added,
               "add no batch sizes around those at which throughput falls");
  app.add_flag("--memory", flags->memory, "also memory and loading of each model by itself");
  app.add_option("--seed", flags->seed, "of every random order")->capture_default_str();
  flags->scenario.Add(app);
  flags->input.Add(app);
  flags->worker.Add(app);
  flags->output.Add(app, "-o,--output");
  return [flags](Terminal& terminal) { return Bench(*flags, terminal); };
}

}  // namespace quantbench
