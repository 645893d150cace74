// run: does what is asked: one case at a time, the engine's part of each in a disposable worker.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/analyse.h"
#include "quantbench/base/json.h"
#include "quantbench/base/progress.h"
#include "quantbench/base/status.h"
#include "quantbench/device.h"
#include "quantbench/energy.h"
#include "quantbench/engine.h"
#include "quantbench/explain.h"
#include "quantbench/flops.h"
#include "quantbench/measure.h"
#include "quantbench/quantize.h"
#include "quantbench/results.h"
#include "quantbench/study.h"

namespace quantbench {

// Where and how workers run.
struct WorkerOptions {
  std::string engine;              // --engine; empty: the usual places
  TorchSettings torch;             // of models that libtorch runs
  std::int64_t timeout_s = 600;    // wall time of one worker, then it is killed
  std::uint64_t memory_bytes = 0;  // address space limit; 0: none
  std::filesystem::path program;   // the quantbench binary; empty: this very one
  // Bytes of an environment variable of no meaning: it moves the worker's stack, and with a random
  // size what the layout of memory does to times becomes noise instead of bias [Mytkowicz 2009].
  std::size_t padding = 0;
};

// How a worker ended.
struct WorkerResult {
  Outcome outcome = Outcome::kOk;
  std::string reason;                   // one line when the outcome is not kOk
  ErrorCode code = ErrorCode::kEngine;  // of a kFailed outcome
  Json reply;                           // when kOk
  std::uint64_t peak_bytes = 0;
};

// Starts `<program> __worker`, hands it the request, waits for its reply. A crash, a hang and a
// lack of memory of the engine end there. The worker dies with us.
[[nodiscard]] WorkerResult RunWorker(const Json& request, const WorkerOptions& options,
                                     Progress& progress);
// The other end: takes the request from descriptor 3 and answers there. Returns an exit code.
[[nodiscard]] int ServeWorker();

// What libtorch the workers have, see DescribeTorch; in a worker of its own. kUnavailable where it
// is not built in.
[[nodiscard]] Result<Json> DescribeTorchEngine(const WorkerOptions& worker);
// What libtorch says of a TorchScript model that it loaded: inputs, device, quantized_engine,
// frozen.
[[nodiscard]] Result<Json> LoadedTorchFacts(const std::filesystem::path& model,
                                            const WorkerOptions& worker);
// Sentences about measuring these models with libtorch: what runs them, what is not told of them,
// and why float32 is slow, where it is. Empty where none is TorchScript, or no module is built in.
[[nodiscard]] std::vector<std::string> TorchNotes(std::span<const std::filesystem::path> models,
                                                  const std::optional<DevicePeaks>& peaks,
                                                  const WorkerOptions& worker);
// Why float32 is slower there than the processor is: one sentence; empty where it is not. `facts`
// are those of DescribeTorchEngine, `peak` is what one thread can do at most, in operations a
// second.
[[nodiscard]] std::string WhySlowFloat(const Json& facts, double peak);

// --- quantize ---

struct QuantizeOptions {
  std::filesystem::path model;
  std::filesystem::path output;  // the model, or with plan_only the plan
  Recipe recipe;
  std::optional<Plan> plan;           // applied as it is; the recipe does not matter then
  bool plan_only = false;             // stop after planning and write the plan as JSON
  std::optional<DataSpec> calibrate;  // absent: synthetic input
  CalibrationSettings calibration;
  std::filesystem::path table;    // made by CalibrateModel: nothing is calibrated then
  std::vector<InputSpec> stated;  // see InputSource
  DimValues dims;
  std::map<std::string, double> constants;
  std::int64_t vocabulary = 1000;
  bool per_channel_dynamic = false;  // TorchScript: dynamic layers too have a scale a channel
  bool verify = true;
  bool force = false;  // replace an existing output
  int threads = 0;     // of the quantizer; 0: one per core
};

struct QuantizeOutcome {
  Plan plan;
  ModelSize before;
  ModelSize after;
  double seconds = 0;  // preparing, planning, applying, writing; not calibrating or verifying
  double calibrate_seconds = 0;
  double verify_seconds = 0;               // loading and comparing both; 0 when not verified
  std::uint64_t calibrate_peak_bytes = 0;  // of the worker; 0: none calibrated
  std::string calibrated;        // "percentile over data images, 64 samples"; empty: not calibrated
  std::uint64_t peak_bytes = 0;  // of this process
  bool verified = false;
  double sqnr_db = 0;              // worst output; NaN when not verified
  std::string verify_source;       // "data images, 8 samples" or "synthetic, seed 1"
  DenormalCount activations;       // of the original, all that calibrating watched
  DenormalCount outputs_original;  // of those that were compared
  DenormalCount outputs;
  std::string sha256;  // of the written file; empty when not verified
};

// Quantizes, writes, re-opens, loads and compares. When the output does not load or compare, it is
// removed again and the error says so. Never writes in place.
[[nodiscard]] Result<QuantizeOutcome> QuantizeModel(const QuantizeOptions& options,
                                                    const WorkerOptions& worker,
                                                    Progress& progress);

// --- calibrate ---

struct CalibrateOutcome {
  CalibrationStatistics seen;
  CalibrationTable ranges;   // of the observer asked for
  std::int64_t resumed = 0;  // samples that an interrupted call had seen before
  double seconds = 0;
  std::uint64_t peak_bytes = 0;  // of the worker
};

// Observes what options.recipe needs of options.model and writes options.output: a table of
// statistics, histograms included, that QuantizeModel reads with any observer. While it works, what
// was seen so far is kept beside it (`<output>.partial`): called again after an interruption with
// the same options, it goes on from there, and the table has the same bytes as without one.
[[nodiscard]] Result<CalibrateOutcome> CalibrateModel(const QuantizeOptions& options,
                                                      const WorkerOptions& worker,
                                                      Progress& progress);

// --- bench and eval ---

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

// --- run ---

struct RunStudyOptions {
  std::filesystem::path results;  // folder
  WorkerOptions worker;
  bool retry_failed = false;  // do again what failed, was skipped, or misses an arm
};

struct StudyOutcome {
  std::int64_t cases = 0;
  std::int64_t resumed = 0;  // had a record already
  std::int64_t done = 0;
  std::int64_t failed = 0;  // of all cases, resumed ones included
};

// Does every case of the study that has no record, in order, and records each at once. Hypotheses
// are frozen (hash and time) before the first measurement. Errors: the study's folder cannot be
// written, no engine; what happens to a case is in its record.
[[nodiscard]] Result<StudyOutcome> RunStudy(const Study& study, const RunStudyOptions& options,
                                            Progress& progress);

// What RunStudy wrote about the hypotheses, null when absent.
[[nodiscard]] Json ReadFrozen(const std::filesystem::path& results);

// --- inspect ---

// The graph as the engine runs it on this machine: loaded in a worker, optimized, read back.
// kEngine when it does not load.
[[nodiscard]] Result<Model> LoadedModel(const std::filesystem::path& model,
                                        const WorkerOptions& worker, Progress& progress);

// What a forward pass over one batch of the input computes, without running it. `notes` (may be
// null) gets the choices made for free dimensions. Errors of resolving and opening the input.
[[nodiscard]] Result<ModelWork> CountModelWork(const Model& model, const Cell& cell,
                                               const InputSource& source,
                                               std::vector<std::string>* notes);

// --- roofline ---

// Time for the peaks that a study or a bench needs for its bounds.
inline constexpr std::int64_t kPeaksBesideMeasuringNs = 1'000'000'000;

struct RooflineOptions {
  std::vector<std::filesystem::path> models;
  Cell cell;  // batch 0: each model's own, else 1
  InputSource input;
  bool loaded = false;  // the graphs that the engine makes of them, operator by operator
};
// The least times of models, in their order. Errors as CountModelWork and LoadedModel, with the
// path.
[[nodiscard]] Result<std::vector<PlacedModel>> PlaceModels(const RooflineOptions& options,
                                                           const DevicePeaks& peaks,
                                                           const WorkerOptions& worker,
                                                           Progress& progress);

// --- explain ---

struct ExplainOptions {
  QuantizeOptions quantize;  // output and verify do not matter
  std::int64_t samples = 8;  // that models are compared over
  bool one_by_one = true;    // each layer alone, and all but each: two models a layer
};

// SQNR against the float model in dB: infinity when equal, NaN when not measured.
struct LayerAccuracy {
  std::string layer;
  std::string op_type;
  std::string treatment;      // "static-int8"
  double local_db = 0;        // of its output, when it alone is quantized
  double accumulated_db = 0;  // of its output, when all layers are
  double only_db = 0;         // of the model's worst output, when it alone is quantized
  double only_divergence = 0;
  double without_db = 0;  // of the model's worst output, when all but it are
  double without_divergence = 0;
  Range weights;
  bool observed = false;  // the rest is known
  Range input;            // chosen by the observer
  double clipped = 0;     // share of the input's values outside of it
};

struct AccuracyExplanation {
  std::string source;                 // "data images, 8 samples"
  std::string calibrated;             // empty: no scales are fixed
  double output_db = 0;               // of the worst output, all layers quantized
  double output_divergence = 0;       // mean Kullback-Leibler divergence of its rows, nats
  std::vector<LayerAccuracy> layers;  // with quantized weights, in graph order
};

// Where a recipe loses accuracy, layer by layer, without labels. Everything happens in a worker and
// in memory.
[[nodiscard]] Result<AccuracyExplanation> ExplainAccuracy(const ExplainOptions& options,
                                                          const WorkerOptions& worker,
                                                          Progress& progress);

struct ExplainSpeedOptions {
  std::filesystem::path original;
  std::filesystem::path quantized;  // of the same inputs, whoever made it
  Cell cell;
  InputSource input;
  int processes = 3;  // at least 1; they share the time that one would take
};
struct ExplainedSpeed {
  SpeedExplanation speed;
  std::vector<SaturatingLayer> saturating;  // of the quantized model as loaded; only where they can
  std::uint64_t quantized_bytes = 0;        // of its file and external files
  double contention =
      1;  // wall over CPU time of runs with one thread; with several it is not known
};
// What the engine's profiles of both models say, taken in turn in each of some fresh workers: that
// of the worker whose speed-up is the median one; what a cure promises ranges over all of them.
// kEngine when a model does not load or run.
[[nodiscard]] Result<ExplainedSpeed> ExplainSpeedOf(const ExplainSpeedOptions& options,
                                                    const WorkerOptions& worker,
                                                    Progress& progress);

// --- what pays ---

struct PayoffOptions {
  std::vector<std::filesystem::path> models;
  std::vector<std::string> recipes;
  Cell cell;
  InputSource input;
  std::filesystem::path table;  // where rows are kept; empty: PayoffTablePath()
};
// One for a kind of processor and a version of the engine, in
// ${XDG_CACHE_HOME:-~/.cache}/quantbench.
[[nodiscard]] Result<std::filesystem::path> PayoffTablePath();
// Rows kept before; none where there is no such file, kMalformed where it is none of ours.
[[nodiscard]] Result<std::vector<Payoff>> ReadPayoffs(const std::filesystem::path& table);
// Quantizes each model by each recipe, profiles it beside its original as a whole, and adds what
// became of each layer to the table. A recipe that a model refuses is noted and left out.
[[nodiscard]] Result<std::vector<Payoff>> MeasurePayoffs(const PayoffOptions& options,
                                                         const WorkerOptions& worker,
                                                         Progress& progress);

// --- selftest ---

struct SelfTestOptions {
  std::int64_t sessions = 100;
  std::vector<double> planted = {0.02,
                                 0.05};  // copies made slower by these shares of their CPU time
  int competitors = 0;                   // processes that keep a processor each busy meanwhile
  std::filesystem::path model;           // empty: a chain of products of about 3 ms
  LatencyPlan latency;                   // of one session; seeds count up from its seed
};
// Measures copies of one model against each other, session by session, as BenchCell does, and
// beside it in the naive way: k runs of the one, then k of the other. kEngine when a session fails.
[[nodiscard]] Result<std::vector<TrialSession>> RunSelfTest(const SelfTestOptions& options,
                                                            const WorkerOptions& worker,
                                                            Progress& progress);

// --- doctor ---

struct DoctorItem {
  std::string what;
  std::string value;
  bool fine = true;
  std::string remedy;  // a command or a sentence when not fine; else empty or a remark
};
struct DoctorOptions {
  bool quick = false;  // nothing that takes more than two seconds: no peaks, no measuring of copies
  std::filesystem::path root = "/";  // of the files under /proc and /sys that are looked at
};
// Looks, and changes nothing. The engine's item comes first.
[[nodiscard]] std::vector<DoctorItem> Examine(const DoctorOptions& options,
                                              const WorkerOptions& worker, Progress& progress);

}  // namespace quantbench
