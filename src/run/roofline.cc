// Placing models below the roofs of this device.
#include <algorithm>

#include "quantbench/base/format.h"
#include "quantbench/run.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

// The batch that the model is fixed to, else 1.
std::int64_t OwnBatch(const Model& model) {
  for (const InputSpec& input : InputsOf(model)) {
    if (input.batched && !input.dims.empty()) return std::max<std::int64_t>(1, input.dims[0]);
  }
  return 1;
}

Result<PlacedModel> PlaceFile(const fs::path& path, const RooflineOptions& options,
                              const DevicePeaks& peaks, const WorkerOptions& worker,
                              Progress& progress) {
  QB_TRY(const Model model, options.loaded ? LoadedModel(path, worker, progress) : LoadModel(path));
  if (const Status sound = CheckModel(model); !sound.ok()) {
    return sound.error().Within(path.string());
  }
  Cell cell = options.cell;
  if (cell.batch <= 0) cell.batch = OwnBatch(model);
  std::vector<std::string> notes;
  const auto work = CountModelWork(model, cell, options.input, &notes);
  if (!work.ok()) return work.error().Within(path.string());
  for (const std::string& note : notes) {
    progress.Note(Format("{}: {}", Printable(path.string()), note));
  }
  if (work.value().unknown > 0) {
    progress.Note(Format("{}: parts of {} operators could not be counted: its least time is longer",
                         Printable(path.string()), work.value().unknown));
  }
  return PlaceModel(work.value(), peaks, static_cast<int>(cell.threads),
                    options.loaded ? Fusing::kAsListed : Fusing::kBest);
}

}  // namespace

Result<std::vector<PlacedModel>> PlaceModels(const RooflineOptions& options,
                                             const DevicePeaks& peaks, const WorkerOptions& worker,
                                             Progress& progress) {
  std::vector<PlacedModel> placed;
  for (const fs::path& path : options.models) {
    QB_TRY(PlacedModel model, PlaceFile(path, options, peaks, worker, progress));
    placed.push_back(std::move(model));
  }
  return placed;
}

}  // namespace quantbench
