// Doctor: what this device can do for a study, and what would disturb it.
#include "run/doctor.h"

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <system_error>
#include <thread>

#include <unistd.h>

#include "quantbench/base/format.h"
#include "quantbench/energy.h"
#include "quantbench/engine.h"
#include "quantbench/run.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

bool OnPath(std::string_view program) {
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): before any thread
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (access((fs::path(folder) / program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

std::vector<DoctorItem> EngineItems(const WorkerOptions& worker) {
  SilentProgress silent;
  const WorkerResult engine =
      RunWorker(Json::MakeObject().Set("op", "describe-engine"), worker, silent);
  if (engine.outcome != Outcome::kOk) {
    return {{"engine", engine.reason, false, "run ./dev setup, or name one with --engine PATH"}};
  }
  std::string where;
  for (const EngineCandidate& candidate : EngineCandidates(worker.engine)) {
    std::error_code ignored;
    if (!fs::exists(candidate.path, ignored)) continue;
    where = Format(" ({}: {})", candidate.source, candidate.path);
    break;
  }
  std::string providers;
  for (const Json& provider : engine.reply["providers"].AsArray()) {
    providers += (providers.empty() ? "" : ", ") + provider.AsString();
  }
  return {{"engine",
           Format("{} {}{}", engine.reply["name"].AsString(), engine.reply["version"].AsString(),
                  where),
           true, ""},
          {"engine's providers", providers.empty() ? "not told" : providers, true,
           "quantbench measures on the processor: CPUExecutionProvider"}};
}

// libtorch, where it is built in; and the speed of its float32 beside a peak, 0: not measured.
DoctorItem TorchItem(const WorkerOptions& worker, double peak) {
  const auto facts = DescribeTorchEngine(worker);
  if (!facts.ok() && facts.error().code() == ErrorCode::kUnavailable) {
    return {"torch engine", "not built in (only TorchScript models need it)", true,
            "./dev setup --with-torch && ./dev build"};
  }
  if (!facts.ok()) return {"torch engine", facts.error().message(), false, ""};
  const Json& json = facts.value();
  std::string engines;
  for (const Json& name : json["quantized_engines"].AsArray()) {
    engines += (engines.empty() ? "" : ", ") + name.AsString();
  }
  const std::int64_t devices = json["cuda_devices"].AsInt();
  const std::string text =
      Format("libtorch {}; quantized engines {}; {}; float32 by {} ({}), {:.3g} GFLOP/s",
             json["version"].AsString(), engines.empty() ? "none" : engines,
             devices > 0 ? Format("{} CUDA devices", devices) : "no CUDA device",
             json["blas"].AsString(), json["blas_file"].AsString(), json["blas_gflops"].AsDouble());
  const std::string slow = WhySlowFloat(json, peak);
  return {"torch engine", text, slow.empty(), slow};
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

DoctorItem FiguresItem() {
  const bool gnuplot = OnPath("gnuplot");
  return {"figures", gnuplot ? "gnuplot" : "no gnuplot", gnuplot,
          gnuplot ? "" : "sudo apt-get install gnuplot-nox"};
}

// "float32 98.8 (AVX2 FMA), 2 threads 198" and the like.
std::vector<DoctorItem> PeakItems(const DevicePeaks& peaks) {
  const auto line = [&](const Peak* peak, std::string_view unit) {
    if (peak == nullptr) return std::string("not measured");
    return Format("{:.3g} {} with {}; {} threads: {:.3g}", peak->one.per_s * 1e-9, unit, peak->name,
                  peaks.threads, peak->all.per_s * 1e-9);
  };
  std::string levels;
  for (const Peak& peak : peaks.peaks) {
    if (peak.kind != PeakKind::kRead) continue;
    levels += Format("{}{} {:.3g}", levels.empty() ? "" : ", ", peak.name, peak.one.per_s * 1e-9);
    levels += Format(" ({:.3g})", peak.all.per_s * 1e-9);
  }
  const std::string doubt =
      peaks.is_doubtful() ? "the machine was busy: the true peaks may be higher" : "";
  return {{"peak float32", line(peaks.Fastest(PeakKind::kFloat32, 1), "GFLOP/s"), true, doubt},
          {"peak int8", line(peaks.Fastest(PeakKind::kInt8, 1), "GOP/s"), true, doubt},
          {"reading, GB/s", Format("{}; in brackets on {} threads", levels, peaks.threads), true,
           doubt}};
}

// Two copies of a small model against each other, as a cell of a study.
DoctorItem ResolutionItem(const WorkerOptions& worker, Progress& progress) {
  constexpr std::int64_t kBudgetNs = 7'000'000'000;
  constexpr double kMostResolution = 0.02;
  SelfTestOptions options;
  options.sessions = 1;
  options.planted.clear();
  options.latency.budget_ns = kBudgetNs;
  SilentProgress silent;
  progress.Update("measuring copies of a small model", 0, 0);
  const auto sessions = RunSelfTest(options, worker, silent);
  if (!sessions.ok()) {
    return {"A/A resolution", sessions.error().message(), false,
            "quantbench selftest --sessions 1"};
  }
  const CellResult& cell = sessions.value().front().cell;
  const double resolution = cell.resolution();
  const std::string value = DescribeResolution(cell);
  const bool fine = std::isfinite(resolution) && resolution <= kMostResolution;
  std::string text = value.empty() ? "not known" : value;
  if (cell.contention > kContentionNoted) {
    text += Format("; runs took {:.2f} times their CPU time", cell.contention);
  }
  return {"A/A resolution", text, fine,
          fine ? ""
               : "cure what is not fine, and ask again when the device is idle; or give more "
                 "time: --budget"};
}

void Append(std::vector<DoctorItem> more, std::vector<DoctorItem>* items) {
  for (DoctorItem& item : more) items->push_back(std::move(item));
}

}  // namespace

std::vector<DoctorItem> Examine(const DoctorOptions& options, const WorkerOptions& worker,
                                Progress& progress) {
  std::vector<DoctorItem> items = EngineItems(worker);
  const bool engine = items.front().fine;
  const fs::path& root = options.root;
  Append(ProcessorItems(root), &items);
  Append(SpeedItems(root), &items);
  Append(SystemItems(root), &items);
  progress.Update("looking at the load", 0, 0);
  const LoadSample before = SampleLoad(root);
  std::this_thread::sleep_for(std::chrono::seconds(1));
  Append(LoadItems(root, before, SampleLoad(root)), &items);
  items.push_back(EnergyItem());
  items.push_back(FiguresItem());
  if (options.quick) {
    items.push_back(TorchItem(worker, 0));
    return items;
  }
  const DevicePeaks peaks = MeasurePeaks({}, progress);
  Append(PeakItems(peaks), &items);
  const Peak* peak = peaks.Fastest(PeakKind::kFloat32, 1);
  items.push_back(TorchItem(worker, peak == nullptr ? 0 : peak->one.per_s));
  if (engine) items.push_back(ResolutionItem(worker, progress));
  return items;
}

}  // namespace quantbench
