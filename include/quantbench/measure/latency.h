// Latency: how it is planned, and what fresh processes see of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "quantbench/base/clock.h"
#include "quantbench/base/json.h"
#include "quantbench/base/progress.h"
#include "quantbench/base/status.h"
#include "quantbench/measure/conditions.h"
#include "quantbench/measure/pass.h"

namespace quantbench {

// How the latency of a cell is sampled: in fresh processes, each with all arms, each with rounds in
// which every arm makes one lap. A lap is consecutive forward passes ("runs") of one arm.
struct LatencyPlan {
  // The cell; the caller starts processes until these are met.
  int repetitions = 10;                     // k: least runs of every arm; to a process: its part
  int processes = 6;                        // least fresh processes
  int max_processes = 40;                   // equal to `processes`: no stopping rule
  double precision = 0.01;                  // wanted half-width of the ratios' intervals, relative
  std::int64_t budget_ns = 30'000'000'000;  // then no process is started beyond the third
  // One process.
  int rounds = 4;
  int lap_runs = 0;                     // 0: as many as take 20 ms, 3 to 200; 1 from 100 ms on
  std::int64_t warmup_ns = 50'000'000;  // per arm, at least, until the times are steady
  std::int64_t max_warmup_ns = 1'000'000'000;  // steady or not
  std::uint64_t seed = 1;                      // order of loading and of arms within rounds

  // What a user asked for, 0 for nothing: only `least` means exactly so many.
  void SetProcesses(int least, int most);
  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<LatencyPlan> FromJson(const Json& json);
};

// Consecutive runs of one arm. The first after another arm finds that one's data in the caches: it
// is kept apart in `switch_ns` (0: there was none) and in none of the other figures.
struct Lap {
  std::int64_t start_ns = 0;  // since the process began to measure
  std::int64_t switch_ns = 0;
  std::int64_t cpu_ns = 0;     // CPU time of the process over all of run_ns
  std::int64_t waited_ns = 0;  // this and the next two: see Usage; the run of switch_ns included
  std::int64_t preempted = 0;
  std::int64_t major_faults = 0;
  std::vector<std::int64_t> run_ns;  // wall time of every run

  [[nodiscard]] std::int64_t wall_ns() const;
};

// How warming up ended: the times of windows of runs no longer moved; they still did when the time
// was up; or there were too few runs to say.
enum class WarmUpEnd : std::uint8_t { kSteady, kMoving, kTooFew };
[[nodiscard]] std::string_view Name(WarmUpEnd end);  // "steady", "moving", "too few runs"

// One arm in one process.
struct LatencySamples {
  std::int64_t load_ns = 0;       // session creation; filled by the caller
  std::int64_t first_run_ns = 0;  // the very first run
  int warmup_runs = 0;            // before the first lap, the first run included
  std::int64_t warmup_ns = 0;     // what they took
  WarmUpEnd warmup_end = WarmUpEnd::kTooFew;
  std::vector<Lap> laps;

  [[nodiscard]] Json ToJson() const;
  // kMalformed where there are no laps, a lap without runs, or a time that is not positive.
  [[nodiscard]] static Result<LatencySamples> FromJson(const Json& json);
};

// One process.
struct ProcessSamples {
  std::vector<LatencySamples> arms;    // as given
  std::vector<Conditions> conditions;  // before the first round and after each
  std::int64_t rounds_ns = 0;          // what the rounds took
};

// The orders of n arms within consecutive rounds: ABBA or BAAB for two [Abel 1986], a Williams
// design for more, in which every arm follows every other equally often [Williams 1949]; rows of
// the design in random order, arms renamed at random.
[[nodiscard]] std::vector<std::vector<std::size_t>> OrderRounds(std::size_t arms, int rounds,
                                                                std::uint64_t seed);

// Measures all arms together. Each is warmed up until its times are steady: in windows of runs, two
// neighbouring medians in succession differ by at most max(1 %, 2.5 MAD / (median sqrt(runs))).
// Then come plan.rounds rounds; nothing but the runs is inside the timed region, one reading of the
// clock a run. An arm that fails ends the measurement with its error.
[[nodiscard]] Result<ProcessSamples> MeasureInterleaved(const std::vector<Pass>& arms,
                                                        const LatencyPlan& plan, const Clock& clock,
                                                        const Sensors& sensors, Progress& progress);

}  // namespace quantbench
