// Profiles of original and quantized model: taken in turn in fresh workers, read by the parent.
#include <algorithm>
#include <array>
#include <functional>

#include "quantbench/base/clock.h"
#include "quantbench/base/file.h"
#include "quantbench/base/format.h"
#include "quantbench/base/scratch_folder.h"
#include "quantbench/model/torchscript.h"
#include "quantbench/run.h"

#include "run/arms.h"
#include "run/cell_input.h"
#include "run/protocol.h"
#include "run/size_of_file.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kProfiledArms = 2;
constexpr std::int64_t kWarmUpRuns = 3;
constexpr std::int64_t kMostProfileRuns = 40;
constexpr std::int64_t kLeastProfileRuns = 5;
constexpr std::int64_t kProfileBudgetNs = 6'000'000'000;  // of each of the two series, all workers
constexpr std::int64_t kMostProfileEvents = 20'000;       // of one model
constexpr std::uint64_t kLargestProfile = std::uint64_t{1} << 30U;

fs::path OptimizedIn(const fs::path& folder, std::size_t arm) {
  return folder / Format("optimized-{}.onnx", arm);
}

// Microseconds of one run of each arm, in turn: of the processor, which nobody can disturb, where
// one thread does all.
Result<std::vector<double>> RunEach(std::span<const LoadedArm> arms, std::int64_t threads) {
  const Clock& clock = SystemClock();
  const auto now = [&] { return threads == 1 ? clock.CpuNs() : clock.NowNs(); };
  std::vector<double> us;
  us.reserve(arms.size());
  for (const LoadedArm& arm : arms) {
    const std::int64_t before = now();
    QB_OK(arm.session->Run());
    us.push_back(static_cast<double>(now() - before) / 1000);
  }
  return us;
}

// How long the runs of a series may go on.
struct SeriesLimit {
  std::int64_t runs = kMostProfileRuns;
  std::int64_t ns = kProfileBudgetNs;
};

// Times of all arms in turn, after warming up: the arms meet the same moments of the machine.
Result<std::vector<std::vector<double>>> RunInTurn(std::span<const LoadedArm> arms,
                                                   const SeriesLimit& most, std::int64_t threads) {
  const Clock& clock = SystemClock();
  std::vector<std::vector<double>> us(arms.size());
  const std::int64_t start = clock.NowNs();
  for (std::int64_t run = 0; run < kWarmUpRuns + most.runs; ++run) {
    const bool enough = run >= kWarmUpRuns + kLeastProfileRuns;
    if (enough && clock.NowNs() - start > most.ns) break;
    QB_TRY(const std::vector<double> now, RunEach(arms, threads));
    if (run < kWarmUpRuns) continue;
    for (std::size_t i = 0; i < arms.size(); ++i) us[i].push_back(now[i]);
  }
  return us;
}

Result<ModelProfile> TakeProfile(Session& session) {
  QB_TRY(const fs::path path, session.EndProfile());
  QB_TRY(const std::string text, ReadFile(path, kLargestProfile));
  auto events = Json::Parse(text);
  if (!events.ok()) return events.error().Within("the engine's profile");
  return ReadProfile(events.value(), kWarmUpRuns);
}

// How often the model with most operators can run before its profile is too long.
std::int64_t RunsFor(std::span<const fs::path> paths) {
  std::int64_t nodes = 1;
  for (const fs::path& path : paths) {
    const auto model = LoadModel(path);
    if (!model.ok()) continue;  // loading it says why
    nodes = std::max(nodes, static_cast<std::int64_t>(model.value().graph.nodes.size()));
  }
  return std::clamp(kMostProfileEvents / nodes, kLeastProfileRuns, kMostProfileRuns);
}

// Both models loaded with the options that `of` gives, and bound to the same input.
Result<std::vector<LoadedArm>> LoadBoth(Engine& engine, std::span<const fs::path> paths,
                                        const CellInput& input,
                                        const std::function<SessionOptions(std::size_t)>& of) {
  std::vector<LoadedArm> arms;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    QB_TRY(LoadedArm arm, LoadArm(engine, paths[i], of(i)));
    if (auto bound = BindFirst(*arm.session, input); !bound.ok()) {
      return bound.error().Within(paths[i].string());
    }
    arms.push_back(std::move(arm));
  }
  return arms;
}

}  // namespace

Result<Json> ProfileInWorker(const Json& request, Engine& engine, Progress& progress) {
  QB_TRY(const Cell cell, Cell::FromJson(request["cell"]));
  QB_TRY(const InputSource source, InputSourceFromJson(request["input"]));
  const fs::path folder = request["folder"].AsString();
  std::vector<fs::path> paths;
  for (const Json& path : request["paths"].AsArray()) paths.emplace_back(path.AsString());
  QB_TRY(const CellInput input, OpenCell(paths, cell, source, engine));
  const std::int64_t process = request["process"].AsInt(0);
  if (process == 0) {
    for (const std::string& note : input.opened.notes) progress.Note(note);
  }
  SessionOptions plain;
  plain.threads = static_cast<int>(cell.threads);
  QB_TRY(plain.config, EntriesOf(paths));
  QB_OK(StartEngines(engine, paths));
  const std::int64_t processes = std::max<std::int64_t>(1, request["processes"].AsInt(1));
  const SeriesLimit most = {RunsFor(paths), kProfileBudgetNs / processes};
  std::vector<std::vector<double>> unprofiled;
  double contention = 1;
  {
    QB_TRY(const auto arms, LoadBoth(engine, paths, input, [&](std::size_t) { return plain; }));
    progress.Update("without the profiler", 2 * process, 2 * processes);
    const Clock& clock = SystemClock();
    const std::int64_t wall = clock.NowNs();
    const std::int64_t cpu = clock.CpuNs();
    QB_TRY(unprofiled, RunInTurn(arms, most, cell.threads));
    if (cell.threads == 1) {
      contention = static_cast<double>(clock.NowNs() - wall) /
                   static_cast<double>(std::max<std::int64_t>(1, clock.CpuNs() - cpu));
    }
  }
  QB_TRY(const auto arms, LoadBoth(engine, paths, input, [&](std::size_t arm) {
           SessionOptions profiled = plain;
           profiled.profile_prefix = (folder / Format("profile-{}", arm)).string();
           if (!IsTorchScript(paths[arm])) {
             profiled.optimized_model_path = OptimizedIn(folder, arm).string();
           }
           return profiled;
         }));
  progress.Update("with the profiler", 2 * process + 1, 2 * processes);
  QB_TRY(const auto timed, RunInTurn(arms, most, cell.threads));
  Json described = Json::Array{};
  for (std::size_t i = 0; i < arms.size(); ++i) {
    QB_TRY(const ModelProfile profile, TakeProfile(*arms[i].session));
    described.Append(Json::MakeObject()
                         .Set("profile", profile.ToJson())
                         .Set("unprofiled_us", MeanOfFastest(unprofiled[i])));
  }
  return Json::MakeObject().Set("arms", std::move(described)).Set("contention", contention);
}

namespace {

Result<ExplainedSpeed> ExplainInWorker(const ExplainSpeedOptions& options, int process,
                                       const WorkerOptions& worker, Progress& progress) {
  QB_TRY(const ScratchFolder scratch, ScratchFolder::Make());
  const Json request =
      Json::MakeObject()
          .Set("op", "profile")
          .Set("paths", Json::List(std::vector<std::string>{options.original.string(),
                                                            options.quantized.string()}))
          .Set("cell", options.cell.ToJson())
          .Set("input", ToJson(options.input))
          .Set("process", process)
          .Set("processes", options.processes)
          .Set("folder", scratch.path().string());
  const WorkerResult result = RunWorker(request, worker, progress);
  if (result.outcome != Outcome::kOk) {
    return Error(result.code, Format("profiling {} and {}: {}", options.original.string(),
                                     options.quantized.string(), result.reason));
  }
  const std::array<fs::path, kProfiledArms> paths = {options.original, options.quantized};
  std::array<Model, kProfiledArms> optimized;
  std::array<ProfiledModel, kProfiledArms> profiled;
  const Json::Array& arms = result.reply["arms"].AsArray();
  if (arms.size() != profiled.size()) {
    return Error(ErrorCode::kInternal, "the worker did not profile both models");
  }
  for (std::size_t i = 0; i < profiled.size(); ++i) {
    if (!IsTorchScript(paths[i])) {
      QB_TRY(optimized[i], LoadModel(OptimizedIn(scratch.path(), i)));
      profiled[i].optimized = &optimized[i];
    }
    QB_TRY(profiled[i].profile, ModelProfile::FromJson(arms[i]["profile"]));
    profiled[i].unprofiled_us = arms[i]["unprofiled_us"].AsDouble();
  }
  ExplainedSpeed explained;
  explained.contention = result.reply["contention"].AsDouble();
  explained.speed = ExplainSpeed(profiled[0], profiled[1], DescribeEnvironment()["isa"].AsString());
  QB_TRY(const ModelSize size, SizeOfFile(options.quantized));
  explained.quantized_bytes = size.total_bytes();
  if (HostSaturatesPairs()) explained.saturating = FindSaturating(optimized[1].graph);
  return explained;
}

double SpeedUpOf(const ExplainedSpeed& one) {
  const double quantized = one.speed.quantized.plain_run_us();
  return quantized > 0 ? one.speed.original.plain_run_us() / quantized : 0;
}

// Layers tell how far a promise may be off in one process; the processes, how much more.
void WidenPromise(std::span<const ExplainedSpeed> all, ExplainedSpeed* told) {
  if (!told->speed.cured_run_us) return;
  Forecast& promise = *told->speed.cured_run_us;
  const double now = told->speed.quantized.plain_run_us();
  for (const ExplainedSpeed& one : all) {
    const double its_now = one.speed.quantized.plain_run_us();
    if (!one.speed.cured_run_us || its_now <= 0) continue;
    promise.low_us = std::min(promise.low_us, one.speed.cured_run_us->low_us / its_now * now);
    promise.high_us = std::max(promise.high_us, one.speed.cured_run_us->high_us / its_now * now);
  }
}

}  // namespace

Result<ExplainedSpeed> ExplainSpeedOf(const ExplainSpeedOptions& options,
                                      const WorkerOptions& worker, Progress& progress) {
  std::vector<ExplainedSpeed> all;
  for (int process = 0; process < std::max(1, options.processes); ++process) {
    QB_TRY(ExplainedSpeed one, ExplainInWorker(options, process, worker, progress));
    all.push_back(std::move(one));
  }
  std::sort(all.begin(), all.end(), [](const ExplainedSpeed& a, const ExplainedSpeed& b) {
    return SpeedUpOf(a) < SpeedUpOf(b);
  });
  ExplainedSpeed told = all[all.size() / 2];
  WidenPromise(all, &told);
  for (const ExplainedSpeed& one : all) told.contention = std::max(told.contention, one.contention);
  return told;
}

}  // namespace quantbench
