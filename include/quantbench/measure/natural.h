// Latency on real samples at their natural sizes.
#pragma once

#include <cstdint>
#include <vector>

#include "quantbench/base/clock.h"
#include "quantbench/base/progress.h"
#include "quantbench/base/status.h"
#include "quantbench/data.h"
#include "quantbench/engine.h"

namespace quantbench {

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

}  // namespace quantbench
