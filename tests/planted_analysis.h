// Cells, sizes and claims as figures, without records behind them: for tests of verdicts.
#pragma once

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "analyse/judge.h"

namespace quantbench::testing {

// One log-ratio a process, around ln(ratio).
inline std::vector<double> LogsAround(double ratio, double scatter) {
  std::vector<double> logs;
  for (const double z : {-1.0, 0.4, 1.1, -0.5}) logs.push_back(std::log(ratio) + scatter * z);
  return logs;
}

inline ArmLatency Timed(const std::string& name, double ms, double ratio, double scatter = 0.005) {
  ArmLatency arm;
  arm.arm = name;
  arm.ms.mean = ms;
  arm.processes = 4;
  arm.doubt = 0.01;
  arm.log_ratios = LogsAround(ratio, scatter);
  arm.ratio = RatioFromLogs(arm.log_ratios);
  arm.speedup = {1 / arm.ratio.estimate, 1 / arm.ratio.high, 1 / arm.ratio.low};
  return arm;
}

// The original takes `ms`, each variant that times its ratio.
inline CellResult CellOf(std::int64_t batch, double ms,
                         const std::vector<std::pair<std::string, double>>& ratios,
                         double scatter = 0.005) {
  CellResult cell;
  cell.model = "m";
  cell.cell.batch = batch;
  cell.control = {1, 0.999, 1.001};
  cell.arms.push_back(Timed("original", ms, 1, 0));
  for (const auto& [name, ratio] : ratios) {
    cell.arms.push_back(Timed(name, ms * ratio, ratio, scatter));
  }
  return cell;
}

inline Analysis OneModel(std::vector<CellResult> cells) {
  Analysis analysis;
  analysis.study.models.push_back({});
  analysis.study.models.back().id = "m";
  analysis.cells = std::move(cells);
  return analysis;
}

// Of model "m".
inline ArmSize SizeOfArm(const std::string& arm, std::uint64_t bytes) {
  ArmSize size;
  size.model = "m";
  size.arm = arm;
  size.size.file_bytes = bytes;
  return size;
}

inline Hypothesis Claimed(Metric metric, std::vector<std::string> arms, const std::string& expect,
                          const std::string& along = "") {
  Hypothesis hypothesis;
  hypothesis.id = "H";
  hypothesis.metric = metric;
  hypothesis.arms = std::move(arms);
  hypothesis.expect = ParseExpectation(expect).value();
  hypothesis.along = along;
  EXPECT_TRUE(MistakesOf(hypothesis).empty());
  return hypothesis;
}

inline HypothesisResult JudgedOn(const Analysis& analysis, const Hypothesis& hypothesis) {
  return Judge(hypothesis, analysis, nullptr);
}

}  // namespace quantbench::testing
