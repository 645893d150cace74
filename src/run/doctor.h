// The doctor's parts: what small files under /proc and /sys say, and what to do about it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/run.h"

namespace quantbench {

// Items, all of files beneath `root`.

// Processor, cores, instructions, caches.
[[nodiscard]] std::vector<DoctorItem> ProcessorItems(const std::filesystem::path& root);
// What changes the processor's speed: governor, turbo, throttling, supply, temperature; the clock.
[[nodiscard]] std::vector<DoctorItem> SpeedItems(const std::filesystem::path& root);
// Memory, swap, the container's limits, the virtual machine.
[[nodiscard]] std::vector<DoctorItem> SystemItems(const std::filesystem::path& root);

// What processes had used up at some moment.
struct LoadSample {
  std::int64_t total_ticks = -1;  // of all processors, idle ones included; -1: not visible
  std::int64_t idle_ticks = 0;
  std::int64_t steal_ticks = 0;
  std::int64_t processors = 0;
  struct Process {
    std::string name;
    std::int64_t ticks = 0;
  };
  std::map<int, Process> processes;  // by id, other than this one
};
[[nodiscard]] LoadSample SampleLoad(const std::filesystem::path& root);
// What others did between two samples, on a machine with so many processors.
[[nodiscard]] std::vector<DoctorItem> LoadItems(const std::filesystem::path& root,
                                                const LoadSample& before, const LoadSample& after);

}  // namespace quantbench
