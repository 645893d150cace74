// What a worker that watches activations is asked: the prepared model, samples for it, settings.
#pragma once

#include "quantbench/base/json.h"
#include "quantbench/calibrate.h"
#include "quantbench/quantize.h"

#include "run/arms.h"

namespace quantbench {

struct CalibrateRequest {
  Recipe recipe;
  CalibrationSettings settings;
  OpenedInput opened;
  Model prepared;
  int threads = 0;

  // Of "input", "recipe", "settings", "path" and "threads". Errors of the model and the data.
  [[nodiscard]] static Result<CalibrateRequest> Of(const Json& request);
  // The settings, without a table to resume from.
  [[nodiscard]] CalibrateOptions Options() const;
  // Watches what the recipe needs; the result names its source.
  [[nodiscard]] Result<CalibrationStatistics> Observe(const CalibrateOptions& options,
                                                      Engine& engine, Progress& progress) const;
};

}  // namespace quantbench
