// Reading the channels of sensors.
#include <charconv>
#include <cmath>
#include <map>
#include <sstream>

#include "quantbench/base/format.h"

#include "energy/find.h"

namespace quantbench {
namespace {

Result<double> NumberOf(const Machine& machine, const std::string& path) {
  QB_TRY(const std::string text, machine.Read(path));
  const auto number = NumberIn(text);
  return number.ok() ? number : Result<double>(number.error().Within(path));
}

}  // namespace

bool IsCounter(const EnergyChannel& channel) {
  return channel.kind == EnergyChannel::Kind::kCounter || channel.kind == EnergyChannel::Kind::kGpu;
}

std::string TextOf(const Machine& machine, const std::string& path) {
  auto text = machine.Read(path);
  return text.ok() ? std::move(text).value() : "";
}

Result<double> NumberIn(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end || !std::isfinite(value)) {
    return Error(ErrorCode::kUnavailable,
                 Format("says \"{}\", which is no number", Printable(text, 40)));
  }
  return value;
}

// Lines are "VDD_CORE_A current(7)=0.81972000A" and "VDD_CORE_V volt(15)=0.72024320V"; some have a
// voltage alone (the input) and are no rail.
Result<double> PmicWatts(const std::string& text) {
  std::map<std::string, double> amperes;
  std::map<std::string, double> volts;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t begin = line.find_first_not_of(" \t");
    const std::size_t equals = line.find('=');
    if (begin == std::string::npos || equals == std::string::npos) continue;
    const std::string name = line.substr(begin, line.find_first_of(" =", begin) - begin);
    std::string figure = line.substr(equals + 1, line.find_first_of("AV \r", equals) - equals - 1);
    if (name.size() < 3 || name[name.size() - 2] != '_') continue;
    QB_TRY(const double value, NumberIn(figure));
    const bool current = name.back() == 'A';
    (current ? amperes : volts)[name.substr(0, name.size() - 2)] = value;
  }
  double watts = 0;
  int rails = 0;
  for (const auto& [rail, ampere] : amperes) {
    const auto volt = volts.find(rail);
    if (volt == volts.end()) continue;
    watts += ampere * volt->second;
    ++rails;
  }
  if (rails == 0) {
    return Error(ErrorCode::kUnavailable,
                 "vcgencmd pmic_read_adc names no rail with both volts "
                 "and amperes");
  }
  return watts;
}

Result<double> ReadChannel(const Machine& machine, const EnergyChannel& channel) {
  switch (channel.kind) {
    case EnergyChannel::Kind::kGpu: return machine.GpuJoules(channel.gpu);
    case EnergyChannel::Kind::kPmic: {
      QB_TRY(const std::string text, machine.Run({"vcgencmd", "pmic_read_adc"}));
      return PmicWatts(text);
    }
    case EnergyChannel::Kind::kProduct: {
      QB_TRY(const double first, NumberOf(machine, channel.first));
      QB_TRY(const double second, NumberOf(machine, channel.second));
      return first * second * channel.scale;
    }
    case EnergyChannel::Kind::kCounter:
    case EnergyChannel::Kind::kPower: break;
  }
  QB_TRY(const double value, NumberOf(machine, channel.first));
  return value * channel.scale;
}

}  // namespace quantbench
