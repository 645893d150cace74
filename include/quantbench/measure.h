// measure: sizes, times, answers and the machine they came from. Raw figures only; it never judges.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "quantbench/base/clock.h"
#include "quantbench/base/json.h"
#include "quantbench/base/progress.h"
#include "quantbench/base/status.h"
#include "quantbench/data.h"
#include "quantbench/energy.h"
#include "quantbench/engine.h"
#include "quantbench/model.h"
#include "quantbench/model/torchscript.h"

namespace quantbench {

// Tensors of one element type: initializers and constants, of all graphs.
struct TypeShare {
  std::int64_t tensors = 0;
  std::int64_t elements = 0;
  std::uint64_t bytes = 0;

  friend bool operator==(const TypeShare&, const TypeShare&) = default;
};

struct ModelSize {
  std::uint64_t file_bytes = 0;              // the .onnx file
  std::uint64_t external_bytes = 0;          // external files in use
  std::map<std::string, TypeShare> by_type;  // by element type name
  std::int64_t denormals = -1;  // float32 weights below FLT_MIN that are not zero; -1: not counted

  [[nodiscard]] std::uint64_t total_bytes() const { return file_bytes + external_bytes; }
  // Numbers in float tensors and in integer tensors of at most 8 bits: the weights, not the shapes.
  [[nodiscard]] std::int64_t parameters() const;
  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<ModelSize> FromJson(const Json& json);
};
[[nodiscard]] ModelSize SizeOf(const Model& model);
// Float32 weights, subgraphs' too, that are denormal: many processors compute with these slowly.
// Reads every weight once and gives its pages back. Errors: those of PayloadOf.
[[nodiscard]] Result<std::int64_t> CountDenormals(const Graph& graph);
// The same of one tensor's values; 0 of types other than float32.
[[nodiscard]] std::int64_t CountDenormals(const Tensor& tensor);

// How many values that were looked at are denormal.
struct DenormalCount {
  std::int64_t values = 0;  // of all types; 0: none were looked at
  std::int64_t denormals = 0;
  std::string tensor;  // with the largest share of them; empty: there are none
  double share = 0;    // in that tensor, 0 to 1

  void Add(const std::string& name, std::int64_t values_of_it, std::int64_t denormals_of_it);
  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static DenormalCount FromJson(const Json& json);  // of null: none
};
// Its archive does not say in a word of what types its tensors are: all are of type "unknown", and
// no parameters are counted.
[[nodiscard]] ModelSize SizeOf(const TorchScript& model);

// How the latency of a cell is sampled: in fresh processes, each with all arms, each with rounds in
// which every arm makes one lap. A lap is consecutive forward passes ("runs") of one arm.
struct LatencyPlan {
  // The cell; the caller starts processes until these are met.
  int repetitions = 10;                     // k: least runs of every arm; to a process: its part
  int processes = 6;                        // least fresh processes
  int max_processes = 40;                   // equal to `processes`: no stopping rule
  double precision = 0.01;                  // wanted half-width of the ratios' intervals, relative
  std::int64_t budget_ns = 30'000'000'000;  // then no process is started beyond the third
  // One process.
  int rounds = 4;
  int lap_runs = 0;                     // 0: as many as take 20 ms, 3 to 200; 1 from 100 ms on
  std::int64_t warmup_ns = 50'000'000;  // per arm, at least, until the times are steady
  std::int64_t max_warmup_ns = 1'000'000'000;  // steady or not
  std::uint64_t seed = 1;                      // order of loading and of arms within rounds

  // What a user asked for, 0 for nothing: only `least` means exactly so many.
  void SetProcesses(int least, int most);
  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<LatencyPlan> FromJson(const Json& json);
};

// With what kernel an operator multiplies by its weights.
enum class KernelKind : std::uint8_t {
  kFloat,
  kInteger,
  kIfFused,  // a float operator between codes: the engine makes it an integer kernel or not
};
[[nodiscard]] std::string_view Name(KernelKind kind);

// An operator that multiplies with, or looks up, constant numbers.
struct LayerKernel {
  std::string layer;  // the node's name, or its first output
  std::string op_type;
  std::string weight;
  DataType weight_type = DataType::kUndefined;  // as stored
  std::uint64_t weight_bytes = 0;
  std::string granularity;  // of its scales: "per channel, 64 scales"; empty for plain floats
  KernelKind kind = KernelKind::kFloat;
  bool decoded = false;  // its weight is turned back into float before the kernel sees it

  [[nodiscard]] bool is_product() const;  // not a table that is only looked up
};
// Of any model, ours or not, subgraphs included. Of the graph that the engine optimized
// (SessionOptions::optimized_model_path) it says what really runs.
[[nodiscard]] std::vector<LayerKernel> CensusOf(const Model& model);

// What the process had used up at some moment. Counters only grow.
struct Usage {
  std::int64_t waited_ns = 0;  // ready to run but waiting for a processor, all threads; 0: unknown
  std::int64_t preempted = 0;  // involuntary context switches
  std::int64_t major_faults = 0;  // pages that came from the disk
};

// What the machine says of itself at some moment; -1 where it does not say.
struct Conditions {
  std::int64_t frequency_khz = -1;     // mean over processors
  std::int64_t temperature_mc = -1;    // hottest zone, thousandths of a degree Celsius
  std::int64_t throttled = -1;         // times that a processor slowed down for heat, counter
  std::int64_t under_voltage = -1;     // Raspberry Pi's get_throttled bits
  std::int64_t steal_ms = -1;          // taken by the hypervisor, all processors, counter
  std::int64_t quota_stopped_us = -1;  // stopped by the container's quota, counter
  std::int64_t swapped_pages = -1;     // in and out, counter
  std::int64_t pressure_us = -1;       // some task waited for a processor, counter [PSI]

  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Conditions FromJson(const Json& json);
};

// The machine's meters behind an interface, so that tests can lie about them. Read-only.
class Sensors {
 public:
  Sensors() = default;
  Sensors(const Sensors&) = delete;
  Sensors& operator=(const Sensors&) = delete;
  Sensors(Sensors&&) = delete;
  Sensors& operator=(Sensors&&) = delete;
  virtual ~Sensors() = default;

  [[nodiscard]] virtual Usage ReadUsage() const = 0;
  [[nodiscard]] virtual Conditions ReadConditions() const = 0;
};
[[nodiscard]] const Sensors& SystemSensors();

// Consecutive runs of one arm. The first after another arm finds that one's data in the caches: it
// is kept apart in `switch_ns` (0: there was none) and in none of the other figures.
struct Lap {
  std::int64_t start_ns = 0;  // since the process began to measure
  std::int64_t switch_ns = 0;
  std::int64_t cpu_ns = 0;     // CPU time of the process over all of run_ns
  std::int64_t waited_ns = 0;  // this and the next two: see Usage; the run of switch_ns included
  std::int64_t preempted = 0;
  std::int64_t major_faults = 0;
  std::vector<std::int64_t> run_ns;  // wall time of every run

  [[nodiscard]] std::int64_t wall_ns() const;
};

// How warming up ended: the times of windows of runs no longer moved; they still did when the time
// was up; or there were too few runs to say.
enum class WarmUpEnd : std::uint8_t { kSteady, kMoving, kTooFew };
[[nodiscard]] std::string_view Name(WarmUpEnd end);  // "steady", "moving", "too few runs"

// One arm in one process.
struct LatencySamples {
  std::int64_t load_ns = 0;       // session creation; filled by the caller
  std::int64_t first_run_ns = 0;  // the very first run
  int warmup_runs = 0;            // before the first lap, the first run included
  std::int64_t warmup_ns = 0;     // what they took
  WarmUpEnd warmup_end = WarmUpEnd::kTooFew;
  std::vector<Lap> laps;

  [[nodiscard]] Json ToJson() const;
  // kMalformed where there are no laps, a lap without runs, or a time that is not positive.
  [[nodiscard]] static Result<LatencySamples> FromJson(const Json& json);
};

// One process.
struct ProcessSamples {
  std::vector<LatencySamples> arms;    // as given
  std::vector<Conditions> conditions;  // before the first round and after each
  std::int64_t rounds_ns = 0;          // what the rounds took
};

// One forward pass of one arm, whatever it takes (data loading included where wanted).
using Pass = std::function<Status()>;

// The orders of n arms within consecutive rounds: ABBA or BAAB for two [Abel 1986], a Williams
// design for more, in which every arm follows every other equally often [Williams 1949]; rows of
// the design in random order, arms renamed at random.
[[nodiscard]] std::vector<std::vector<std::size_t>> OrderRounds(std::size_t arms, int rounds,
                                                                std::uint64_t seed);

// Measures all arms together. Each is warmed up until its times are steady: in windows of runs, two
// neighbouring medians in succession differ by at most max(1 %, 2.5 MAD / (median sqrt(runs))).
// Then come plan.rounds rounds; nothing but the runs is inside the timed region, one reading of the
// clock a run. An arm that fails ends the measurement with its error.
[[nodiscard]] Result<ProcessSamples> MeasureInterleaved(const std::vector<Pass>& arms,
                                                        const LatencyPlan& plan, const Clock& clock,
                                                        const Sensors& sensors, Progress& progress);

// --- scenarios: other ways in which a model is used ---

// Until a time of the clock. Behind a function, so that tests need not wait.
using WaitUntil = std::function<void(std::int64_t ns)>;
// Sleeps, and spins through the last 0.2 ms. SystemClock's times.
void SystemWait(std::int64_t ns);

// Times of `queries` Poisson arrivals at a rate of 1: sums of exponential gaps of mean 1; seeded.
[[nodiscard]] std::vector<double> UnitArrivals(std::int64_t queries, std::uint64_t seed);

// The server scenario [MLPerf inference]: queries arrive by themselves at a rate and wait for the
// one before them; the highest rate is looked for at which few are late.
struct ServerPlan {
  std::int64_t target_ns = 0;     // a query that takes longer is late
  std::int64_t queries = 1000;    // of a trial
  std::int64_t allowed_late = 0;  // of them, in a trial that is met: see MostLate
  double precision = 0.02;        // of the rate, relative: where the search ends
  std::uint64_t seed = 1;         // of the arrivals, the same ones for all arms and rates

  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<ServerPlan> FromJson(const Json& json);
};
// A rate that was tried. A trial ends early once more queries are late than may be.
struct RateTrial {
  double rate = 0;                       // queries a second
  bool met = false;                      // no more late than allowed
  std::vector<std::int64_t> latency_ns;  // from the arrival as scheduled to the end of the pass
};
struct ServerSamples {
  std::int64_t load_ns = 0;     // filled by the caller
  std::int64_t service_ns = 0;  // mean of a pass without waiting: 1 / it is the ceiling of rates
  double rate = 0;              // the highest that was met; 0: none
  std::vector<RateTrial> trials;

  [[nodiscard]] Json ToJson() const;
  // kMalformed where a number is negative or not finite.
  [[nodiscard]] static Result<ServerSamples> FromJson(const Json& json);
};
// Serves the queries of one trial, one pass each and one after the other. Latency counts from the
// arrival as scheduled, not from when the pass began: a slow pass is paid for by those behind it
// (no "coordinated omission"). Ends early after plan.allowed_late + 1 late ones.
[[nodiscard]] Result<RateTrial> ServeQueries(const Pass& pass, std::span<const double> arrivals,
                                             double rate, const ServerPlan& plan,
                                             const Clock& clock, const WaitUntil& wait);

// Where the highest rate that is met lies: from a first guess in growing steps until one is met and
// one is not, then by halving the ratio of the two.
class RateSearch {
 public:
  RateSearch(double guess, double ceiling, double precision);
  [[nodiscard]] double rate() const { return rate_; }  // to try next
  void Tell(bool met);
  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] double highest() const { return met_; }  // 0: none down to a twentieth of `ceiling`

 private:
  double ceiling_;
  double precision_;
  double rate_;
  double step_;
  double met_ = 0;
  double missed_ = 0;  // 0: none
  bool done_ = false;
};

// All arms together in one process: each is warmed up, then every round makes one trial of every
// arm whose search goes on, in an order shuffled anew. The first guess comes from a simulated queue
// with the times of passes seen before.
[[nodiscard]] Result<std::vector<ServerSamples>> MeasureServer(const std::vector<Pass>& arms,
                                                               const ServerPlan& plan,
                                                               const Clock& clock,
                                                               const WaitUntil& wait,
                                                               Progress& progress);

// The sustained scenario: all arms in turn for minutes, whether they slow down.
struct SustainedPlan {
  std::int64_t duration_ns = 600'000'000'000;
  std::uint64_t seed = 1;  // of the order of arms within rounds

  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<SustainedPlan> FromJson(const Json& json);
};
// Consecutive passes of one arm.
struct SustainedLap {
  std::int64_t start_ns = 0;  // since measuring began
  std::int64_t wall_ns = 0;
  std::int64_t cpu_ns = 0;
  std::int64_t runs = 0;
};
[[nodiscard]] Json ToJson(std::span<const SustainedLap> laps);  // {"start_ns": [..], ...}
// kMalformed where times are negative or the lists of different lengths.
[[nodiscard]] Result<std::vector<SustainedLap>> SustainedLapsFromJson(const Json& json);
struct SustainedSamples {
  std::vector<std::vector<SustainedLap>> arms;                  // one lap a round
  std::vector<std::pair<std::int64_t, Conditions>> conditions;  // once a second; when
};
// Rounds of one lap an arm (20 to 100 ms) until the time is up.
[[nodiscard]] Result<SustainedSamples> MeasureSustained(const std::vector<Pass>& arms,
                                                        const SustainedPlan& plan,
                                                        const Clock& clock, const Sensors& sensors,
                                                        Progress& progress);

// The energy scenario: blocks of one arm each between blocks of idling. I A I B I ... I.
struct EnergyPlan {
  std::int64_t block_ns = 5'000'000'000;  // of an arm, and of idling
  int rounds = 3;                         // of all arms
  std::uint64_t seed = 1;                 // of the order of arms within rounds

  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<EnergyPlan> FromJson(const Json& json);
};
struct EnergyBlock {
  std::int64_t start_ns = 0;  // since measuring began
  std::int64_t wall_ns = 0;
  std::int64_t runs = 0;  // 0: idling
  double joules = 0;      // NaN: not known, an external meter is to tell

  [[nodiscard]] double watts() const;
};
[[nodiscard]] Json ToJson(std::span<const EnergyBlock> blocks);  // {"start_ns": [..], ...}
// kMalformed where times are not positive, runs or joules negative, or the lists of different
// lengths.
[[nodiscard]] Result<std::vector<EnergyBlock>> EnergyBlocksFromJson(const Json& json);
// One process. Idle blocks stand between all others, and first and last.
struct EnergySamples {
  std::int64_t began_utc_ns = 0;               // what start_ns counts from; since 1970
  std::vector<std::vector<EnergyBlock>> arms;  // one block a round
  std::vector<EnergyBlock> idle;
};
// How energy is read: a meter (null: none, times alone are written down), waiting without work, and
// the time of day (since 1970), so that tests need neither.
struct EnergyWatch {
  EnergyMeter* meter = nullptr;
  const Clock& clock;
  WaitUntil wait;
  std::function<std::int64_t()> utc_ns;
};
// All arms in one process, each warmed up first. Between an arm and the idling after it, and the
// other way round, passes a tenth of a block that is not counted: clocks fall and rise late. Errors
// of passes and of the meter.
[[nodiscard]] Result<EnergySamples> MeasureEnergy(const std::vector<Pass>& arms,
                                                  const EnergyPlan& plan, const EnergyWatch& watch,
                                                  Progress& progress);
// Whether what a source said can be energy: kUnavailable when blocks hold none, or when working
// took no more watts than idling.
[[nodiscard]] Status CheckEnergy(const EnergySamples& samples);
// Mean watts of the idle blocks right before and after a block; of one where there is no other, NaN
// without any.
[[nodiscard]] double IdleAround(const EnergyBlock& block, std::span<const EnergyBlock> idle);

// A box that a detector found.
struct Detection {
  Box box;
  double score = 0;
};

// A model's answers over a data set, with the truth where there is one. A sample's rows are the
// places at which it answers: one of a classifier, one a token of a language model. What the task
// does not have is empty.
struct Predictions {
  Task task = Task::kClassify;
  std::int64_t samples = 0;
  std::int64_t rows = 0;               // classes.size()
  std::vector<std::int32_t> classes;   // arg max of each row; of a single probability: 0 or 1
  std::vector<std::int32_t> labels;    // empty: no labels; else one a row
  std::vector<std::int32_t> ranks;     // with labels: classes that scored above the label's
  std::vector<std::int64_t> row_ends;  // of each sample, where some have other than one row
  std::vector<std::int64_t> streams;   // of each sample; samples of a stream depend on each other
  std::vector<double> nll;    // kLanguageModel, by sample: sum over rows of -ln p(label), nats
  std::vector<double> edits;  // kTranscribe, by sample: word insertions, deletions, substitutions
  std::vector<double> words;  // kTranscribe, by sample: words of the truth
  std::vector<std::vector<Detection>> detections;  // kDetect, by sample
  std::vector<std::vector<Box>> objects;           // kDetect, by sample: the truth
  std::string output;                              // the output that was read
  // Beside a reference that ran on the same samples:
  std::vector<double> kl;         // by sample: sum over rows of KL(reference || this), nats
  std::optional<double> sqnr_db;  // over all values of the output
  std::vector<BadSample> bad;     // left out
  bool stopped = false;           // options.enough said so, before the last sample

  [[nodiscard]] std::int64_t Correct() const;  // rows where class and label agree
  [[nodiscard]] std::int64_t FirstRow(std::int64_t sample) const;
  [[nodiscard]] std::int64_t RowsOf(std::int64_t sample) const;
  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<Predictions> FromJson(const Json& json);
};

struct EvaluateOptions {
  std::int64_t batch = 16;  // 1 where the model's batch is fixed, and for streams
  std::int64_t limit = 0;   // first n samples; 0: all
  Task task = Task::kClassify;
  AnswerOptions answer;
  std::map<std::string, std::string> feedback;  // input by name: the output of the step before
  bool skip_bad = false;
  int load_threads = 0;  // that read samples ahead; 0: one a core
  // Asked after every batch with the answers of both so far; true ends the evaluation.
  std::function<bool(const Predictions& mine, const Predictions& reference)> enough;
};
// NaN among the outputs of a row, an output without a class axis: kUnsupported names it. A label
// that is no class of the model: kMalformed names the sample. `reference`: null, or the original.
[[nodiscard]] Result<Predictions> Predict(Session& session, Session* reference,
                                          const Dataset& dataset,
                                          const std::vector<InputSpec>& inputs,
                                          const EvaluateOptions& options, Progress& progress);

// Least insertions, deletions and substitutions of words, split at spaces, that turn one text into
// the other [Levenshtein 1966].
[[nodiscard]] std::int64_t WordEdits(std::string_view truth, std::string_view answer,
                                     std::int64_t* truth_words);

// How fast the arms are on real samples at their natural sizes, beside made-up samples of the same
// shapes, in one process.
struct NaturalRun {
  std::int64_t size = 0;        // elements of the sample's largest input, its batch counted
  std::vector<double> real_ns;  // by arm: mean of one forward pass
  std::vector<double> synthetic_ns;
};
// Each of the first `batches` batches of `batch` samples: every arm runs the real batch and one of
// the same shape of synthetic values, interleaved in an order shuffled anew, `repetitions` times;
// the first pass after a change of input is not counted. The figure is the median of the
// repetitions.
struct NaturalPlan {
  SyntheticSpec synthetic;  // of what is made up; its seed also orders the laps
  std::int64_t batch = 1;
  std::int64_t batches = 32;
  int repetitions = 5;
  bool skip_bad = false;
};
[[nodiscard]] Result<std::vector<NaturalRun>> MeasureNatural(
    const std::vector<Session*>& arms, const Dataset& dataset, const std::vector<InputSpec>& inputs,
    const NaturalPlan& plan, const Clock& clock, Progress& progress);

// Signal to quantization noise ratio in decibels, 20 log10(|x| / |x - y|) over all values [Pandey
// 2023]; infinity when they are equal, -infinity when y has NaN. Sizes must agree.
[[nodiscard]] double SqnrDb(std::span<const double> reference, std::span<const double> other);

// Inputs that free dimensions resolve to in one measuring cell: batch and named dimensions set.
// kInvalidArgument when the model fixes its batch to another size: "batch is fixed to 1 by the
// model".
[[nodiscard]] Result<std::vector<InputSpec>> ResolveInputs(std::vector<InputSpec> inputs,
                                                           std::int64_t batch,
                                                           const DimValues& dims);
// kInvalidArgument when a name in `dims` is that of no dimension that is still free in `inputs`:
// names the free ones.
[[nodiscard]] Status CheckDims(const std::vector<InputSpec>& inputs, const DimValues& dims);
// Puts the outputs of one model into the order of another's, by name; they stay as they are where
// not all names are the same: then the order is what they have in common.
void OrderLike(std::span<const NamedTensor> reference, std::vector<NamedTensor>* outputs);
[[nodiscard]] std::vector<NamedTensor> NameTensors(const std::vector<InputSpec>& inputs,
                                                   std::vector<Tensor> tensors);

// The machine and the software, as key and value, read-only probes: cpu, cores, memory_bytes, os,
// kernel, governor, turbo, virtualized, isa (avx2, avx512_vnni, ...), engine, quantbench.
[[nodiscard]] Json DescribeEnvironment();

// Peak resident memory of this process in bytes, 0 where unknown.
[[nodiscard]] std::uint64_t PeakResidentBytes();

// Memory of this process in bytes; 0 where the kernel does not say.
struct MemoryUse {
  std::uint64_t resident = 0;   // in RAM now
  std::uint64_t anonymous = 0;  // of it what no file backs: heaps, packed weights, activations
  std::uint64_t peak = 0;       // most ever resident, or since ResetPeakMemory

  // The rest of what is resident: pages of the model file, of libraries.
  [[nodiscard]] std::uint64_t file_backed() const {
    return resident > anonymous ? resident - anonymous : 0;
  }
  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static MemoryUse FromJson(const Json& json);
};
[[nodiscard]] MemoryUse ReadMemory();
void ResetPeakMemory();

}  // namespace quantbench
