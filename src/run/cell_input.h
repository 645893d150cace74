// What a measuring worker feeds its models with.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "quantbench/base/status.h"
#include "quantbench/data.h"
#include "quantbench/engine.h"
#include "quantbench/run.h"
#include "quantbench/study.h"

#include "run/arms.h"

namespace quantbench {

// The data, the resolved shape of the inputs and the batch to feed.
struct CellInput {
  std::vector<InputSpec> inputs;
  OpenedInput opened;
  std::int64_t batch = 1;

  // `batch` consecutive samples from `first` on, wrapping around.
  [[nodiscard]] Result<std::vector<NamedTensor>> Batch(std::int64_t first) const;
};

// For a model's inputs in a cell.
Result<CellInput> OpenCell(std::vector<InputSpec> inputs, const Cell& cell,
                           const InputSource& source);
// In a worker: for what ReadInputs says of these models.
Result<CellInput> OpenCell(std::span<const std::filesystem::path> paths, const Cell& cell,
                           const InputSource& source, Engine& engine);
// Binds the first batch, so that a failing arm is known before anything is timed.
Status BindFirst(Session& session, const CellInput& input);
// The first session of a process pays for its engine's start: no arm is to. Starts those that the
// models are for.
Status StartEngines(Engine& engine, std::span<const std::filesystem::path> paths);

}  // namespace quantbench
