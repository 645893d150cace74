// The sustained scenario.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "quantbench/base/clock.h"
#include "quantbench/base/json.h"
#include "quantbench/base/progress.h"
#include "quantbench/base/status.h"
#include "quantbench/measure/conditions.h"
#include "quantbench/measure/pass.h"

namespace quantbench {

// The sustained scenario: all arms in turn for minutes, whether they slow down.
struct SustainedPlan {
  std::int64_t duration_ns = 600'000'000'000;
  std::uint64_t seed = 1;  // of the order of arms within rounds

  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<SustainedPlan> FromJson(const Json& json);
};
// Consecutive passes of one arm.
struct SustainedLap {
  std::int64_t start_ns = 0;  // since measuring began
  std::int64_t wall_ns = 0;
  std::int64_t cpu_ns = 0;
  std::int64_t runs = 0;
};
[[nodiscard]] Json ToJson(std::span<const SustainedLap> laps);  // {"start_ns": [..], ...}
// kMalformed where times are negative or the lists of different lengths.
[[nodiscard]] Result<std::vector<SustainedLap>> SustainedLapsFromJson(const Json& json);
struct SustainedSamples {
  std::vector<std::vector<SustainedLap>> arms;                  // one lap a round
  std::vector<std::pair<std::int64_t, Conditions>> conditions;  // once a second; when
};
// Rounds of one lap an arm (20 to 100 ms) until the time is up.
[[nodiscard]] Result<SustainedSamples> MeasureSustained(const std::vector<Pass>& arms,
                                                        const SustainedPlan& plan,
                                                        const Clock& clock, const Sensors& sensors,
                                                        Progress& progress);

}  // namespace quantbench
