// Measuring cells and scenarios, evaluating arms.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "quantbench/analyse.h"
#include "quantbench/base/json.h"
#include "quantbench/base/progress.h"
#include "quantbench/base/status.h"
#include "quantbench/data.h"
#include "quantbench/device.h"
#include "quantbench/energy.h"
#include "quantbench/measure.h"
#include "quantbench/results.h"
#include "quantbench/run/worker.h"
#include "quantbench/study.h"

namespace quantbench {

struct Arm {
  std::string id;
  std::filesystem::path path;
  double slowdown = 0;  // every run is made longer by this share of its CPU time: to test ourselves
  std::int64_t batch = 0;  // its own; 0: the cell's
};

// What a measuring or evaluating worker feeds the arms with.
struct InputSource {
  std::optional<DataSpec> data;   // absent: synthetic
  std::vector<InputSpec> stated;  // of TorchScript modules that do not say what they take
  DimValues dims;
  std::map<std::string, double> constants;
  std::int64_t vocabulary = 1000;
  std::uint64_t seed = 1;
};

struct BenchOptions {
  std::vector<Arm> arms;  // the first is the original
  Cell cell;
  LatencyPlan latency;
  InputSource input;
  bool control = true;  // the original once more in every process
  bool memory = false;  // also each arm alone: MeasureMemory
  // A file that keeps what each process measured until the cell is done: called again after an
  // interruption with the same options on the same `device`, it goes on from there. Empty: none.
  std::filesystem::path journal;
  std::string device;
  std::optional<DevicePeaks> peaks;  // given: also the least time of each arm [roofline]
};
// Results as a kMeasure record has them. The outcome is kOk when the original was measured; an arm
// that could not be carries its own outcome.
struct CaseOutcome {
  Outcome outcome = Outcome::kOk;
  std::string reason;
  ErrorCode code = ErrorCode::kEngine;  // of kFailed: who can fix it
  Json results;
};
[[nodiscard]] CaseOutcome BenchCell(const BenchOptions& options, const WorkerOptions& worker,
                                    Progress& progress);

// The scenario of bench.cell: offline, the batch of each arm is chosen by a trial of each, then all
// are measured as a cell is, each at its own; end to end likewise, from file to answer; server and
// sustained and energy as measure.h says. bench.latency counts but for these three, of which only
// its seed does. Energy is skipped with one sentence where no sensor gives joules that can be
// believed.
struct ScenarioOptions {
  BenchOptions bench;
  ScenarioPlan plan;
  std::filesystem::path sensor_root = "/";  // whose sensors: see MachineAt
};
// Results as a kScenario record has them.
[[nodiscard]] CaseOutcome MeasureScenario(const ScenarioOptions& options,
                                          const WorkerOptions& worker, Progress& progress);

// The record of an energy scenario with the joules that an external meter's log tells for its
// blocks; its key is another one, settings.joined_from is the old. `meter`: what is written down of
// the log. kMalformed names the block that the log does not tell, or says that it saw no load.
[[nodiscard]] Result<Record> JoinMeter(const Record& record, const PowerLog& log, Json meter);

// Measures the cells of a study's only model, the two smallest first and the others in random order
// (latency.seed), and hands each outcome to `done`, which returns whether to go on. Cells that
// would need more memory than there is, by what smaller ones took, are skipped. Then come those of
// CellsToAdd.
void BenchSweep(const Study& study, BenchOptions options, const WorkerOptions& worker,
                Progress& progress,
                const std::function<bool(const Case& work, CaseOutcome outcome)>& done);

// Memory and loading of every arm by itself, in workers of its own: {"baseline": MemoryUse of a
// worker with the original's engine and no model, "arms": [{"arm", "outcome", "reason", "loaded":
// MemoryUse, "first_run", "steady", "cold_load_ns", "warm_load_ns"}]}. A cold load is one after the
// kernel was asked to forget the file's pages.
[[nodiscard]] Json MeasureMemory(const BenchOptions& options, const WorkerOptions& worker,
                                 Progress& progress);

struct EvalOptions {
  Arm arm;
  std::filesystem::path reference;      // the original, run beside; empty: not
  std::optional<double> until_decided;  // a margin: see SequentialTest; needs `reference`
  InputSource input;                    // with data
  EvaluateOptions evaluate;
  std::int64_t threads = 1;
};
[[nodiscard]] CaseOutcome EvaluateArm(const EvalOptions& options, const WorkerOptions& worker,
                                      Progress& progress);

// Latency at the samples' natural sizes, beside synthetic samples of the same shapes: all arms
// together, in fresh workers.
struct NaturalOptions {
  std::vector<Arm> arms;  // the first is the original
  InputSource input;      // with data; dims and vocabulary of what is made up
  std::int64_t batch = 1;
  std::int64_t batches = 32;
  std::int64_t threads = 1;
  std::int64_t processes = 3;
};
// Results as a kNatural record has them.
[[nodiscard]] CaseOutcome MeasureNaturalSizes(const NaturalOptions& options,
                                              const WorkerOptions& worker, Progress& progress);

}  // namespace quantbench
