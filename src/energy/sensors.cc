// Sensors: all families together, probed, the best first; and the sentence where there is none.
#include <algorithm>
#include <array>
#include <cmath>

#include "quantbench/base/format.h"

#include "energy/find.h"

namespace quantbench {
namespace {

constexpr std::array<std::string_view, 6> kTiers = {"counter", "rail", "board",
                                                    "battery", "GPU",  "external meter"};
constexpr std::string_view kByMeter =
    "or run the blocks for an external meter with --sensor meter and join its log with quantbench "
    "energy";

// "sudo chmod a+r A B".
std::string Unlock(const std::vector<std::string>& paths) {
  std::string command = "sudo chmod a+r";
  for (const std::string& path : paths) command += " " + path;
  return command;
}

std::vector<std::string> LockedPaths(const Machine& machine, const EnergySensor& sensor) {
  std::vector<std::string> locked;
  for (const EnergyChannel& channel : sensor.channels) {
    for (const std::string& path : {channel.first, channel.second}) {
      if (path.empty()) continue;
      const auto text = machine.Read(path);
      if (!text.ok() && text.error().code() == ErrorCode::kUnavailable) locked.push_back(path);
    }
  }
  return locked;
}

// What reading it says about whether it can be used.
void Probe(const Machine& machine, EnergySensor* sensor) {
  const std::vector<std::string> locked = LockedPaths(machine, *sensor);
  if (!locked.empty()) {
    sensor->refused = "may not be read by this user";
    sensor->remedy = Unlock(locked);
    return;
  }
  double sum = 0;
  for (const EnergyChannel& channel : sensor->channels) {
    const auto value = ReadChannel(machine, channel);
    if (!value.ok()) {
      sensor->refused = value.error().message();
      return;
    }
    const bool counts = IsCounter(channel);
    if (counts && value.value() == 0) {
      sensor->refused = Format("answers zero ({})", Printable(channel.label, 40));
      return;
    }
    if (value.value() < 0 || (!counts && value.value() > sensor->most_watts)) {
      sensor->refused = Format("answers {:.3g} {} ({})", value.value(), counts ? "J" : "W",
                               Printable(channel.label, 40));
      return;
    }
    sum += value.value();
  }
  if (sum == 0) sensor->refused = "answers zero";
}

}  // namespace

std::string_view Name(EnergyTier tier) {
  return kTiers[static_cast<std::size_t>(tier)];
}

Json EnergySensor::ToJson() const {
  return Json::MakeObject()
      .Set("name", name)
      .Set("tier", quantbench::Name(tier))
      .Set("covers", covers);
}

std::vector<EnergySensor> FindEnergySensors(const Machine& machine) {
  constexpr auto kFamilies =
      std::to_array({FindRapl, FindJetsonRails, FindPmic, FindHwmon, FindBatteries, FindGpus});
  std::vector<EnergySensor> sensors;
  for (const auto family : kFamilies) {
    for (EnergySensor& sensor : family(machine)) {
      if (sensor.usable()) Probe(machine, &sensor);
      sensors.push_back(std::move(sensor));
    }
  }
  std::stable_sort(sensors.begin(), sensors.end(), [](const auto& a, const auto& b) {
    if (a.usable() != b.usable()) return a.usable();
    return a.tier < b.tier;
  });
  return sensors;
}

Result<EnergySensor> ChooseEnergySensor(const std::vector<EnergySensor>& sensors,
                                        std::string_view name) {
  std::vector<std::string_view> names;
  for (const EnergySensor& sensor : sensors) {
    names.emplace_back(sensor.name);
    const bool wanted = name.empty() ? sensor.usable() : sensor.name == name;
    if (wanted && sensor.usable()) return sensor;
    if (!wanted || name.empty()) continue;
    return Error(ErrorCode::kUnavailable,
                 Format("energy sensor {} {}{}", sensor.name, sensor.refused,
                        sensor.remedy.empty() ? "" : ": " + sensor.remedy));
  }
  if (!name.empty()) {
    std::string text = Format("no energy sensor \"{}\" here", Printable(name));
    if (const auto nearest = Nearest(name, names); !nearest.empty()) {
      text += Format("; did you mean \"{}\"?", nearest);
    }
    return Error(ErrorCode::kNotFound, text);
  }
  std::string text;
  for (const EnergySensor& sensor : sensors) {
    text += Format("{}{} {}{}", text.empty() ? "" : "; ", sensor.name, sensor.refused,
                   sensor.remedy.empty() ? "" : " (" + sensor.remedy + ")");
  }
  if (text.empty()) {
    text =
        "looked for RAPL, INA3221 rails, a Raspberry Pi 5's PMIC, other hwmon power, a battery "
        "and NVML: measure on a device with one of them";
  }
  return Error(ErrorCode::kUnavailable,
               Format("no energy sensor answers here: {}, {}", text, kByMeter));
}

}  // namespace quantbench
