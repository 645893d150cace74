// The engine's part of quantizing, seen from the parent.
#pragma once

#include <string>

#include "quantbench/base/status.h"
#include "quantbench/run.h"

namespace quantbench {

// Ranges of the activations that the recipe needs, watched in a worker.
Result<CalibrationTable> CalibrateByWorker(const QuantizeOptions& options,
                                           const WorkerOptions& worker, Progress& progress);

struct Verification {
  double sqnr_db = 0;  // of the worst output; infinity when every output is equal
  std::string source;  // what both models were fed
};
// Loads options.model and options.output in a worker and compares their outputs. An output with NaN
// or of another shape, or a model that does not load or run, is an error.
Result<Verification> VerifyByWorker(const QuantizeOptions& options, const WorkerOptions& worker,
                                    Progress& progress);

// What calibrating and verifying feed the model with.
InputSource InputOf(const QuantizeOptions& options);

}  // namespace quantbench
