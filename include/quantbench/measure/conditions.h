// What the machine and the process went through while something was measured.
#pragma once

#include <cstdint>

#include "quantbench/base/json.h"

namespace quantbench {

// What the process had used up at some moment. Counters only grow.
struct Usage {
  std::int64_t waited_ns = 0;  // ready to run but waiting for a processor, all threads; 0: unknown
  std::int64_t preempted = 0;  // involuntary context switches
  std::int64_t major_faults = 0;  // pages that came from the disk
};

// What the machine says of itself at some moment; -1 where it does not say.
struct Conditions {
  std::int64_t frequency_khz = -1;     // mean over processors
  std::int64_t temperature_mc = -1;    // hottest zone, thousandths of a degree Celsius
  std::int64_t throttled = -1;         // times that a processor slowed down for heat, counter
  std::int64_t under_voltage = -1;     // Raspberry Pi's get_throttled bits
  std::int64_t steal_ms = -1;          // taken by the hypervisor, all processors, counter
  std::int64_t quota_stopped_us = -1;  // stopped by the container's quota, counter
  std::int64_t swapped_pages = -1;     // in and out, counter
  std::int64_t pressure_us = -1;       // some task waited for a processor, counter [PSI]

  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Conditions FromJson(const Json& json);
};

// The machine's meters behind an interface, so that tests can lie about them. Read-only.
class Sensors {
 public:
  Sensors() = default;
  Sensors(const Sensors&) = delete;
  Sensors& operator=(const Sensors&) = delete;
  Sensors(Sensors&&) = delete;
  Sensors& operator=(Sensors&&) = delete;
  virtual ~Sensors() = default;

  [[nodiscard]] virtual Usage ReadUsage() const = 0;
  [[nodiscard]] virtual Conditions ReadConditions() const = 0;
};
[[nodiscard]] const Sensors& SystemSensors();

}  // namespace quantbench
