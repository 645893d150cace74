// measure: sizes, times, answers and the machine they came from. Raw figures only; it never judges.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
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

// A model's answers over a data set: the arg max over the last axis of the first output, one class
// for each row of the output (one row a sample for a classifier, one a token for a language model).
struct Predictions {
  std::int64_t samples = 0;
  std::int64_t rows = 0;  // classes.size()
  std::vector<std::int32_t> classes;
  std::vector<std::int32_t> labels;  // empty: no labels; else one a row
  std::string output;                // the output that was read

  [[nodiscard]] std::int64_t Correct() const;  // rows where class and label agree
  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<Predictions> FromJson(const Json& json);
};

struct EvaluateOptions {
  std::int64_t batch = 16;  // 1 where the model's batch is fixed
  std::int64_t limit = 0;   // first n samples; 0: all
};
// NaN among the outputs of a row, or an output without a class axis: kUnsupported names it.
[[nodiscard]] Result<Predictions> Predict(Session& session, const Dataset& dataset,
                                          const std::vector<InputSpec>& inputs,
                                          const EvaluateOptions& options, Progress& progress);

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
