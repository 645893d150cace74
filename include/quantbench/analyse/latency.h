// Rows of cells: times, ratios, memory, and what they are worth.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "quantbench/analyse/ratios.h"
#include "quantbench/analyse/statistics.h"
#include "quantbench/flops.h"
#include "quantbench/results.h"
#include "quantbench/study.h"

namespace quantbench {

struct ArmLatency {
  std::string arm;
  Outcome outcome = Outcome::kOk;
  std::string reason;
  Summary ms;                           // wall time of runs, all processes pooled
  std::vector<Percentile> percentiles;  // ms, those that ms.n suffices for
  Summary cpu_ms;                       // CPU time of a run, one value a lap
  double doubt = 0;     // relative half-width of the 95 % interval of ms.mean, over processes
  Interval ratio;       // to the original, on the cell's timebase; 1 for the original
  Interval speedup;     // 1 / ratio
  Interval wall_ratio;  // of mean wall times, whatever the timebase
  Interval cpu_ratio;   // of CPU times
  std::vector<double> log_ratios;  // that `ratio` came from, one a process
  double samples_per_s = 0;        // batch / mean
  std::int64_t processes = 0;
  double load_ms = 0;             // median over processes
  std::vector<double> load_logs;  // ln(time to load / the original's), one a process
  double first_run_ms = 0;        // median over processes
  double switch_ms = 0;           // median of the runs right after another arm's; NaN without
  double warmup_runs = 0;         // median over processes
  std::int64_t unsteady = 0;      // processes whose warm-up was still moving at its end
  Pattern pattern = Pattern::kFlat;
  std::optional<ModelWork> work;     // of one run, without its operators; where it was counted
  double least_ms = 0;               // that a run can take on this device [roofline]; 0: not known
  std::string roof;                  // that binds for the largest share of it: "int8", "memory"
  bool estimators_disagree = false;  // ratios of means and of medians differ beyond their intervals
};

// One arm alone in a worker, less what a worker with an engine and no model takes; bytes.
struct ArmMemory {
  std::string arm;
  Outcome outcome = Outcome::kOk;
  std::string reason;
  std::uint64_t loaded = 0;       // resident after loading
  std::uint64_t steady = 0;       // resident after some runs
  std::uint64_t anonymous = 0;    // of steady
  std::uint64_t file_backed = 0;  // of steady
  std::uint64_t peak = 0;         // of loading and running
  double cold_load_ms = 0;
  double warm_load_ms = 0;
};

struct CellResult {
  std::string model;
  Cell cell;
  Outcome outcome = Outcome::kOk;
  std::string reason;
  std::string input;                    // where the input came from
  std::vector<ArmLatency> arms;         // study order, original first
  std::vector<ArmMemory> memory;        // where it was measured
  Timebase timebase = Timebase::kWall;  // of ratios; CPU time where the processor was contended
  double contention = 1;
  Interval control;     // the original against its own copy, on `timebase`; unknown without a copy
  double widening = 1;  // of intervals: see WideningOf
  std::string stopped;  // why no more processes were started

  // The largest relative difference that the control leaves open, 0.01 for 1 %; NaN without one.
  [[nodiscard]] double resolution() const;
  [[nodiscard]] bool control_failed() const;  // its interval does not hold 1
};
// "differences below 0.8 % cannot be seen on this device today"; empty without a control.
[[nodiscard]] std::string DescribeResolution(const CellResult& cell);

// An arm at the samples' natural sizes, beside synthetic samples of the same shapes.
struct NaturalLatency {
  std::string model;
  std::string arm;
  std::int64_t batch = 1;
  std::int64_t size_from = 0;  // elements of the largest input, from and to; all sizes: 0
  std::int64_t size_to = 0;
  std::int64_t runs = 0;  // batches of samples in a process
  std::int64_t processes = 0;
  double real_ms = 0;  // mean
  double synthetic_ms = 0;
  Interval real_to_synthetic;  // geometric mean, over processes
  Interval ratio;              // to the original, on real samples
};

}  // namespace quantbench
