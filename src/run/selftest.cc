// Testing ourselves: copies of one model, some made slower by a known factor, measured as any cell.
#include <filesystem>
#include <system_error>

#include <unistd.h>

#include "quantbench/base/format.h"
#include "quantbench/model.h"
#include "quantbench/run.h"

#include "run/competitors.h"
#include "run/protocol.h"
#include "run/tiny_model.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSubject = "model";

// The built-in model in a temporary file, removed with this.
class BuiltInModel {
 public:
  BuiltInModel()
      : path_(fs::temp_directory_path() / Format("quantbench-selftest.{}.onnx", getpid())) {}
  BuiltInModel(const BuiltInModel&) = delete;
  BuiltInModel& operator=(const BuiltInModel&) = delete;
  BuiltInModel(BuiltInModel&&) = delete;
  BuiltInModel& operator=(BuiltInModel&&) = delete;
  ~BuiltInModel() {
    std::error_code ignored;
    fs::remove(path_, ignored);
  }
  [[nodiscard]] Status Write() const {
    return SaveModel(ProductChain(64, 256, 16), path_, {.replace_existing = true});
  }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// The study in whose terms a session is analysed: the original and the slowed copies.
Study StudyOf(const SelfTestOptions& options) {
  Study study;
  StudyModel model;
  model.id = kSubject;
  study.models.push_back(std::move(model));
  for (const double share : options.planted) {
    StudyVariant variant;
    variant.id = Format("{}", share);
    study.variants.push_back(std::move(variant));
  }
  return study;
}

// One arm in one process, k single runs after three for warming up.
Result<std::vector<double>> NaiveRuns(const BenchOptions& options, const WorkerOptions& worker,
                                      Progress& progress) {
  BenchOptions naive = options;
  naive.arms.resize(1);
  naive.control = false;
  naive.latency.SetProcesses(1, 0);
  naive.latency.rounds = options.latency.repetitions;
  naive.latency.lap_runs = 1;
  naive.latency.warmup_ns = naive.latency.max_warmup_ns = 0;
  const CaseOutcome outcome = BenchCell(naive, worker, progress);
  if (outcome.outcome != Outcome::kOk) return Error(outcome.code, outcome.reason);
  QB_TRY(const LatencySamples samples,
         LatencySamples::FromJson(
             outcome.results["arms"].AsArray().front()["processes"].AsArray().front()));
  std::vector<double> runs;
  for (const Lap& lap : samples.laps) runs.push_back(static_cast<double>(lap.run_ns.front()));
  return runs;
}

// Welch's interval of the difference, as a ratio to the first mean.
Result<Interval> Naive(const BenchOptions& options, const WorkerOptions& worker,
                       Progress& progress) {
  QB_TRY(const std::vector<double> first, NaiveRuns(options, worker, progress));
  QB_TRY(const std::vector<double> second, NaiveRuns(options, worker, progress));
  const Interval d = WelchDifference(first, second);
  const double mean = Summarise(first).mean;
  return Interval{1 + d.estimate / mean, 1 + d.low / mean, 1 + d.high / mean};
}

Result<TrialSession> RunSession(const Study& study, const BenchOptions& options,
                                const WorkerOptions& worker, Progress& progress) {
  const Case work{CaseKind::kMeasure, std::string(kSubject), "", options.cell};
  Record record;
  record.what = work;
  CaseOutcome outcome = BenchCell(options, worker, progress);
  if (outcome.outcome != Outcome::kOk) return Error(outcome.code, outcome.reason);
  record.results = std::move(outcome.results);
  TrialSession session;
  session.cell = Analyse(study, {record}, nullptr).cells.front();
  for (std::size_t i = 1; i < options.arms.size(); ++i) {
    session.planted.emplace_back(1 + options.arms[i].slowdown, session.cell.arms.at(i).ratio);
  }
  QB_TRY(session.naive, Naive(options, worker, progress));
  return session;
}

}  // namespace

Result<std::vector<TrialSession>> RunSelfTest(const SelfTestOptions& options,
                                              const WorkerOptions& worker, Progress& progress) {
  const BuiltInModel built_in;
  if (options.model.empty()) QB_OK(built_in.Write());
  const fs::path& model = options.model.empty() ? built_in.path() : options.model;
  const Study study = StudyOf(options);
  BenchOptions bench;
  bench.arms.push_back({std::string(kOriginal), model});
  for (std::size_t i = 0; i < options.planted.size(); ++i) {
    bench.arms.push_back({study.variants[i].id, model, options.planted[i]});
  }
  bench.latency = options.latency;
  const Competitors competitors(options.competitors);
  std::vector<TrialSession> sessions;
  SilentProgress silent;
  for (std::int64_t i = 0; i < options.sessions; ++i) {
    progress.Update("self-test sessions", i, options.sessions);
    bench.latency.seed = options.latency.seed + static_cast<std::uint64_t>(i) * 1000;
    QB_TRY(TrialSession session, RunSession(study, bench, worker, silent));
    const CellResult& cell = session.cell;
    progress.Note(
        Format("session {}: A/A {:.4f} [{:.4f}, {:.4f}] by {} time, {} processes, "
               "contention {:.2f}",
               i + 1, cell.control.estimate, cell.control.low, cell.control.high,
               Name(cell.timebase), cell.arms.front().processes, cell.contention));
    sessions.push_back(std::move(session));
  }
  return sessions;
}

}  // namespace quantbench
