// Batteries: the fuel gauge, while the battery discharges
// [kernel, Documentation/ABI/testing/sysfs-class-power].
#include "quantbench/base/format.h"

#include "energy/find.h"

namespace quantbench {
namespace {

const std::string kSupplies = "/sys/class/power_supply/";
constexpr std::int64_t kGaugeNs = 100'000'000;
constexpr double kMostBatteryWatts = 500;
constexpr double kMicro = 1e-6;

bool Answers(const Machine& machine, const std::string& path) {
  return !TextOf(machine, path).empty();
}

// The gauge's watts, or volts and amperes. Some count what leaves the battery negative.
EnergyChannel GaugeOf(const Machine& machine, const std::string& folder) {
  EnergyChannel channel;
  channel.label = "battery";
  channel.first = folder + "/power_now";
  if (!Answers(machine, channel.first) && Answers(machine, folder + "/current_now")) {
    channel.kind = EnergyChannel::Kind::kProduct;
    channel.first = folder + "/voltage_now";
    channel.second = folder + "/current_now";
    channel.scale = kMicro * kMicro;
  }
  const auto now = ReadChannel(machine, channel);
  if (now.ok() && now.value() < 0) channel.scale = -channel.scale;
  return channel;
}

}  // namespace

std::vector<EnergySensor> FindBatteries(const Machine& machine) {
  std::vector<EnergySensor> sensors;
  for (const std::string& supply : machine.List(kSupplies)) {
    const std::string folder = kSupplies + supply;
    if (TextOf(machine, folder + "/type") != "Battery") continue;
    if (TextOf(machine, folder + "/scope") == "Device") continue;  // of a mouse
    EnergySensor sensor;
    sensor.name = Format("battery-{}", supply);
    sensor.tier = EnergyTier::kBattery;
    sensor.covers = "the whole device, screen included";
    sensor.sample_ns = kGaugeNs;
    sensor.most_watts = kMostBatteryWatts;
    sensor.channels.push_back(GaugeOf(machine, folder));
    const std::string status = TextOf(machine, folder + "/status");
    if (status != "Discharging") {
      sensor.refused = Format("is not discharging ({})", Printable(status, 40));
      sensor.remedy = "unplug the charger";
    }
    sensors.push_back(std::move(sensor));
  }
  return sensors;
}

}  // namespace quantbench
