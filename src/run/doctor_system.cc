// Doctor: memory, containers, virtual machines, and what else runs.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <sstream>

#include <unistd.h>

#include "quantbench/base/format.h"
#include "quantbench/base/small_file.h"

#include "run/doctor.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kUnlimited = std::uint64_t{1} << 60U;  // v1 writes 2^63 less a page

// Of a line of /proc/meminfo, in bytes.
std::uint64_t MemoryField(const fs::path& root, std::string_view key) {
  const std::int64_t kilobytes = NumberAfter(root / "proc/meminfo", key).value_or(0);
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, kilobytes)) * 1024;
}

DoctorItem MemoryItem(const fs::path& root) {
  const std::uint64_t total = MemoryField(root, "MemTotal");
  if (total == 0) return {"memory", "not visible", true, ""};
  const std::uint64_t free = MemoryField(root, "MemAvailable");
  const bool scarce = free < total / 10;
  return {"memory", Format("{} of {} free", FormatBytes(free), FormatBytes(total)), !scarce,
          scarce ? "close other programs: a model that does not fit is read from the disk again "
                   "and again"
                 : ""};
}

DoctorItem SwapItem(const fs::path& root) {
  const std::uint64_t total = MemoryField(root, "SwapTotal");
  if (total == 0) return {"swap", "none", true, ""};
  const std::uint64_t used = total - std::min(total, MemoryField(root, "SwapFree"));
  const bool busy = used > total / 2;
  return {"swap", Format("{} of {} used", FormatBytes(used), FormatBytes(total)), !busy,
          busy ? "sudo swapoff -a && sudo swapon -a" : ""};
}

// Limits of the group and of those around it, as they are seen from here: the tightest.
struct Limits {
  double processors = 0;     // 0: none
  std::uint64_t memory = 0;  // 0: none
  std::int64_t stopped = 0;  // times that the quota was used up
};

void Tighten(double processors, std::uint64_t memory, Limits* limits) {
  if (processors > 0 && (limits->processors == 0 || processors < limits->processors)) {
    limits->processors = processors;
  }
  if (memory > 0 && memory < kUnlimited && (limits->memory == 0 || memory < limits->memory)) {
    limits->memory = memory;
  }
}

// "150000 100000" is 1.5, "max 100000" no limit.
double QuotaIn(const std::string& text) {
  std::istringstream words(text);
  double quota = 0;
  double period = 0;
  return words >> quota >> period && quota > 0 && period > 0 ? quota / period : 0;
}

// Version 2: this process's group and all above it.
void ReadUnified(const fs::path& root, Limits* limits) {
  const fs::path base = root / "sys/fs/cgroup";
  std::string group = FirstLineIn(root / "proc/self/cgroup");
  group = group.starts_with("0::/") ? group.substr(4) : "";
  if (group.find("..") != std::string::npos) group.clear();
  for (fs::path at = group;; at = at.parent_path()) {
    const fs::path folder = at.empty() ? base : base / at;
    const auto memory = NumberIn(folder / "memory.max");
    Tighten(QuotaIn(FirstLineIn(folder / "cpu.max")),
            memory && *memory > 0 ? static_cast<std::uint64_t>(*memory) : 0, limits);
    limits->stopped =
        std::max(limits->stopped, NumberAfter(folder / "cpu.stat", "nr_throttled").value_or(0));
    if (at.empty()) return;
  }
}

// Version 1, as containers see it.
void ReadDivided(const fs::path& root, Limits* limits) {
  const fs::path base = root / "sys/fs/cgroup";
  const auto quota = NumberIn(base / "cpu/cpu.cfs_quota_us");
  const auto period = NumberIn(base / "cpu/cpu.cfs_period_us");
  const auto memory = NumberIn(base / "memory/memory.limit_in_bytes");
  const bool limited = quota && period && *quota > 0 && *period > 0;
  Tighten(limited ? static_cast<double>(*quota) / static_cast<double>(*period) : 0,
          memory && *memory > 0 ? static_cast<std::uint64_t>(*memory) : 0, limits);
  limits->stopped =
      std::max(limits->stopped, NumberAfter(base / "cpu/cpu.stat", "nr_throttled").value_or(0));
}

DoctorItem ContainerItem(const fs::path& root) {
  Limits limits;
  ReadUnified(root, &limits);
  ReadDivided(root, &limits);
  std::error_code ignored;
  const bool inside =
      fs::exists(root / ".dockerenv", ignored) || fs::exists(root / "run/.containerenv", ignored);
  std::string value = inside ? "a container" : "no container seen";
  if (limits.processors > 0) value += Format(", quota of {:.3g} CPUs", limits.processors);
  if (limits.processors > 0 && limits.stopped > 0) {
    value += Format(", stopped {} times by it", limits.stopped);
  }
  if (limits.memory > 0) value += Format(", at most {} of memory", FormatBytes(limits.memory));
  if (limits.processors == 0) return {"container limits", value, true, ""};
  const auto whole = static_cast<std::int64_t>(std::floor(limits.processors));
  return {"container limits", value, false,
          Format("a quota stops runs in the middle: give whole processors instead, docker run "
                 "--cpuset-cpus 0{} without --cpus",
                 whole > 1 ? Format("-{}", whole - 1) : "")};
}

DoctorItem VirtualItem(const fs::path& root) {
  const bool guest = (" " + ValueIn(root / "proc/cpuinfo", "flags") + " ").find(" hypervisor ") !=
                     std::string::npos;
  const std::string product = FirstLineIn(root / "sys/class/dmi/id/product_name");
  if (!guest) return {"virtual machine", "no", true, ""};
  return {"virtual machine", product.empty() ? "yes" : Format("yes: {}", product), true,
          "a neighbour can take the processor: trust ratios, not milliseconds"};
}

// "cc1plus" of "12 (cc1plus) R ...", and ticks of user and system time, fields 14 and 15.
std::optional<LoadSample::Process> ProcessIn(const fs::path& folder) {
  const std::string line = FirstLineIn(folder / "stat");
  const std::size_t open = line.find('(');
  const std::size_t close = line.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open) return std::nullopt;
  LoadSample::Process process;
  process.name = line.substr(open + 1, close - open - 1);
  std::istringstream fields(line.substr(close + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  std::int64_t user = 0;
  std::int64_t system = 0;
  if (!(fields >> user >> system)) return std::nullopt;
  process.ticks = user + system;
  return process;
}

// "cpu user nice system idle iowait irq softirq steal".
void ReadTicks(const std::string& line, LoadSample* sample) {
  std::istringstream words(line);
  std::string word;
  words >> word;
  sample->total_ticks = 0;
  std::int64_t ticks = 0;
  for (int column = 0; column < 8 && words >> ticks; ++column) {
    sample->total_ticks += ticks;
    if (column == 3 || column == 4) sample->idle_ticks += ticks;
    if (column == 7) sample->steal_ticks = ticks;
  }
}

// What other processes did.
struct Others {
  double processors = 0;  // that they kept busy
  std::string names;      // ": cc1plus 0.98, ld 0.40"; empty: none worth naming
  std::string ids;        // " 12 34"
};

Others OthersBetween(const LoadSample& before, const LoadSample& after) {
  constexpr std::size_t kNamed = 3;
  constexpr double kWorthNaming = 0.02;
  // Ticks are counted for each processor.
  const double tick = static_cast<double>(after.processors) /
                      static_cast<double>(after.total_ticks - before.total_ticks);
  Others others;
  std::vector<std::pair<double, int>> busy;
  for (const auto& [id, process] : after.processes) {
    const auto known = before.processes.find(id);
    if (known == before.processes.end() || process.ticks <= known->second.ticks) continue;
    busy.emplace_back(static_cast<double>(process.ticks - known->second.ticks) * tick, id);
    others.processors += busy.back().first;
  }
  std::sort(busy.rbegin(), busy.rend());
  for (std::size_t i = 0; i < std::min(kNamed, busy.size()); ++i) {
    const auto& [processors, id] = busy[i];
    if (processors < kWorthNaming) break;
    others.names += Format("{}{} {:.2f}", others.names.empty() ? ": " : ", ",
                           Printable(after.processes.at(id).name), processors);
    others.ids += Format(" {}", id);
  }
  return others;
}

}  // namespace

std::vector<DoctorItem> SystemItems(const fs::path& root) {
  return {MemoryItem(root), SwapItem(root), ContainerItem(root), VirtualItem(root)};
}

LoadSample SampleLoad(const fs::path& root) {
  LoadSample sample;
  std::ifstream file(root / "proc/stat");
  for (std::string line; std::getline(file, line) && line.starts_with("cpu");) {
    if (line.starts_with("cpu ")) {
      ReadTicks(line, &sample);
    } else {
      ++sample.processors;
    }
  }
  for (const fs::path& entry : EntriesIn(root / "proc", "")) {
    const std::string name = entry.filename().string();
    int id = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
    if (error != std::errc() || end != name.data() + name.size() || id == getpid()) continue;
    if (auto process = ProcessIn(entry)) sample.processes[id] = *std::move(process);
  }
  return sample;
}

std::vector<DoctorItem> LoadItems(const fs::path& root, const LoadSample& before,
                                  const LoadSample& after) {
  constexpr double kMostOthers = 0.1;  // processors that may be busy with others
  constexpr double kMostSteal = 0.01;
  std::istringstream load(FirstLineIn(root / "proc/loadavg"));
  std::string average;
  load >> average;
  const std::int64_t passed = after.total_ticks - before.total_ticks;
  if (before.total_ticks < 0 || passed <= 0 || after.processors == 0) {
    return {{"load", average.empty() ? "not visible" : average + " (1 min)", true, ""}};
  }
  const Others others = OthersBetween(before, after);
  const bool calm = others.processors < kMostOthers;
  const double steal =
      static_cast<double>(after.steal_ticks - before.steal_ticks) / static_cast<double>(passed);
  const bool own = steal < kMostSteal;
  return {
      {"load",
       Format("{} (1 min); others now use {:.2f} of {} processors{}", average, others.processors,
              after.processors, others.names),
       calm,
       calm ? "" : Format("close them, or pause them while measuring: kill -STOP{}", others.ids)},
      {"stolen time", Format("{:.1f} % of the processors", steal * 100), own,
       own ? ""
           : "neighbours of this virtual machine are busy: measure at another time, or rent "
             "dedicated cores"}};
}

}  // namespace quantbench
