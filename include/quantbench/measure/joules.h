// The energy scenario.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "quantbench/base/clock.h"
#include "quantbench/base/json.h"
#include "quantbench/base/progress.h"
#include "quantbench/base/status.h"
#include "quantbench/energy.h"
#include "quantbench/measure/pass.h"

namespace quantbench {

// The energy scenario: blocks of one arm each between blocks of idling. I A I B I ... I.
struct EnergyPlan {
  std::int64_t block_ns = 5'000'000'000;  // of an arm, and of idling
  int rounds = 3;                         // of all arms
  std::uint64_t seed = 1;                 // of the order of arms within rounds

  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<EnergyPlan> FromJson(const Json& json);
};
struct EnergyBlock {
  std::int64_t start_ns = 0;  // since measuring began
  std::int64_t wall_ns = 0;
  std::int64_t runs = 0;  // 0: idling
  double joules = 0;      // NaN: not known, an external meter is to tell

  [[nodiscard]] double watts() const;
};
[[nodiscard]] Json ToJson(std::span<const EnergyBlock> blocks);  // {"start_ns": [..], ...}
// kMalformed where times are not positive, runs or joules negative, or the lists of different
// lengths.
[[nodiscard]] Result<std::vector<EnergyBlock>> EnergyBlocksFromJson(const Json& json);
// One process. Idle blocks stand between all others, and first and last.
struct EnergySamples {
  std::int64_t began_utc_ns = 0;               // what start_ns counts from; since 1970
  std::vector<std::vector<EnergyBlock>> arms;  // one block a round
  std::vector<EnergyBlock> idle;
};
// How energy is read: a meter (null: none, times alone are written down), waiting without work, and
// the time of day (since 1970), so that tests need neither.
struct EnergyWatch {
  EnergyMeter* meter = nullptr;
  const Clock& clock;
  WaitUntil wait;
  std::function<std::int64_t()> utc_ns;
};
// All arms in one process, each warmed up first. Between an arm and the idling after it, and the
// other way round, passes a tenth of a block that is not counted: clocks fall and rise late. Errors
// of passes and of the meter.
[[nodiscard]] Result<EnergySamples> MeasureEnergy(const std::vector<Pass>& arms,
                                                  const EnergyPlan& plan, const EnergyWatch& watch,
                                                  Progress& progress);
// Whether what a source said can be energy: kUnavailable when blocks hold none, or when working
// took no more watts than idling.
[[nodiscard]] Status CheckEnergy(const EnergySamples& samples);
// Mean watts of the idle blocks right before and after a block; of one where there is no other, NaN
// without any.
[[nodiscard]] double IdleAround(const EnergyBlock& block, std::span<const EnergyBlock> idle);

}  // namespace quantbench
