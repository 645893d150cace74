// Clock: the machine's own.
#include "quantbench/base/clock.h"

#include <array>
#include <ctime>

namespace quantbench {
namespace {

std::int64_t Read(clockid_t id) {
  timespec time{};
  clock_gettime(id, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

class MachineClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t NowNs() const override { return Read(CLOCK_MONOTONIC); }
  [[nodiscard]] std::int64_t CpuNs() const override { return Read(CLOCK_PROCESS_CPUTIME_ID); }
};

}  // namespace

const Clock& SystemClock() {
  static const MachineClock clock;
  return clock;
}

std::string UtcNow() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text.data(), length};
}

}  // namespace quantbench
