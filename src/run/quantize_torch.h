// Quantizing TorchScript: libtorch does it, in a worker.
#pragma once

#include "quantbench/base/status.h"
#include "quantbench/run.h"

namespace quantbench {

// The options' model is TorchScript. Writes options.output and fills everything of the outcome but
// what verifying says. kInvalidArgument for what only ONNX models can be asked.
[[nodiscard]] Result<QuantizeOutcome> QuantizeByTorch(const QuantizeOptions& options,
                                                      const WorkerOptions& worker,
                                                      Progress& progress);

}  // namespace quantbench
