// How latency grows with the batch.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "quantbench/study.h"

namespace quantbench {

struct Analysis;

struct ScalingPoint {
  std::int64_t batch = 1;
  double ms = 0;     // mean of a run
  double doubt = 0;  // relative half-width of its 95 % interval, over processes
};
// One arm over the batches of otherwise equal cells.
struct Scaling {
  std::string model;
  std::string where;  // "2 threads, seq 64"
  std::string arm;
  std::vector<ScalingPoint> points;  // by rising batch
  double fixed_ms = 0;  // ms = fixed + per_sample * batch, least squares of relative errors
  double per_sample_ms = 0;
  double worst = 0;       // largest relative error of that line
  std::int64_t knee = 0;  // from this batch on two steps gained less than 3 % each; 0: none seen
  std::vector<std::pair<std::int64_t, std::int64_t>> dips;  // steps that cost throughput
  bool contended = false;  // CPU time stands in for wall time somewhere
};
// Those with two batches or more.
[[nodiscard]] std::vector<Scaling> ScalingsOf(const Analysis& analysis);
// What a sweep should measure beside what it has: the batches half way from one at which throughput
// falls, beyond its interval, to its neighbours. Marked as added; at most 8, and none around cells
// that were added themselves.
[[nodiscard]] std::vector<Case> CellsToAdd(const Analysis& analysis);

}  // namespace quantbench
