// What libtorch says in a worker.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "quantbench/base/json.h"
#include "quantbench/base/status.h"
#include "quantbench/device.h"
#include "quantbench/run/worker.h"

namespace quantbench {

// What libtorch the workers have, see DescribeTorch; in a worker of its own. kUnavailable where it
// is not built in.
[[nodiscard]] Result<Json> DescribeTorchEngine(const WorkerOptions& worker);
// What libtorch says of a TorchScript model that it loaded: inputs, device, quantized_engine,
// frozen.
[[nodiscard]] Result<Json> LoadedTorchFacts(const std::filesystem::path& model,
                                            const WorkerOptions& worker);
// Sentences about measuring these models with libtorch: what runs them, what is not told of them,
// and why float32 is slow, where it is. Empty where none is TorchScript, or no module is built in.
[[nodiscard]] std::vector<std::string> TorchNotes(std::span<const std::filesystem::path> models,
                                                  const std::optional<DevicePeaks>& peaks,
                                                  const WorkerOptions& worker);
// Why float32 is slower there than the processor is: one sentence; empty where it is not. `facts`
// are those of DescribeTorchEngine, `peak` is what one thread can do at most, in operations a
// second.
[[nodiscard]] std::string WhySlowFloat(const Json& facts, double peak);

}  // namespace quantbench
