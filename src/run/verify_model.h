// Comparing a quantized model with its original, seen from the parent.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "quantbench/base/status.h"
#include "quantbench/run.h"

namespace quantbench {

struct Verification {
  double sqnr_db = 0;      // of the worst output; infinity when every output is equal
  std::string source;      // what both models were fed
  DenormalCount original;  // among the outputs
  DenormalCount quantized;

  void PutInto(QuantizeOutcome* outcome) const;  // as verified
};
// Loads options.model and options.output in a worker and compares their outputs. An output with NaN
// or of another shape, or a model that does not load or run, is an error.
Result<Verification> VerifyByWorker(const QuantizeOptions& options, const WorkerOptions& worker,
                                    Progress& progress);

// The inputs of the model at `path` for one sample at a time: free dimensions that data cannot know
// are set; the batch is 1, or the model's own. kInvalidArgument for a dimension it does not have.
Result<std::vector<InputSpec>> SingleSampleInputs(const std::filesystem::path& path,
                                                  const InputSource& source);

// What calibrating and verifying feed the model with.
InputSource InputOf(const QuantizeOptions& options);

}  // namespace quantbench
