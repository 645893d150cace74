// RAPL: the energy counters of processors [kernel, Documentation/power/powercap/powercap.rst].
#include <algorithm>

#include "quantbench/base/format.h"

#include "energy/find.h"

namespace quantbench {
namespace {

const std::string kPowercap = "/sys/class/powercap/";
constexpr double kMostZoneWatts = 2000;             // of one zone
constexpr std::int64_t kCounterNs = 1'000'000'000;  // often enough to see every wrap

struct Zone {
  std::string folder;
  std::string name;  // "package-0", "psys", "dram", "core"
  bool inner = false;
};

// The zones of one driver; "intel-rapl:0" is a package, "intel-rapl:0:1" a part of it.
std::vector<Zone> ZonesOf(const Machine& machine, std::string_view driver) {
  std::vector<Zone> zones;
  for (const std::string& entry : machine.List(kPowercap)) {
    if (!entry.starts_with(driver) || entry.size() <= driver.size()) continue;
    const std::string folder = kPowercap + entry;
    const std::string name = TextOf(machine, folder + "/name");
    if (name.empty()) continue;
    zones.push_back({folder, name, std::count(entry.begin(), entry.end(), ':') > 1});
  }
  return zones;
}

EnergyChannel ChannelOf(const Machine& machine, const Zone& zone) {
  EnergyChannel channel;
  channel.kind = EnergyChannel::Kind::kCounter;
  channel.label = zone.name;
  channel.first = zone.folder + "/energy_uj";
  const auto range = NumberIn(TextOf(machine, zone.folder + "/max_energy_range_uj"));
  channel.range_j = range.ok() ? range.value() * channel.scale : 0;
  return channel;
}

EnergySensor Counter(std::string name, std::string covers) {
  EnergySensor sensor;
  sensor.name = std::move(name);
  sensor.tier = EnergyTier::kCounter;
  sensor.covers = std::move(covers);
  sensor.sample_ns = kCounterNs;
  sensor.most_watts = kMostZoneWatts;
  return sensor;
}

// "processor package 0 and its memory", "2 processor packages and their memory".
std::string CoverageOf(std::size_t packages, std::size_t memories) {
  std::string text =
      packages == 1 ? "the processor package" : Format("{} processor packages", packages);
  if (memories > 0) text += packages == 1 ? " and its memory" : " and their memory";
  return text;
}

}  // namespace

// The platform (psys) holds packages and memory, a package its cores and graphics but not the
// memory (dram). The same package by the mmio driver is not counted again.
std::vector<EnergySensor> FindRapl(const Machine& machine) {
  std::vector<Zone> zones = ZonesOf(machine, "intel-rapl:");
  if (zones.empty()) zones = ZonesOf(machine, "intel-rapl-mmio:");
  EnergySensor packages = Counter("rapl", "");
  std::vector<EnergySensor> sensors;
  std::size_t memories = 0;
  for (const Zone& zone : zones) {
    const bool package = !zone.inner && zone.name.starts_with("package");
    const bool memory = zone.inner && zone.name == "dram" &&
                        TextOf(machine, zone.folder + "/energy_uj") != "0";  // not counted
    if (package || memory) packages.channels.push_back(ChannelOf(machine, zone));
    memories += memory ? 1U : 0U;
    if (zone.inner || zone.name != "psys" || !sensors.empty()) continue;
    sensors.push_back(Counter("rapl-psys", "the whole platform"));
    sensors.back().channels.push_back(ChannelOf(machine, zone));
  }
  if (packages.channels.size() > memories) {
    packages.covers = CoverageOf(packages.channels.size() - memories, memories);
    sensors.push_back(std::move(packages));
  }
  return sensors;
}

std::vector<EnergySensor> FindGpus(const Machine& machine) {
  constexpr std::int64_t kGpuNs = 1'000'000'000;
  std::vector<EnergySensor> sensors;
  const std::vector<std::string> names = machine.Gpus();
  for (std::size_t i = 0; i < names.size(); ++i) {
    EnergySensor sensor;
    sensor.name = Format("nvml-{}", i);
    sensor.tier = EnergyTier::kGpu;
    sensor.covers = Format("GPU {} ({}), without the processor", i, Printable(names[i], 60));
    sensor.sample_ns = kGpuNs;
    sensor.most_watts = kMostZoneWatts;
    EnergyChannel channel;
    channel.kind = EnergyChannel::Kind::kGpu;
    channel.label = Format("GPU {}", i);
    channel.gpu = i;
    sensor.channels.push_back(std::move(channel));
    sensors.push_back(std::move(sensor));
  }
  return sensors;
}

}  // namespace quantbench
