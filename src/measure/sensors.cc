// The machine's meters: small files under /proc and /sys, read only.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "quantbench/base/format.h"
#include "quantbench/base/small_file.h"
#include "quantbench/measure.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kUnknownMeter = -1;

// Calls `use` with the number in each <folder>/<prefix>*/<file> that is there.
template <typename Use>
void ForEachIn(const fs::path& folder, std::string_view prefix, const std::string& file, Use use) {
  for (const fs::path& entry : EntriesIn(folder, prefix)) {
    if (const auto value = NumberIn(entry / file)) use(*value);
  }
}

std::int64_t MeanFrequency() {
  std::int64_t sum = 0;
  std::int64_t count = 0;
  ForEachIn("/sys/devices/system/cpu/cpufreq", "policy", "scaling_cur_freq", [&](std::int64_t khz) {
    sum += khz;
    ++count;
  });
  return count > 0 ? sum / count : kUnknownMeter;
}

std::int64_t HottestZone() {
  std::int64_t hottest = kUnknownMeter;
  ForEachIn("/sys/class/thermal", "thermal_zone", "temp",
            [&](std::int64_t value) { hottest = std::max(hottest, value); });
  return hottest;
}

std::int64_t ThrottleCount() {
  std::int64_t sum = kUnknownMeter;
  ForEachIn("/sys/devices/system/cpu", "cpu", "thermal_throttle/core_throttle_count",
            [&](std::int64_t value) { sum = std::max<std::int64_t>(0, sum) + value; });
  return sum;
}

// "cpu user nice system idle iowait irq softirq steal": in ticks.
std::int64_t StealMs() {
  std::ifstream file("/proc/stat");
  std::string word;
  std::int64_t value = 0;
  if (!(file >> word) || word != "cpu") return kUnknownMeter;
  for (int column = 0; column < 8; ++column) {
    if (!(file >> value)) return kUnknownMeter;
  }
  const long ticks = sysconf(_SC_CLK_TCK);
  return ticks > 0 ? value * 1000 / ticks : kUnknownMeter;
}

std::int64_t QuotaStoppedUs() {
  const auto unified = NumberAfter("/sys/fs/cgroup/cpu.stat", "throttled_usec");
  if (unified) return *unified;
  const auto ns = NumberAfter("/sys/fs/cgroup/cpu/cpu.stat", "throttled_time");
  return ns ? *ns / 1000 : kUnknownMeter;
}

std::int64_t SwappedPages() {
  const auto in = NumberAfter("/proc/vmstat", "pswpin");
  const auto out = NumberAfter("/proc/vmstat", "pswpout");
  return in && out ? *in + *out : kUnknownMeter;
}

// "some avg10=0.00 avg60=0.00 avg300=0.00 total=123".
std::int64_t PressureUs() {
  std::ifstream file("/proc/pressure/cpu");
  constexpr std::string_view kTotal = "total=";
  for (std::string word; file >> word;) {
    if (word.starts_with(kTotal)) return std::strtoll(word.c_str() + kTotal.size(), nullptr, 10);
  }
  return kUnknownMeter;
}

// The second number of schedstat is the time that the thread was ready but did not run
// [Documentation/scheduler/sched-stats.rst of Linux].
std::int64_t WaitedNs() {
  std::int64_t sum = 0;
  std::error_code error;
  for (fs::directory_iterator task("/proc/self/task", error), end; !error && task != end;
       task.increment(error)) {
    std::ifstream file(task->path() / "schedstat");
    std::int64_t ran = 0;
    std::int64_t waited = 0;
    if (file >> ran >> waited) sum += waited;
  }
  return sum;
}

class MachineSensors final : public Sensors {
 public:
  [[nodiscard]] Usage ReadUsage() const override {
    rusage counters{};
    getrusage(RUSAGE_SELF, &counters);
    return {WaitedNs(), counters.ru_nivcsw, counters.ru_majflt};
  }
  [[nodiscard]] Conditions ReadConditions() const override {
    Conditions now;
    now.frequency_khz = MeanFrequency();
    now.temperature_mc = HottestZone();
    now.throttled = ThrottleCount();
    now.under_voltage = NumberIn("/sys/devices/platform/soc/soc:firmware/get_throttled", 16)
                            .value_or(kUnknownMeter);
    now.steal_ms = StealMs();
    now.quota_stopped_us = QuotaStoppedUs();
    now.swapped_pages = SwappedPages();
    now.pressure_us = PressureUs();
    return now;
  }
};

}  // namespace

const Sensors& SystemSensors() {
  static const MachineSensors sensors;
  return sensors;
}

}  // namespace quantbench
