// How far the instrument itself can be trusted.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "quantbench/analyse/latency.h"
#include "quantbench/analyse/statistics.h"

namespace quantbench {

// One session of a self-test: a cell with copies of one model, some made slower by a known factor.
struct TrialSession {
  CellResult cell;
  std::vector<std::pair<double, Interval>> planted;  // true ratio, measured
  Interval
      naive;  // ratio of means, one copy after the other, k runs each, as Welch's interval says
};
// Sessions with one effect. For the control and the naive way a miss is a false alarm.
struct TrialSummary {
  std::string effect;  // "A/A", "2 % slower", "A/A, one after the other"
  std::int64_t sessions = 0;
  std::int64_t missed = 0;  // the interval does not hold the truth
  Interval rate;            // of missing, with Wilson's interval
  double bias = 0;          // mean of estimate / truth - 1
  double half_width = 0;    // median, relative
  std::int64_t judged = 0;  // contention allowed a verdict whether the copy is slower
  std::int64_t wrong = 0;   // verdicts: slower where it is not, faster where it is slower
  bool passed = true;       // `missed` is what a rate of 5 % allows
};
[[nodiscard]] std::vector<TrialSummary> SummariseTrials(std::span<const TrialSession> sessions);
// The most of n trials that a rate of 5 % exceeds with a probability of at most 5 %: 9 of 100.
[[nodiscard]] std::int64_t MostAllowed(std::int64_t n);

}  // namespace quantbench
