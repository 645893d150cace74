// The machine: read-only probes of processor, memory and system, for the record.
#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include <string>

#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "quantbench/base/format.h"
#include "quantbench/base/parallel.h"
#include "quantbench/base/small_file.h"
#include "quantbench/measure.h"

namespace quantbench {
namespace {

// Instruction sets that decide which integer kernels run, out of the processor's flags.
std::string InstructionSets() {
  constexpr auto kInteresting = std::to_array<std::string_view>(
      {"avx2", "fma", "avx512f", "avx512bw", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8",
       "asimd", "asimddp", "i8mm", "sve", "fphp", "neon"});
  std::string flags = ValueIn("/proc/cpuinfo", "flags");
  if (flags.empty()) flags = ValueIn("/proc/cpuinfo", "Features");
  std::istringstream words(flags);
  std::string found;
  for (std::string word; words >> word;) {
    if (std::find(kInteresting.begin(), kInteresting.end(), word) == kInteresting.end()) continue;
    found += (found.empty() ? "" : " ") + word;
  }
  return found;
}

std::string OperatingSystem() {
  std::ifstream file("/etc/os-release");
  for (std::string line; std::getline(file, line);) {
    constexpr std::string_view kKey = "PRETTY_NAME=";
    if (line.rfind(kKey, 0) != 0) continue;
    std::string name = line.substr(kKey.size());
    std::erase(name, '"');
    return name;
  }
  return "";
}

std::string ProcessorName() {
  std::string name = ValueIn("/proc/cpuinfo", "model name");
  if (name.empty()) name = ValueIn("/proc/cpuinfo", "Model");  // ARM boards
  if (name.empty()) name = FirstLineIn("/sys/firmware/devicetree/base/model");
  std::erase(name, '\0');
  return name;
}

}  // namespace

Json DescribeEnvironment() {
  utsname system{};
  uname(&system);
  const std::int64_t memory = std::int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  const bool guest = ValueIn("/proc/cpuinfo", "flags").find("hypervisor") != std::string::npos;
  return Json::MakeObject()
      .Set("host", system.nodename)
      .Set("cpu", ProcessorName())
      .Set("machine", system.machine)
      .Set("isa", InstructionSets())
      .Set("cores", UsableCores())
      .Set("memory_bytes", memory)
      .Set("os", OperatingSystem())
      .Set("kernel", system.release)
      .Set("governor", FirstLineIn("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"))
      .Set("boost", FirstLineIn("/sys/devices/system/cpu/cpufreq/boost"))
      .Set("virtual_machine", guest)
      .Set("quantbench", QB_VERSION);
}

std::uint64_t PeakResidentBytes() {
  // VmHWM rather than getrusage's ru_maxrss, which a child inherits from its parent over fork.
  std::istringstream value(ValueIn("/proc/self/status", "VmHWM"));
  std::uint64_t kilobytes = 0;
  value >> kilobytes;
  return kilobytes * 1024;
}

}  // namespace quantbench
