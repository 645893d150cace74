// What a measuring worker feeds its models with.
#pragma once

#include <filesystem>
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
Result<CellInput> OpenCell(const std::filesystem::path& original, const Cell& cell,
                           const InputSource& source);
// Binds the first batch, so that a failing arm is known before anything is timed.
Status BindFirst(Session& session, const CellInput& input);
// The first session of a process pays for the engine's start: no arm is to.
Status StartEngine(Engine& engine);

}  // namespace quantbench
