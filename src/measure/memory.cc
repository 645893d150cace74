// The memory of this process, as the kernel counts it.
#include <algorithm>
#include <fstream>
#include <string>

#include "quantbench/measure.h"

namespace quantbench {
namespace {

// "Key:   123 kB" in a file of such lines, in bytes; 0 where it is not there.
std::uint64_t KilobytesAfter(const char* path, const std::string& key) {
  std::ifstream file(path);
  std::string word;
  for (std::uint64_t kilobytes = 0; file >> word;) {
    if (word == key && file >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

}  // namespace

MemoryUse ReadMemory() {
  constexpr const char* kSums = "/proc/self/smaps_rollup";
  MemoryUse use;
  use.resident = KilobytesAfter(kSums, "Rss:");
  use.anonymous = KilobytesAfter(kSums, "Anonymous:");
  use.peak = PeakResidentBytes();
  return use;
}

void ResetPeakMemory() {
  std::ofstream("/proc/self/clear_refs") << "5";  // proc(5): VmHWM becomes the present size
}

Json MemoryUse::ToJson() const {
  return Json::MakeObject().Set("resident", resident).Set("anonymous", anonymous).Set("peak", peak);
}

MemoryUse MemoryUse::FromJson(const Json& json) {
  const auto bytes = [&](const char* key) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, json[key].AsInt()));
  };
  return {bytes("resident"), bytes("anonymous"), bytes("peak")};
}

}  // namespace quantbench
