// Boards: INA3221 rails of Jetsons, the PMIC of a Raspberry Pi 5, and what else hwmon tells
// [kernel, Documentation/hwmon/sysfs-interface.rst and ina3221.rst; NVIDIA Jetson Linux Developer
// Guide, "Platform Power and Performance"; Raspberry Pi documentation, "vcgencmd"].
#include <algorithm>
#include <array>

#include "quantbench/base/format.h"

#include "energy/find.h"

namespace quantbench {
namespace {

const std::string kHwmon = "/sys/class/hwmon/";
const std::string kOldIna = "/sys/bus/i2c/drivers/ina3221x/";
const std::string kNewIna = "/sys/bus/i2c/drivers/ina3221/";
constexpr double kMilli = 1e-3;
constexpr double kMostBoardWatts = 500;
constexpr double kMostMachineWatts = 20'000;  // of a server with many GPUs
constexpr std::int64_t kRailNs = 10'000'000;
constexpr std::int64_t kSlowRailNs = 50'000'000;  // each reading starts a program
constexpr int kMostChannels = 16;

EnergySensor Rails(std::string name, EnergyTier tier) {
  EnergySensor sensor;
  sensor.name = std::move(name);
  sensor.tier = tier;
  sensor.sample_ns = kRailNs;
  sensor.most_watts = kMostBoardWatts;
  return sensor;
}

EnergyChannel PowerChannel(std::string label, std::string path, double scale) {
  EnergyChannel channel;
  channel.label = std::move(label);
  channel.first = std::move(path);
  channel.scale = scale;
  return channel;
}

EnergyChannel ProductChannel(std::string label, std::string volts, std::string amperes,
                             double scale) {
  EnergyChannel channel = PowerChannel(std::move(label), std::move(volts), scale);
  channel.kind = EnergyChannel::Kind::kProduct;
  channel.second = std::move(amperes);
  return channel;
}

bool Exists(const Machine& machine, const std::string& path) {
  const auto text = machine.Read(path);
  return text.ok() || text.error().code() == ErrorCode::kUnavailable;
}

bool IsRail(const std::string& label) {
  return !label.empty() && label != "NC" && label.find("sum of") == std::string::npos;
}

// NVIDIA's own driver, up to Jetson Linux 32: rail_name_0, in_power0_input in milliwatts.
void AddOldRails(const Machine& machine, const std::string& folder,
                 std::vector<EnergyChannel>* rails) {
  for (int i = 0; i < 3; ++i) {
    const std::string label = TextOf(machine, Format("{}/rail_name_{}", folder, i));
    const std::string power = Format("{}/in_power{}_input", folder, i);
    if (IsRail(label) && Exists(machine, power)) {
      rails->push_back(PowerChannel(label, power, kMilli));
    }
  }
}

// The kernel's driver, from Jetson Linux 34 on: in1_label, in1_input in mV, curr1_input in mA.
void AddNewRails(const Machine& machine, const std::string& folder,
                 std::vector<EnergyChannel>* rails) {
  for (int i = 1; i <= 3; ++i) {
    const std::string label = TextOf(machine, Format("{}/in{}_label", folder, i));
    const std::string volts = Format("{}/in{}_input", folder, i);
    const std::string amperes = Format("{}/curr{}_input", folder, i);
    if (IsRail(label) && Exists(machine, volts) && Exists(machine, amperes)) {
      rails->push_back(ProductChannel(label, volts, amperes, kMilli * kMilli));
    }
  }
}

std::vector<EnergyChannel> InaRails(const Machine& machine) {
  std::vector<EnergyChannel> rails;
  for (const std::string& chip : machine.List(kOldIna)) {
    for (const std::string& device : machine.List(kOldIna + chip)) {
      if (device.starts_with("iio:device") || device == "iio_device") {
        AddOldRails(machine, Format("{}{}/{}", kOldIna, chip, device), &rails);
      }
    }
  }
  for (const std::string& chip : machine.List(kNewIna)) {
    const std::string folder = Format("{}{}/hwmon", kNewIna, chip);
    for (const std::string& device : machine.List(folder)) {
      AddNewRails(machine, Format("{}/{}", folder, device), &rails);
    }
  }
  if (!rails.empty()) return rails;
  for (const std::string& device : machine.List(kHwmon)) {
    if (TextOf(machine, kHwmon + device + "/name") != "ina3221") continue;
    AddNewRails(machine, kHwmon + device, &rails);
  }
  return rails;
}

std::string Labels(const std::vector<EnergyChannel>& rails) {
  std::string text;
  for (const EnergyChannel& rail : rails) {
    text += (text.empty() ? "" : ", ") + Printable(rail.label, 40);
  }
  return text;
}

// A hwmon chip's own watts: power1_input, or power1_average; in microwatts.
std::vector<EnergyChannel> PowersOf(const Machine& machine, const std::string& folder) {
  std::vector<EnergyChannel> powers;
  for (int i = 1; i <= kMostChannels; ++i) {
    const std::string stem = Format("{}/power{}_", folder, i);
    std::string label = TextOf(machine, stem + "label");
    if (label.empty()) label = Format("power{}", i);
    for (const char* what : {"input", "average"}) {
      if (!Exists(machine, stem + what)) continue;
      powers.push_back(PowerChannel(label, stem + what, 1e-6));
      break;
    }
  }
  return powers;
}

// One that tells volts and amperes of the same number, but no watts; in mV and mA.
std::vector<EnergyChannel> ProductsOf(const Machine& machine, const std::string& folder) {
  std::vector<EnergyChannel> products;
  for (int i = 1; i <= kMostChannels; ++i) {
    const std::string volts = Format("{}/in{}_input", folder, i);
    const std::string amperes = Format("{}/curr{}_input", folder, i);
    std::string label = TextOf(machine, Format("{}/curr{}_label", folder, i));
    if (label.empty()) label = Format("in{} x curr{}", i, i);
    if (!Exists(machine, amperes) || !Exists(machine, volts)) continue;
    products.push_back(ProductChannel(label, volts, amperes, kMilli * kMilli));
  }
  return products;
}

}  // namespace

// The rail through which the whole module is fed holds the others; without one they are added up.
std::vector<EnergySensor> FindJetsonRails(const Machine& machine) {
  std::vector<EnergyChannel> rails = InaRails(machine);
  if (rails.empty()) return {};
  constexpr auto kInputs = std::to_array<std::string_view>({"VDD_IN", "POM_5V_IN", "5V_IN"});
  const auto input = std::find_if(rails.begin(), rails.end(), [&](const EnergyChannel& rail) {
    return std::find(kInputs.begin(), kInputs.end(), rail.label) != kInputs.end();
  });
  EnergySensor sensor = Rails("ina3221", EnergyTier::kRail);
  if (input != rails.end()) {
    sensor.covers = Format("the module by its input rail {}", input->label);
    sensor.channels = {*input};
  } else {
    sensor.covers = Format("the sum of the rails {}", Labels(rails));
    sensor.channels = std::move(rails);
  }
  return {std::move(sensor)};
}

std::vector<EnergySensor> FindHwmon(const Machine& machine) {
  constexpr auto kGraphics = std::to_array<std::string_view>({"amdgpu", "nouveau", "xe", "i915"});
  const std::vector<std::string> supplies = machine.List("/sys/class/power_supply");
  std::vector<EnergySensor> sensors;
  for (const std::string& device : machine.List(kHwmon)) {
    const std::string folder = kHwmon + device;
    const std::string name = TextOf(machine, folder + "/name");
    const bool known = name.empty() || name == "ina3221" ||
                       std::find(supplies.begin(), supplies.end(), name) != supplies.end();
    if (known) continue;
    std::vector<EnergyChannel> channels = PowersOf(machine, folder);
    if (channels.empty()) channels = ProductsOf(machine, folder);
    if (channels.empty()) continue;
    const bool graphics = std::find(kGraphics.begin(), kGraphics.end(), name) != kGraphics.end();
    EnergySensor sensor =
        Rails(Format("hwmon-{}", name), graphics ? EnergyTier::kGpu : EnergyTier::kBoard);
    const bool twice = std::any_of(sensors.begin(), sensors.end(), [&](const EnergySensor& other) {
      return other.name == sensor.name;
    });
    if (twice) sensor.name = Format("hwmon-{}-{}", name, device);
    sensor.most_watts = kMostMachineWatts;
    sensor.covers = Format("what the chip {} measures: {}", Printable(name, 40), Labels(channels));
    sensor.channels = std::move(channels);
    sensors.push_back(std::move(sensor));
  }
  return sensors;
}

std::vector<EnergySensor> FindPmic(const Machine& machine) {
  const std::string model = TextOf(machine, "/proc/device-tree/model");
  constexpr auto kWithPmic = std::to_array<std::string_view>(
      {"Raspberry Pi 5", "Raspberry Pi 500", "Raspberry Pi Compute Module 5"});
  const bool has = std::any_of(kWithPmic.begin(), kWithPmic.end(),
                               [&](std::string_view known) { return model.starts_with(known); });
  if (!has) return {};
  EnergySensor sensor = Rails("pmic", EnergyTier::kRail);
  sensor.covers =
      "the sum of the PMIC's rails, without its own losses and the devices on 5 V (USB, fan)";
  sensor.sample_ns = kSlowRailNs;
  EnergyChannel channel;
  channel.kind = EnergyChannel::Kind::kPmic;
  channel.label = "rails";
  channel.scale = 1;
  sensor.channels.push_back(std::move(channel));
  return {std::move(sensor)};
}

}  // namespace quantbench
