// Warming up: runs until their times are steady.
#pragma once

#include <cstdint>
#include <vector>

#include "quantbench/measure.h"

namespace quantbench {

// Whether times have stopped moving [measuring.md 2.5 of the design]: runs are gathered in windows;
// steady when the medians of two neighbouring windows agree, twice in succession.
class SteadyDetector {
 public:
  explicit SteadyDetector(std::size_t window) : window_(window) {}
  void Add(double ns);
  [[nodiscard]] bool steady() const { return agreeing_ >= 2; }
  [[nodiscard]] bool enough() const { return windows_ >= 3; }  // to say anything
  // Of the last full window; 0 before there is one.
  [[nodiscard]] double median() const { return median_; }

 private:
  std::size_t window_;
  std::vector<double> runs_;
  double median_ = 0;
  int windows_ = 0;
  int agreeing_ = 0;
};

// Warms `pass` up and fills first_run_ns and the warm-up's fields. Returns the time of one run.
Result<std::int64_t> WarmUp(const Pass& pass, const LatencyPlan& plan, const Clock& clock,
                            LatencySamples* samples);

}  // namespace quantbench
