// Quantizing and calibrating files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "quantbench/base/progress.h"
#include "quantbench/base/status.h"
#include "quantbench/calibrate.h"
#include "quantbench/data.h"
#include "quantbench/engine.h"
#include "quantbench/measure.h"
#include "quantbench/quantize.h"
#include "quantbench/run/worker.h"

namespace quantbench {

struct QuantizeOptions {
  std::filesystem::path model;
  std::filesystem::path output;  // the model, or with plan_only the plan
  Recipe recipe;
  std::optional<Plan> plan;           // applied as it is; the recipe does not matter then
  bool plan_only = false;             // stop after planning and write the plan as JSON
  std::optional<DataSpec> calibrate;  // absent: synthetic input
  CalibrationSettings calibration;
  std::filesystem::path table;    // made by CalibrateModel: nothing is calibrated then
  std::vector<InputSpec> stated;  // see InputSource
  DimValues dims;
  std::map<std::string, double> constants;
  std::int64_t vocabulary = 1000;
  bool per_channel_dynamic = false;  // TorchScript: dynamic layers too have a scale a channel
  bool verify = true;
  bool force = false;  // replace an existing output
  int threads = 0;     // of the quantizer; 0: one per core
};

struct QuantizeOutcome {
  Plan plan;
  ModelSize before;
  ModelSize after;
  double seconds = 0;  // preparing, planning, applying, writing; not calibrating or verifying
  double calibrate_seconds = 0;
  double verify_seconds = 0;               // loading and comparing both; 0 when not verified
  std::uint64_t calibrate_peak_bytes = 0;  // of the worker; 0: none calibrated
  std::string calibrated;        // "percentile over data images, 64 samples"; empty: not calibrated
  std::uint64_t peak_bytes = 0;  // of this process
  bool verified = false;
  double sqnr_db = 0;              // worst output; NaN when not verified
  std::string verify_source;       // "data images, 8 samples" or "synthetic, seed 1"
  DenormalCount activations;       // of the original, all that calibrating watched
  DenormalCount outputs_original;  // of those that were compared
  DenormalCount outputs;
  std::string sha256;  // of the written file; empty when not verified
};

// Quantizes, writes, re-opens, loads and compares. When the output does not load or compare, it is
// removed again and the error says so. Never writes in place.
[[nodiscard]] Result<QuantizeOutcome> QuantizeModel(const QuantizeOptions& options,
                                                    const WorkerOptions& worker,
                                                    Progress& progress);

struct CalibrateOutcome {
  CalibrationStatistics seen;
  CalibrationTable ranges;   // of the observer asked for
  std::int64_t resumed = 0;  // samples that an interrupted call had seen before
  double seconds = 0;
  std::uint64_t peak_bytes = 0;  // of the worker
};

// Observes what options.recipe needs of options.model and writes options.output: a table of
// statistics, histograms included, that QuantizeModel reads with any observer. While it works, what
// was seen so far is kept beside it (`<output>.partial`): called again after an interruption with
// the same options, it goes on from there, and the table has the same bytes as without one.
[[nodiscard]] Result<CalibrateOutcome> CalibrateModel(const QuantizeOptions& options,
                                                      const WorkerOptions& worker,
                                                      Progress& progress);

}  // namespace quantbench
