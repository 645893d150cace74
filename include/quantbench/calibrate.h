// calibrate: watches the values that flow through a model while it runs over samples.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/base/json.h"
#include "quantbench/base/progress.h"
#include "quantbench/base/status.h"
#include "quantbench/data.h"
#include "quantbench/engine.h"
#include "quantbench/model.h"

namespace quantbench {

// What was seen of one tensor. min and max are over all finite values of all samples.
struct TensorRange {
  double min = 0;
  double max = 0;
  std::int64_t count = 0;      // values seen, finite or not
  std::int64_t nonfinite = 0;  // NaN and infinities among them
  DataType type = DataType::kUndefined;
  Shape shape;  // of the first sample

  friend bool operator==(const TensorRange&, const TensorRange&) = default;
};

struct CalibrationTable {
  std::string observer = "minmax";
  std::string source;  // "data images, 128 samples" or "synthetic, seed 1"
  std::int64_t samples = 0;
  std::map<std::string, TensorRange, std::less<>> ranges;  // by tensor name

  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<CalibrationTable> FromJson(const Json& json);
};

struct CalibrateOptions {
  std::int64_t samples = 128;                // at most the data set's size
  std::string observer = "minmax";           // the only one so far
  std::uint64_t memory_bytes = 512U << 20U;  // watched tensors are split into groups that fit
  SessionOptions session;  // graph optimization is forced off: the unfused graph is watched
};

// Runs the model (tensors added as outputs in memory; no file is written) over the first samples of
// the data set, one by one, and merges what each tensor held. Groups of tensors whose values exceed
// `memory_bytes` are watched in separate passes. Errors: kInvalidArgument for a tensor that the
// model does not have, kEngine, kMalformed naming the sample.
[[nodiscard]] Result<CalibrationTable> Calibrate(const Model& model, Engine& engine,
                                                 const Dataset& dataset,
                                                 const std::vector<std::string>& tensors,
                                                 const CalibrateOptions& options,
                                                 Progress& progress);

// --- statistics of layer inputs, for the algorithms that choose weights by them ---

// How a layer with weights reads its activation: as rows x of products x W, of `depth` numbers
// each.
struct InputReading {
  // False: MatMul, Gemm: the last axis is the depth, every other index is a row.
  // True: Conv: a row is the patch under the kernel at one output position, zeros where it hangs
  // over the border; its numbers are ordered as those of a filter, [channels / groups, kernel...].
  bool patches = false;
  std::int64_t groups = 1;           // of a Conv: each has rows of its own, over its own channels
  std::vector<std::int64_t> kernel;  // one entry a spatial axis, as all below
  std::vector<std::int64_t> strides;
  std::vector<std::int64_t> dilations;
  std::vector<std::int64_t> pads;  // all begins, then all ends; negative: crops
  std::string auto_pad;            // "SAME_UPPER", "SAME_LOWER": replaces `pads`; else empty

  friend bool operator==(const InputReading&, const InputReading&) = default;
};
// Of a Conv, Gemm or MatMul whose weight has these dimensions [ONNX Conv-11, Gemm-13, MatMul-13].
// kUnsupported for another operator, a Gemm with transA, attributes that do not fit.
[[nodiscard]] Result<InputReading> ReadingOf(const Node& node, const Shape& weight);

struct InputRequest {
  std::string tensor;  // an activation: layers that share it and read it alike share one request
  InputReading reading;
  bool gram = true;                  // false: channel statistics only
  std::vector<std::string> outputs;  // activations whose channel means are wanted too
};

// What was seen of one request, over all rows of all samples (finite or not: NaN stays NaN).
// Channel j is number j of a row; group g's are [g * depth, (g + 1) * depth).
struct InputStatistics {
  std::string tensor;
  InputReading reading;
  std::int64_t groups = 1;
  std::int64_t depth = 0;
  std::int64_t rows = 0;         // of every group
  std::vector<double> mean;      // [groups * depth]
  std::vector<double> abs_mean;  // [groups * depth], mean of |x|
  std::vector<double> min;       // [groups * depth]
  std::vector<double> max;       // [groups * depth]
  std::vector<double> abs_max;   // [groups * depth]
  // Sum over the rows of x^T x, not divided: [groups, depth, depth], row-major, both triangles.
  // Products are summed in float32 over at most 128 rows, then in double. Empty when not asked for.
  std::vector<double> gram;
  // By tensor: means over samples and positions, one a channel (axis 1 where the reading is of
  // patches, else the last).
  std::map<std::string, std::vector<double>, std::less<>> output_means;
};

struct InputStatisticsOptions {
  std::int64_t samples = 128;                // at most the data set's size
  std::uint64_t memory_bytes = 512U << 20U;  // of accumulators; requests are split into passes
  // Patches of a Conv that one sample contributes at most: that many, evenly spaced. 0: all.
  std::int64_t patches_per_sample = 256;
  int threads = 0;         // of the sums, 0: one per core; the results do not depend on it
  SessionOptions session;  // of the engine
};

// Called once a request, in the order of the requests.
using InputStatisticsSink = std::function<Status(InputStatistics)>;

// Streams the first samples through the model and hands out what was asked for, pass by pass: as
// many requests at a time as their accumulators fit the budget, always at least one. The bits of
// the sums depend on model, samples and requests only. Errors: as Calibrate.
[[nodiscard]] Status StreamInputStatistics(const Model& model, Engine& engine,
                                           const Dataset& dataset,
                                           const std::vector<InputRequest>& requests,
                                           const InputStatisticsOptions& options,
                                           const InputStatisticsSink& sink, Progress& progress);

// The inputs of a model as a data set must fill them (initializers listed as inputs left out).
// Batched are those with a free first dimension; where no input has one, those that agree with the
// first.
[[nodiscard]] std::vector<InputSpec> InputsOf(const Model& model);

}  // namespace quantbench
