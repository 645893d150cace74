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
#include "quantbench/engine.h"
#include "quantbench/model.h"

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

  [[nodiscard]] std::uint64_t total_bytes() const { return file_bytes + external_bytes; }
  // Numbers in float tensors and in integer tensors of at most 8 bits: the weights, not the shapes.
  [[nodiscard]] std::int64_t parameters() const;
  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<ModelSize> FromJson(const Json& json);
};
[[nodiscard]] ModelSize SizeOf(const Model& model);

// How an arm's latency is sampled. A repetition is `passes` consecutive forward passes timed
// together, so that it lasts at least `min_repetition_ns`; its value is the mean time of one pass.
struct LatencyPlan {
  int warmup_passes = 3;  // per arm, and at least warmup_ns
  std::int64_t warmup_ns = 100'000'000;
  int repetitions = 10;                 // k
  int max_repetitions = 50;             // more are added while an arm varies
  double target_relative_error = 0.01;  // standard error of the mean / mean, every arm
  std::int64_t min_repetition_ns = 2'000'000;
  std::int64_t max_total_ns = 20'000'000'000;  // then no more are added
  std::uint64_t seed = 1;                      // order of arms within a round

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

// One arm in one process.
struct LatencySamples {
  std::int64_t first_run_ns = 0;      // the very first pass
  std::int64_t load_ns = 0;           // session creation; filled by the caller
  int passes = 1;                     // forward passes in a repetition
  int warmup = 0;                     // passes before the first repetition
  std::vector<std::int64_t> wall_ns;  // of a whole repetition
  std::vector<std::int64_t> cpu_ns;   // process CPU time of the same

  [[nodiscard]] std::vector<double> WallPerPassNs() const;
  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<LatencySamples> FromJson(const Json& json);
};

// One forward pass of one arm, whatever it takes (data loading included where wanted).
using Pass = std::function<Status()>;

// Measures all arms together: rounds in which every arm is repeated once, in an order shuffled anew
// each round, so that drift of the machine meets all arms alike. Warm-up passes are not in the
// samples. An arm that fails ends the measurement with its error.
[[nodiscard]] Result<std::vector<LatencySamples>> MeasureInterleaved(const std::vector<Pass>& arms,
                                                                     const LatencyPlan& plan,
                                                                     const Clock& clock,
                                                                     Progress& progress);

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
[[nodiscard]] std::vector<NamedTensor> NameTensors(const std::vector<InputSpec>& inputs,
                                                   std::vector<Tensor> tensors);

// The machine and the software, as key and value, read-only probes: cpu, cores, memory_bytes, os,
// kernel, governor, turbo, virtualized, isa (avx2, avx512_vnni, ...), engine, quantbench.
[[nodiscard]] Json DescribeEnvironment();

// Peak resident memory of this process in bytes, 0 where unknown.
[[nodiscard]] std::uint64_t PeakResidentBytes();

}  // namespace quantbench
