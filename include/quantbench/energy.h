// energy: the joules that a device says it used, from counters, power sensors or a meter's log. It
// says where each figure comes from, and refuses a sensor that answers nonsense.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "quantbench/base/clock.h"
#include "quantbench/base/json.h"
#include "quantbench/base/status.h"

namespace quantbench {

// What sensors are read through, so that tests can lie. Paths are absolute: "/sys/class/...".
class Machine {
 public:
  Machine() = default;
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  Machine(Machine&&) = delete;
  Machine& operator=(Machine&&) = delete;
  virtual ~Machine() = default;

  // The text of a small file without white space at its end (nor zero bytes: device trees end so).
  // kNotFound; kUnavailable when it may not be read; kIo for the rest, a directory too.
  [[nodiscard]] virtual Result<std::string> Read(const std::string& path) const = 0;
  // The names in a folder, sorted; empty when there is none.
  [[nodiscard]] virtual std::vector<std::string> List(const std::string& folder) const = 0;
  // What a program, looked for on PATH, writes to its stdout. kNotFound; kUnavailable when it fails
  // or says nothing for two seconds.
  [[nodiscard]] virtual Result<std::string> Run(const std::vector<std::string>& command) const = 0;
  // The names of NVIDIA GPUs, by NVML; empty where the library or the GPUs are not there.
  [[nodiscard]] virtual std::vector<std::string> Gpus() const = 0;
  // Joules that a GPU used since its driver was loaded. kUnavailable where it does not count them.
  [[nodiscard]] virtual Result<double> GpuJoules(std::size_t index) const = 0;
};
// The machine whose file system begins at `root`: of "/" all of it; of another folder (the host's,
// seen from a container) only the files.
[[nodiscard]] std::unique_ptr<Machine> MachineAt(const std::filesystem::path& root);

// Where joules come from, the preferred first: a counter in hardware misses nothing between two
// readings; power sensors are sampled many times a second; a fuel gauge once in some seconds.
enum class EnergyTier : std::uint8_t {
  kCounter,  // energy counter of the processor or the platform (RAPL)
  kRail,     // power of the supply rails of a board (INA monitors, PMIC)
  kBoard,    // power of a whole board or machine, by its own monitor
  kBattery,  // the battery's fuel gauge, while it discharges
  kGpu,    // energy counter of a graphics processor: the engine's part on the processor is missing
  kMeter,  // an external meter, read afterwards from its log
};
[[nodiscard]] std::string_view Name(EnergyTier tier);  // "counter", "rail", ... "external meter"

// One figure that a sensor reads: joules are (first [x second]) x scale.
struct EnergyChannel {
  enum class Kind : std::uint8_t {
    kCounter,  // of `first`: joules that only grow, but for a wrap at `range_j`
    kPower,    // of `first`: watts
    kProduct,  // of `first` and `second`: volts and amperes
    kPmic,     // of `vcgencmd pmic_read_adc`: the sum over its rails
    kGpu,      // NVML's counter of GPU number `gpu`
  };
  Kind kind = Kind::kPower;
  std::string label;  // "package-0", "VDD_IN"
  std::string first;  // paths
  std::string second;
  double scale = 1e-6;
  double range_j = 0;  // the counter wraps here; 0: it does not
  std::size_t gpu = 0;
};

struct EnergySensor {
  std::string name;  // as --sensor takes it: "rapl", "rapl-psys", "ina3221", "pmic", "battery-BAT0"
  EnergyTier tier = EnergyTier::kCounter;
  std::string covers;  // "packages 0 and 1 and their memory"
  std::vector<EnergyChannel> channels;
  std::int64_t sample_ns = 0;  // how often it is to be read
  double most_watts = 0;       // more is nonsense
  std::string refused;         // why it cannot be used: "may not be read"; empty when it can
  std::string remedy;          // then: a command or a sentence; may be empty

  [[nodiscard]] bool usable() const { return refused.empty(); }
  [[nodiscard]] Json ToJson() const;  // {"name", "tier", "covers"}
};

// All sensors of the machine, the best first, those that cannot be used last. Each is read twice:
// one that may not be read, answers zero or no number is refused by name. No energy is counted
// twice within a sensor: a package holds its cores, an input rail the rails behind it.
[[nodiscard]] std::vector<EnergySensor> FindEnergySensors(const Machine& machine);
// The sensor of that name, or with an empty name the best. kUnavailable with one sentence: what was
// looked for, what was refused, and how to get a number; kNotFound with the nearest name.
[[nodiscard]] Result<EnergySensor> ChooseEnergySensor(const std::vector<EnergySensor>& sensors,
                                                      std::string_view name);
// The name of no sensor: blocks are run for an external meter, whose log is joined afterwards.
inline constexpr std::string_view kExternalMeter = "meter";

// A sensor being read. Wraps of counters are undone, power is integrated by trapezoids. Not moved:
// a thread may be reading.
class EnergyMeter {
 public:
  EnergyMeter(EnergySensor sensor, const Machine& machine, const Clock& clock)
      : sensor_(std::move(sensor)), machine_(machine), clock_(clock) {}
  EnergyMeter(const EnergyMeter&) = delete;
  EnergyMeter& operator=(const EnergyMeter&) = delete;
  EnergyMeter(EnergyMeter&&) = delete;
  EnergyMeter& operator=(EnergyMeter&&) = delete;
  ~EnergyMeter();

  // Reads once now. Joules since the first call. kUnavailable, named after the sensor: it cannot be
  // read any more; a counter fell back and that is no wrap; watts that are negative, not finite or
  // more than the sensor's most. An error stays.
  [[nodiscard]] Result<double> Joules();
  // From now on a thread reads too, every sensor.sample_ns.
  void KeepReading();
  // Readings of power so far, and how many of them differed from the one before.
  [[nodiscard]] std::int64_t readings() const;
  [[nodiscard]] std::int64_t changes() const;
  [[nodiscard]] const EnergySensor& sensor() const { return sensor_; }

 private:
  struct Reading {
    std::int64_t at_ns = 0;
    std::vector<double> values;  // one a channel: joules of counters, else watts
  };
  Status Poll();  // mutex_ is held
  Status Add(const Reading& now);
  [[nodiscard]] Error Refuse(std::string why) const;

  const EnergySensor sensor_;
  const Machine& machine_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::optional<Reading> last_;
  std::optional<Error> error_;
  double joules_ = 0;
  std::int64_t readings_ = 0;
  std::int64_t changes_ = 0;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

// What an external meter wrote down.
struct PowerLog {
  struct Entry {
    std::int64_t utc_ns = 0;
    double value = 0;  // watts, or joules since some start
  };
  std::vector<Entry> entries;  // by rising time
  bool cumulative = false;     // the values are joules

  // Joules between two moments, and how many entries lie between. kMalformed when the log does not
  // hold both moments, has fewer than five entries between them, or a gap of half of that time.
  [[nodiscard]] Result<double> Joules(std::int64_t from_utc_ns, std::int64_t to_utc_ns) const;
};
struct PowerLogOptions {
  std::optional<int> zone_minutes;  // of times that name no zone, east of UTC
  double offset_s = 0;              // added to every time: the meter's clock is so much behind
};
// A CSV with a heading; the columns "time" and "watts" or "joules" are read, others left out. Times
// are seconds since 1970 or "2026-05-01T12:00:00.25Z" (or with a blank, or +02:00, or without a
// zone where one is stated). kMalformed names line and reason.
[[nodiscard]] Result<PowerLog> ParsePowerLog(std::string_view text, const std::string& name,
                                             const PowerLogOptions& options);
// "Z", "+02:00", "-0530": minutes east of UTC. kInvalidArgument.
[[nodiscard]] Result<int> ParseZone(std::string_view text);

}  // namespace quantbench
