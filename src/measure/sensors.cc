// The machine's meters: small files under /proc and /sys, read only.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "quantbench/base/format.h"
#include "quantbench/measure.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kUnknownMeter = -1;

// The first number of a small file; kUnknownMeter when there is none.
std::int64_t NumberIn(const fs::path& path, int base = 10) {
  std::ifstream file(path);
  std::string word;
  if (!(file >> word)) return kUnknownMeter;
  char* end = nullptr;
  const std::int64_t value = std::strtoll(word.c_str(), &end, base);
  return end == word.c_str() ? kUnknownMeter : value;
}

// The number after `key` in a file of "key value" lines.
std::int64_t NumberAfter(const fs::path& path, std::string_view key) {
  std::ifstream file(path);
  std::string word;
  for (std::int64_t value = 0; file >> word;) {
    if (word == key && file >> value) return value;
  }
  return kUnknownMeter;
}

// `add` over folder/<prefix>*/<file>, entries that are there.
template <typename Use>
void ForEachIn(const fs::path& folder, std::string_view prefix, const std::string& file, Use use) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!entry->path().filename().string().starts_with(prefix)) continue;
    const std::int64_t value = NumberIn(entry->path() / file);
    if (value != kUnknownMeter) use(value);
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
  const std::int64_t unified = NumberAfter("/sys/fs/cgroup/cpu.stat", "throttled_usec");
  if (unified != kUnknownMeter) return unified;
  const std::int64_t ns = NumberAfter("/sys/fs/cgroup/cpu/cpu.stat", "throttled_time");
  return ns == kUnknownMeter ? ns : ns / 1000;
}

std::int64_t SwappedPages() {
  const std::int64_t in = NumberAfter("/proc/vmstat", "pswpin");
  const std::int64_t out = NumberAfter("/proc/vmstat", "pswpout");
  return in == kUnknownMeter || out == kUnknownMeter ? kUnknownMeter : in + out;
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
    now.under_voltage = NumberIn("/sys/devices/platform/soc/soc:firmware/get_throttled", 16);
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
