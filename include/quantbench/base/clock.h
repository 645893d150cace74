// Clock: the time, behind an interface so that tests can lie about it.
#pragma once

#include <cstdint>
#include <string>

namespace quantbench {

class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  Clock(Clock&&) = delete;
  Clock& operator=(Clock&&) = delete;
  virtual ~Clock() = default;

  // Monotonic, nanoseconds from an arbitrary start.
  [[nodiscard]] virtual std::int64_t NowNs() const = 0;
  // CPU time of the whole process (user and system, all threads), nanoseconds.
  [[nodiscard]] virtual std::int64_t CpuNs() const = 0;
};

// The machine's clock.
[[nodiscard]] const Clock& SystemClock();

// The date and time of day in UTC, ISO 8601 with seconds: "2026-05-01T12:00:00Z".
[[nodiscard]] std::string UtcNow();

}  // namespace quantbench
