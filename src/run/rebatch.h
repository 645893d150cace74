// Models that fix their batch, made to take another where that gives the same answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "quantbench/base/status.h"
#include "quantbench/data.h"
#include "quantbench/model.h"
#include "quantbench/run.h"

namespace quantbench {

// The batch that a model fixes: the first dimension of its first batched input; 0 when it is free
// or there is none.
std::int64_t FixedBatch(const std::vector<InputSpec>& inputs);
// The inputs with that dimension free, if they are to take another batch.
std::vector<InputSpec> FreeBatch(std::vector<InputSpec> inputs, std::int64_t batch);

// The model encoded for the engine with another batch, see WithBatch. kUnsupported for models with
// external data.
Result<std::vector<std::byte>> Rebatched(const Model& model, std::int64_t old, std::int64_t batch);

// Whether every arm takes the batch once rewritten, and answers to each sample what it answered
// before: in a worker, the original file sample by sample beside the rewritten one. kUnsupported
// with the reason when not. Arms that do not fix their batch are fine.
Status VerifyRebatched(const BenchOptions& options, std::int64_t batch, const WorkerOptions& worker,
                       Progress& progress);

}  // namespace quantbench
