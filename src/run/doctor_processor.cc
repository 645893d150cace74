// Doctor: the processor, and what changes its speed.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <system_error>

#include "quantbench/base/format.h"
#include "quantbench/base/small_file.h"

#include "run/doctor.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

constexpr const char* kProcessors = "sys/devices/system/cpu";

std::string ProcessorFlags(const fs::path& root) {
  const std::string flags = ValueIn(root / "proc/cpuinfo", "flags");
  return flags.empty() ? ValueIn(root / "proc/cpuinfo", "Features") : flags;
}

DoctorItem NameItem(const fs::path& root) {
  std::string name = ValueIn(root / "proc/cpuinfo", "model name");
  if (name.empty()) name = ValueIn(root / "proc/cpuinfo", "Model");
  if (name.empty()) name = FirstLineIn(root / "sys/firmware/devicetree/base/model");
  std::erase(name, '\0');
  return {"processor", name.empty() ? "not visible" : name, true, ""};
}

DoctorItem CoresItem(const fs::path& root) {
  std::set<std::string> cores;
  std::int64_t processors = 0;
  for (const fs::path& cpu : EntriesIn(root / kProcessors, "cpu")) {
    const std::string siblings = FirstLineIn(cpu / "topology/thread_siblings_list");
    if (siblings.empty()) continue;
    cores.insert(FirstLineIn(cpu / "topology/physical_package_id") + ":" + siblings);
    ++processors;
  }
  if (processors == 0) return {"cores", "not visible", true, ""};
  const auto count = static_cast<std::int64_t>(cores.size());
  if (count == processors) return {"cores", Format("{}, one thread each", count), true, ""};
  return {
      "cores",
      Format("{} with {} threads: two threads of a core share its arithmetic", count, processors),
      true,
      Format("measure with no more than {} threads, or: echo off | sudo tee "
             "/sys/devices/system/cpu/smt/control",
             count)};
}

DoctorItem InstructionsItem(const fs::path& root) {
  const std::string flags = " " + ProcessorFlags(root) + " ";
  std::string found;
  for (const std::string_view name :
       {"avx2", "fma", "avx512f", "avx512bw", "avx512_vnni", "avx_vnni", "amx_int8", "asimd",
        "asimddp", "i8mm", "sve", "neon"}) {
    if (flags.find(Format(" {} ", name)) == std::string::npos) continue;
    found += Format("{}{}", found.empty() ? "" : " ", name);
  }
  const auto has = [&](std::string_view name) { return found.find(name) != std::string::npos; };
  if (has("vnni") || has("asimddp") || has("i8mm") || has("amx_int8")) {
    return {"int8 instructions", found, true, ""};
  }
  if (has("avx2")) {
    return {"int8 instructions", found + " (no VNNI)", true,
            "int8 arithmetic is at most about twice as fast as float32, and 8-bit weights can "
            "saturate in the kernels"};
  }
  return {"int8 instructions", found.empty() ? "none known" : found, false,
          "int8 models may be slower than float32 on this processor: measure before deciding"};
}

DoctorItem CachesItem(const fs::path& root) {
  std::string text;
  for (const CacheLevel& cache : ReadCaches(root)) {
    text += Format("{}L{} {}", text.empty() ? "" : ", ", cache.level, FormatCacheSize(cache.bytes));
    if (cache.shared_by > 1) text += Format(" for {} threads", cache.shared_by);
  }
  return {"caches", text.empty() ? "not visible" : text, true, ""};
}

// The governors of all processors, and what frequencies they choose from.
DoctorItem GovernorItem(const fs::path& root) {
  std::set<std::string> governors;
  std::int64_t least = 0;
  std::int64_t most = 0;
  for (const fs::path& policy : EntriesIn(root / kProcessors / "cpufreq", "policy")) {
    const std::string governor = FirstLineIn(policy / "scaling_governor");
    if (!governor.empty()) governors.insert(governor);
    const std::int64_t low = NumberIn(policy / "scaling_min_freq").value_or(0);
    least = least == 0 ? low : std::min(least, low);
    most = std::max(most, NumberIn(policy / "scaling_max_freq").value_or(0));
  }
  if (governors.empty()) {
    const std::string governor = FirstLineIn(root / kProcessors / "cpu0/cpufreq/scaling_governor");
    if (governor.empty()) return {"frequency governor", "not visible", true, ""};
    governors.insert(governor);
  }
  std::string text;
  for (const std::string& governor : governors) text += (text.empty() ? "" : ", ") + governor;
  if (most > 0) {
    text += Format(" ({:.1f} to {:.1f} GHz)", static_cast<double>(least) * 1e-6,
                   static_cast<double>(most) * 1e-6);
  }
  const bool fixed = governors.size() == 1 && *governors.begin() == "performance";
  return {"frequency governor", text, fixed,
          fixed ? "" : "sudo cpupower frequency-set -g performance"};
}

// Where the clock rises above its rated speed as long as the processor is cool.
DoctorItem TurboItem(const fs::path& root) {
  const auto none = NumberIn(root / kProcessors / "intel_pstate/no_turbo");
  const auto boost = NumberIn(root / kProcessors / "cpufreq/boost");
  if (!none && !boost) return {"turbo", "not visible", true, ""};
  const bool on = none ? *none == 0 : *boost != 0;
  if (!on) return {"turbo", "off", true, ""};
  const std::string remark = none ? "for times that do not depend on heat: echo 1 | sudo tee "
                                    "/sys/devices/system/cpu/intel_pstate/no_turbo"
                                  : "for times that do not depend on heat: echo 0 | sudo tee "
                                    "/sys/devices/system/cpu/cpufreq/boost";
  return {"turbo", "on", true, remark};
}

DoctorItem ThrottlingItem(const fs::path& root) {
  std::int64_t sum = 0;
  bool seen = false;
  for (const fs::path& cpu : EntriesIn(root / kProcessors, "cpu")) {
    const auto count = NumberIn(cpu / "thermal_throttle/core_throttle_count");
    if (!count) continue;
    seen = true;
    sum += *count;
  }
  if (!seen) return {"throttling", "no counter", true, ""};
  return {"throttling", Format("{} times for heat since the start", sum), sum == 0,
          sum == 0 ? ""
                   : "cool the device better, or measure with pauses; records note when it "
                     "happens while measuring"};
}

// The firmware's bits: 0 under-voltage, 1 capped, 2 throttled, 3 soft temperature limit; from 16 on
// the same since the start [Raspberry Pi documentation, vcgencmd get_throttled].
std::optional<DoctorItem> SupplyItem(const fs::path& root) {
  const auto bits = NumberIn(root / "sys/devices/platform/soc/soc:firmware/get_throttled", 16);
  if (!bits) return std::nullopt;
  const std::uint64_t now = static_cast<std::uint64_t>(*bits) & 0xFU;
  const std::uint64_t before = static_cast<std::uint64_t>(*bits) >> 16U & 0xFU;
  const auto words = [](std::uint64_t set) {
    std::string text;
    const char* const names[] = {"under-voltage", "frequency capped", "throttled", "too warm"};
    for (unsigned i = 0; i < 4; ++i) {
      if ((set >> i & 1U) != 0) text += Format("{}{}", text.empty() ? "" : ", ", names[i]);
    }
    return text;
  };
  if (now == 0 && before == 0) return DoctorItem{"power supply", "sufficient", true, ""};
  const std::string value = now != 0 ? "now: " + words(now) : "since the start: " + words(before);
  const bool voltage = ((now | before) & 1U) != 0;
  return DoctorItem{"power supply", value, false,
                    voltage ? "use the supply and cable made for this board (5.1 V, 3 A; Pi 5: 5 "
                              "A), then restart"
                            : "cool the board with a fan or heat sink, then restart"};
}

DoctorItem TemperatureItem(const fs::path& root) {
  constexpr double kHot = 80;  // degrees Celsius: boards throttle from 80 to 85 on
  std::optional<double> hottest;
  for (const fs::path& zone : EntriesIn(root / "sys/class/thermal", "thermal_zone")) {
    const auto temperature = NumberIn(zone / "temp");
    if (!temperature) continue;
    hottest = std::max(hottest.value_or(-1000), static_cast<double>(*temperature) / 1000);
  }
  if (!hottest) return {"temperature", "no sensor", true, ""};
  return {"temperature", Format("{:.0f} °C", *hottest), *hottest < kHot,
          *hottest < kHot ? "" : "let the device cool down, or measure with a fan"};
}

DoctorItem ClockItem(const fs::path& root) {
  const std::string source =
      FirstLineIn(root / "sys/devices/system/clocksource/clocksource0/current_clocksource");
  if (source.empty()) return {"clock", "not visible", true, ""};
  const bool slow = source == "hpet" || source == "acpi_pm" || source == "jiffies";
  return {"clock", source, !slow,
          slow ? "reading it takes microseconds: add clocksource=tsc to the kernel's command line "
                 "and restart"
               : ""};
}

}  // namespace

std::vector<DoctorItem> ProcessorItems(const fs::path& root) {
  return {NameItem(root), CoresItem(root), InstructionsItem(root), CachesItem(root)};
}

std::vector<DoctorItem> SpeedItems(const fs::path& root) {
  std::vector<DoctorItem> items = {GovernorItem(root), TurboItem(root), ThrottlingItem(root)};
  if (auto supply = SupplyItem(root)) items.push_back(*std::move(supply));
  items.push_back(TemperatureItem(root));
  items.push_back(ClockItem(root));
  return items;
}

}  // namespace quantbench
