// Measuring what measuring is worth.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "quantbench/analyse.h"
#include "quantbench/base/progress.h"
#include "quantbench/base/status.h"
#include "quantbench/measure.h"
#include "quantbench/run/worker.h"

namespace quantbench {

struct SelfTestOptions {
  std::int64_t sessions = 100;
  std::vector<double> planted = {0.02,
                                 0.05};  // copies made slower by these shares of their CPU time
  int competitors = 0;                   // processes that keep a processor each busy meanwhile
  std::filesystem::path model;           // empty: a chain of products of about 3 ms
  LatencyPlan latency;                   // of one session; seeds count up from its seed
};
// Measures copies of one model against each other, session by session, as BenchCell does, and
// beside it in the naive way: k runs of the one, then k of the other. kEngine when a session fails.
[[nodiscard]] Result<std::vector<TrialSession>> RunSelfTest(const SelfTestOptions& options,
                                                            const WorkerOptions& worker,
                                                            Progress& progress);

}  // namespace quantbench
