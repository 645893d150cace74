// Doctor: what this device can do for a study, and what would disturb it.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include <sys/sysinfo.h>
#include <unistd.h>

#include "quantbench/base/format.h"
#include "quantbench/base/parallel.h"
#include "quantbench/energy.h"
#include "quantbench/engine.h"
#include "quantbench/run.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

std::string FirstLine(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

bool OnPath(std::string_view program) {
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): before any thread
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (access((fs::path(folder) / program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

DoctorItem EngineItem(const WorkerOptions& worker) {
  SilentProgress silent;
  const WorkerResult engine =
      RunWorker(Json::MakeObject().Set("op", "describe-engine"), worker, silent);
  if (engine.outcome != Outcome::kOk) {
    return {"engine", engine.reason, false, "run ./dev setup, or name one with --engine PATH"};
  }
  std::string where;
  for (const EngineCandidate& candidate : EngineCandidates(worker.engine)) {
    std::error_code ignored;
    if (!fs::exists(candidate.path, ignored)) continue;
    where = Format(" ({}: {})", candidate.source, candidate.path);
    break;
  }
  return {
      "engine",
      Format("{} {}{}", engine.reply["name"].AsString(), engine.reply["version"].AsString(), where),
      true, ""};
}

DoctorItem IntegerItem(const Json& environment) {
  const std::string isa = environment["isa"].AsString();
  const auto has = [&](std::string_view name) { return isa.find(name) != std::string::npos; };
  if (has("vnni") || has("asimddp") || has("i8mm") || has("amx_int8")) {
    return {"int8 instructions", isa, true, ""};
  }
  if (has("avx2")) {
    return {"int8 instructions", isa + " (no VNNI)", true,
            "int8 arithmetic is at most about twice as fast as float32, and 8-bit weights can "
            "saturate in the kernels"};
  }
  return {"int8 instructions", isa.empty() ? "none known" : isa, false,
          "int8 models may be slower than float32 on this processor"};
}

DoctorItem GovernorItem(const Json& environment) {
  const std::string governor = environment["governor"].AsString();
  if (governor.empty()) return {"frequency governor", "not visible", true, ""};
  return {"frequency governor", governor, governor == "performance",
          governor == "performance" ? "" : "sudo cpupower frequency-set -g performance"};
}

DoctorItem LoadItem() {
  std::array<double, 1> load{};
  if (getloadavg(load.data(), 1) != 1) return {"load", "not visible", true, ""};
  const double per_core = load[0] / UsableCores();
  return {"load (1 min)", Format("{:.2f} on {} cores", load[0], UsableCores()), per_core < 0.3,
          per_core < 0.3 ? "" : "other processes are busy: close them, or times will be disturbed"};
}

DoctorItem MemoryItem() {
  struct sysinfo info {};
  sysinfo(&info);
  const auto bytes = [&](unsigned long pages) { return std::uint64_t{pages} * info.mem_unit; };
  const std::uint64_t free = bytes(info.freeram) + bytes(info.bufferram);
  const bool swapping = info.totalswap > 0 && info.freeswap < info.totalswap / 2;
  return {"memory", Format("{} of {} free", FormatBytes(free), FormatBytes(bytes(info.totalram))),
          !swapping,
          swapping ? "more than half of the swap is in use: times will be disturbed" : ""};
}

DoctorItem TemperatureItem() {
  const std::string text = FirstLine("/sys/class/thermal/thermal_zone0/temp");
  if (text.empty()) return {"temperature", "no sensor", true, ""};
  const double celsius = std::strtod(text.c_str(), nullptr) / 1000;
  return {"temperature", Format("{:.0f} °C", celsius), celsius < 80,
          celsius < 80 ? "" : "let the device cool down, or measure with a fan"};
}

DoctorItem EnergyItem() {
  const std::vector<EnergySensor> sensors = FindEnergySensors(*MachineAt("/"));
  std::string told;
  std::string remedy;
  for (const EnergySensor& sensor : sensors) {
    told += Format(
        "{}{} ({}{})", told.empty() ? "" : ", ", sensor.name,
        sensor.usable() ? "" : sensor.refused + "; ",
        sensor.usable() ? std::string(Name(sensor.tier)) + ": " + sensor.covers : sensor.covers);
    if (!sensor.usable() && remedy.empty()) remedy = sensor.remedy;
  }
  if (sensors.empty()) {
    return {"energy sensor", "none", true,
            "an external meter can be used: bench --scenario energy --sensor meter"};
  }
  return {"energy sensor", told, true, remedy};
}

}  // namespace

std::vector<DoctorItem> Examine(const WorkerOptions& worker) {
  const Json environment = DescribeEnvironment();
  std::vector<DoctorItem> items;
  items.push_back(EngineItem(worker));
  items.push_back({"processor", environment["cpu"].AsString(), true, ""});
  items.push_back(IntegerItem(environment));
  items.push_back({"cores", Format("{}", UsableCores()), true, ""});
  items.push_back(MemoryItem());
  items.push_back(GovernorItem(environment));
  const bool guest = environment["virtual_machine"].AsBool();
  items.push_back(
      {"virtual machine", guest ? "yes" : "no", true,
       guest ? "a neighbour can take the processor: trust ratios, not milliseconds" : ""});
  items.push_back(LoadItem());
  items.push_back(TemperatureItem());
  items.push_back(EnergyItem());
  const bool gnuplot = OnPath("gnuplot");
  items.push_back({"figures", gnuplot ? "gnuplot" : "no gnuplot", gnuplot,
                   gnuplot ? "" : "sudo apt-get install gnuplot-nox"});
  return items;
}

}  // namespace quantbench
