// calibrate: watches the values that flow through a model while it runs over samples.
#pragma once

#include <cstdint>
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

// The inputs of a model as a data set must fill them (initializers listed as inputs left out).
// Batched are those with a free first dimension; where no input has one, those that agree with the
// first.
[[nodiscard]] std::vector<InputSpec> InputsOf(const Model& model);

}  // namespace quantbench
