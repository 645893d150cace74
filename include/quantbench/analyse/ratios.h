// Ratios of latencies: one a process, an interval over processes; when to stop; how times behave.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/analyse/statistics.h"
#include "quantbench/measure.h"
#include "quantbench/study.h"

namespace quantbench {

// What stands for a lap.
enum class LapValue : std::uint8_t { kWallMean, kWallMedian, kCpu };

// ln(arm / original) of every process: the mean over its rounds. The process is what is repeated:
// laps and runs within one share its luck. Samples of one process stand at the same index.
[[nodiscard]] std::vector<double> LogRatios(std::span<const LatencySamples> arm,
                                            std::span<const LatencySamples> original,
                                            LapValue value);
// Geometric mean of ratios from one log-ratio a process with Student's t interval, its half-width
// times `widening`; no interval for fewer than two. Neighbouring processes that resemble each other
// (lag-1 correlation above 0.3 and significant, from 8 on) count as one.
[[nodiscard]] Interval RatioFromLogs(std::span<const double> log_ratios, double widening = 1);

// Keeps the coverage of intervals whose number of processes was chosen by their width: 4.2-7.3 % of
// false alarms without, 2.1-4.5 % with it, simulated [measuring.md 2.7 of the design].
inline constexpr double kWideningOfStopped = 1.15;
[[nodiscard]] double WideningOf(const LatencyPlan& plan);  // 1 when the number was fixed

// How much longer runs took than the processor worked on them. On one thread that only computes:
// wall time over CPU time; else 1 + time waited for a processor over CPU time.
[[nodiscard]] double ContentionOf(std::span<const LatencySamples> samples, const Cell& cell);
inline constexpr double kContentionNoted = 1.03;
inline constexpr double kContended = 1.10;  // no verdict on wall time
inline constexpr double kChaos = 1.50;      // no verdict at all

// How the times of an arm behave over a cell, after [Barrett et al. 2017]: they stay at one level;
// fall during each process (its warm-up was too short); rise during each process or over the cell
// (heat); jump between two levels; or have several.
enum class Pattern : std::uint8_t { kFlat, kWarmUp, kSlowdown, kTwoSpeeds, kUnsteady };
[[nodiscard]] std::string_view Name(Pattern pattern);  // "flat", "warm-up", "slowdown", ...
[[nodiscard]] Pattern PatternOf(std::span<const LatencySamples> processes);
// Indices at which the level of a series changes (exclusive of 0 and n): the segmentation of least
// squared error, a change costing 3 ln(n) times the noise's variance [Killick et al. 2012, PELT];
// the noise from the median absolute difference of neighbours.
[[nodiscard]] std::vector<std::size_t> ChangePoints(std::span<const double> series);

enum class Timebase : std::uint8_t { kWall, kCpu };
[[nodiscard]] std::string_view Name(Timebase timebase);  // "wall", "CPU"

// A process of a cell as far as it matters for how to go on.
struct MeasuredProcess {
  std::vector<LatencySamples> arms;  // the original first; the same arms in every process
  std::int64_t rounds_ns = 0;
  std::int64_t total_ns = 0;
};
struct NextStep {
  bool stop = false;
  std::string reason;     // of stopping
  int rounds = 4;         // of the next process
  double half_width = 0;  // relative, of the widest interval so far; infinity before there is one
};
// Whether another process is worth while and with how many rounds: sqrt of (cost of a process /
// cost of a round) (variance within / between processes) [Kalibera and Jones 2013], 4 to 40.
inline constexpr int kLeastProcesses = 3;  // whatever the budget
[[nodiscard]] NextStep NextProcess(const LatencyPlan& plan, const Cell& cell,
                                   std::span<const MeasuredProcess> done);

}  // namespace quantbench
