// What the inputs of a cell's models are: ONNX says it, TorchScript may not.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "quantbench/base/status.h"
#include "quantbench/data.h"
#include "quantbench/engine.h"
#include "quantbench/run.h"

namespace quantbench {

// The inputs of the first model. Where it is a TorchScript module: those that `source` states, else
// those that its archive describes, else those of the first other model that says what its are.
// kInvalidArgument where nothing does; and for stated ones where no model is TorchScript.
Result<std::vector<InputSpec>> ReadInputs(std::span<const std::filesystem::path> paths,
                                          const InputSource& source);
Result<std::vector<InputSpec>> ReadInputs(const std::filesystem::path& path,
                                          const InputSource& source);

// The same; where nothing says what they are, the error names them, which takes loading the model:
// in a worker, or asking one.
Result<std::vector<InputSpec>> ReadInputs(std::span<const std::filesystem::path> paths,
                                          const InputSource& source, Engine& engine);
Result<std::vector<InputSpec>> ReadInputs(std::span<const std::filesystem::path> paths,
                                          const InputSource& source, const WorkerOptions& worker);

}  // namespace quantbench
