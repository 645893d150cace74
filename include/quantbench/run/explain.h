// Why quantizing cost accuracy, or did not pay, layer by layer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "quantbench/base/progress.h"
#include "quantbench/base/status.h"
#include "quantbench/calibrate.h"
#include "quantbench/explain.h"
#include "quantbench/run/bench.h"
#include "quantbench/run/quantize.h"
#include "quantbench/run/worker.h"
#include "quantbench/study.h"

namespace quantbench {

struct ExplainOptions {
  QuantizeOptions quantize;  // output and verify do not matter
  std::int64_t samples = 8;  // that models are compared over
  bool one_by_one = true;    // each layer alone, and all but each: two models a layer
};

// SQNR against the float model in dB: infinity when equal, NaN when not measured.
struct LayerAccuracy {
  std::string layer;
  std::string op_type;
  std::string treatment;      // "static-int8"
  double local_db = 0;        // of its output, when it alone is quantized
  double accumulated_db = 0;  // of its output, when all layers are
  double only_db = 0;         // of the model's worst output, when it alone is quantized
  double only_divergence = 0;
  double without_db = 0;  // of the model's worst output, when all but it are
  double without_divergence = 0;
  Range weights;
  bool observed = false;  // the rest is known
  Range input;            // chosen by the observer
  double clipped = 0;     // share of the input's values outside of it
};

struct AccuracyExplanation {
  std::string source;                 // "data images, 8 samples"
  std::string calibrated;             // empty: no scales are fixed
  double output_db = 0;               // of the worst output, all layers quantized
  double output_divergence = 0;       // mean Kullback-Leibler divergence of its rows, nats
  std::vector<LayerAccuracy> layers;  // with quantized weights, in graph order
};

// Where a recipe loses accuracy, layer by layer, without labels. Everything happens in a worker and
// in memory.
[[nodiscard]] Result<AccuracyExplanation> ExplainAccuracy(const ExplainOptions& options,
                                                          const WorkerOptions& worker,
                                                          Progress& progress);

struct ExplainSpeedOptions {
  std::filesystem::path original;
  std::filesystem::path quantized;  // of the same inputs, whoever made it
  Cell cell;
  InputSource input;
  int processes = 3;  // at least 1; they share the time that one would take
};
struct ExplainedSpeed {
  SpeedExplanation speed;
  std::vector<SaturatingLayer> saturating;  // of the quantized model as loaded; only where they can
  std::uint64_t quantized_bytes = 0;        // of its file and external files
  double contention =
      1;  // wall over CPU time of runs with one thread; with several it is not known
};
// What the engine's profiles of both models say, taken in turn in each of some fresh workers: that
// of the worker whose speed-up is the median one; what a cure promises ranges over all of them.
// kEngine when a model does not load or run.
[[nodiscard]] Result<ExplainedSpeed> ExplainSpeedOf(const ExplainSpeedOptions& options,
                                                    const WorkerOptions& worker,
                                                    Progress& progress);

}  // namespace quantbench
