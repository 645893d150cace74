// Rows of variants: size, what quantizing did, the trade-off.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "quantbench/analyse/scores.h"
#include "quantbench/analyse/statistics.h"
#include "quantbench/measure.h"
#include "quantbench/quantize.h"
#include "quantbench/results.h"

namespace quantbench {

struct ArmSize {
  std::string model;
  std::string arm;
  ModelSize size;
  double ratio = 1;  // original bytes / bytes: 4 is a quarter of the size
};

// An arm's place in the trade-off of its model.
struct TradeOff {
  std::string model;
  std::string arm;
  Score score = Score::kTop1;
  Interval quality;     // the score; of variants the original's plus the paired difference
  Interval latency_ms;  // in the model's first cell; of variants the original's times the ratio
  double size_mb = 0;
  std::string dominated_by;  // an arm that is at least as good in all and better in one; or empty
  bool within_budget = false;
  bool best = false;  // the fastest within the budget, then the smallest
};

struct QuantizeResult {
  std::string model;
  std::string variant;
  Outcome outcome = Outcome::kOk;
  std::string reason;
  Plan plan;
  std::int64_t layers = 0;  // that could be quantized
  std::int64_t quantized = 0;
  std::vector<std::pair<std::string, std::int64_t>> float_reasons;  // reason, layers; most first
  double sqnr_db = 0;                                               // NaN when not verified
  std::int64_t operators = 0;      // that the engine runs; 0: not known
  std::int64_t conversions = 0;    // of them, those that only turn floats into codes or back
  DenormalCount activations;       // of the original while calibrating
  DenormalCount outputs_original;  // while the two were compared
  DenormalCount outputs;
  double seconds = 0;
  std::uint64_t peak_bytes = 0;
};

}  // namespace quantbench
