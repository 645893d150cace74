// Finding sensors, family by family, and reading their channels.
#pragma once

#include <string>
#include <vector>

#include "quantbench/energy.h"

namespace quantbench {

// Energy counters of powercap: RAPL of Intel and AMD.
std::vector<EnergySensor> FindRapl(const Machine& machine);
// INA3221 rails of Jetsons, by either driver.
std::vector<EnergySensor> FindJetsonRails(const Machine& machine);
// The rest of hwmon that tells watts.
std::vector<EnergySensor> FindHwmon(const Machine& machine);
// The PMIC of a Raspberry Pi 5.
std::vector<EnergySensor> FindPmic(const Machine& machine);
std::vector<EnergySensor> FindBatteries(const Machine& machine);
std::vector<EnergySensor> FindGpus(const Machine& machine);

// The figure of a channel now: joules of counters, else watts. kUnavailable when it may not be read
// (with the path) or is no number.
Result<double> ReadChannel(const Machine& machine, const EnergyChannel& channel);
[[nodiscard]] bool IsCounter(const EnergyChannel& channel);

// The first number of a text; kUnavailable: "says \"abc\", which is no number".
Result<double> NumberIn(const std::string& text);
// The text of a small file, empty when it cannot be read.
std::string TextOf(const Machine& machine, const std::string& path);
// Watts in all of what `vcgencmd pmic_read_adc` says.
Result<double> PmicWatts(const std::string& text);

}  // namespace quantbench
