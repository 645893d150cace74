// Calibrating, seen from the parent.
#pragma once

#include <filesystem>

#include "quantbench/base/status.h"
#include "quantbench/calibrate.h"
#include "quantbench/run.h"

namespace quantbench {

struct QuantizeCalibration {
  CalibrationTable table;
  std::uint64_t peak_bytes = 0;  // of the worker; 0: none was needed
};
// Ranges of the activations that the recipe needs: of options.table, or watched in a worker.
Result<QuantizeCalibration> CalibrateFor(const QuantizeOptions& options,
                                         const WorkerOptions& worker, Progress& progress);

// A table that CalibrateModel made of that model. kMalformed, or kInvalidArgument for another one.
Result<CalibrationStatistics> ReadCalibrationTable(const std::filesystem::path& table,
                                                   const std::filesystem::path& model);
// As options.calibration, for the codes that options.recipe makes.
CalibrationSettings SettingsFor(const QuantizeOptions& options);

}  // namespace quantbench
