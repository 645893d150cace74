// Graphs as the engine runs them, and the least time that they can take.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "quantbench/base/progress.h"
#include "quantbench/base/status.h"
#include "quantbench/device.h"
#include "quantbench/flops.h"
#include "quantbench/model.h"
#include "quantbench/run/bench.h"
#include "quantbench/run/worker.h"
#include "quantbench/study.h"

namespace quantbench {

// The graph as the engine runs it on this machine: loaded in a worker, optimized, read back.
// kEngine when it does not load.
[[nodiscard]] Result<Model> LoadedModel(const std::filesystem::path& model,
                                        const WorkerOptions& worker, Progress& progress);

// What a forward pass over one batch of the input computes, without running it. `notes` (may be
// null) gets the choices made for free dimensions. Errors of resolving and opening the input.
[[nodiscard]] Result<ModelWork> CountModelWork(const Model& model, const Cell& cell,
                                               const InputSource& source,
                                               std::vector<std::string>* notes);

// Time for the peaks that a study or a bench needs for its bounds.
inline constexpr std::int64_t kPeaksBesideMeasuringNs = 1'000'000'000;

struct RooflineOptions {
  std::vector<std::filesystem::path> models;
  Cell cell;  // batch 0: each model's own, else 1
  InputSource input;
  bool loaded = false;  // the graphs that the engine makes of them, operator by operator
};
// The least times of models, in their order. Errors as CountModelWork and LoadedModel, with the
// path.
[[nodiscard]] Result<std::vector<PlacedModel>> PlaceModels(const RooflineOptions& options,
                                                           const DevicePeaks& peaks,
                                                           const WorkerOptions& worker,
                                                           Progress& progress);

}  // namespace quantbench
