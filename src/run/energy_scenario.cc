// The energy scenario: fresh workers, each with blocks of all arms between blocks of idling.
#include "run/energy_scenario.h"

#include <chrono>
#include <cmath>

#include "quantbench/base/clock.h"
#include "quantbench/base/format.h"
#include "quantbench/base/random.h"

#include "run/bench_parts.h"
#include "run/protocol.h"
#include "run/worker_arms.h"

namespace quantbench {
namespace {

constexpr std::uint64_t kMostStackPadding = 4096;
constexpr double kWithUncounted = 1.1;  // what passes before each block

EnergyPlan PlanOf(const ScenarioOptions& options) {
  EnergyPlan plan;
  plan.block_ns = static_cast<std::int64_t>(options.plan.block_s * 1e9);
  plan.rounds = static_cast<int>(options.plan.rounds);
  return plan;
}

// What a process's blocks take at least.
std::int64_t BlocksSeconds(const EnergyPlan& plan, std::size_t arms) {
  const double blocks = 2 * static_cast<double>(arms) * plan.rounds + 1;
  const double seconds = kWithUncounted * static_cast<double>(plan.block_ns) * 1e-9 * blocks;
  return static_cast<std::int64_t>(std::ceil(seconds));
}

// The source as the record names it.
Result<Json> SourceOf(const ScenarioOptions& options) {
  if (options.plan.sensor == kExternalMeter) {
    return Json::MakeObject()
        .Set("name", kExternalMeter)
        .Set("tier", Name(EnergyTier::kMeter))
        .Set("covers", "what it is plugged before");
  }
  const auto machine = MachineAt(options.sensor_root);
  QB_TRY(const EnergySensor sensor,
         ChooseEnergySensor(FindEnergySensors(*machine), options.plan.sensor));
  return sensor.ToJson();
}

std::int64_t UtcNanoseconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

CaseOutcome SkippedFor(const Error& error) {
  return {Outcome::kSkipped, error.message(), error.code(), {}};
}

Result<EnergySamples> MeasureWith(const Json& request, const EnergyPlan& plan,
                                  const std::vector<Pass>& passes, Progress& progress) {
  EnergyWatch watch{nullptr, SystemClock(), SystemWait, UtcNanoseconds};
  const std::string& name = request["sensor"].AsString();
  if (name == kExternalMeter) return MeasureEnergy(passes, plan, watch, progress);
  const auto machine = MachineAt(request["sensor_root"].AsString());
  QB_TRY(EnergySensor sensor, ChooseEnergySensor(FindEnergySensors(*machine), name));
  EnergyMeter meter(std::move(sensor), *machine, SystemClock());
  meter.KeepReading();
  watch.meter = &meter;
  return MeasureEnergy(passes, plan, watch, progress);
}

}  // namespace

CaseOutcome MeasureJoules(const ScenarioOptions& options, WorkerOptions worker,
                          Progress& progress) {
  if (auto impossible = Impossible(options.bench, worker, progress)) return *std::move(impossible);
  const auto source = SourceOf(options);
  if (!source.ok()) return SkippedFor(source.error());
  EnergyPlan plan = PlanOf(options);
  worker.timeout_s += BlocksSeconds(plan, options.bench.arms.size() + 1);
  Random padding(options.bench.latency.seed);
  Json::Array arms;
  Json idle = Json::Array{};
  Json began = Json::Array{};
  Json last;
  for (std::int64_t process = 0; process < options.plan.processes; ++process) {
    plan.seed = options.bench.latency.seed + static_cast<std::uint64_t>(process);
    worker.padding = padding.Below(kMostStackPadding);
    progress.Update("energy, process", process + 1, options.plan.processes);
    const WorkerResult result =
        RunWorker(MeasuringRequest("energy", options.bench, options.bench.control)
                      .Set("plan", plan.ToJson())
                      .Set("sensor", source.value()["name"])
                      .Set("sensor_root", options.sensor_root.string()),
                  worker, progress);
    if (result.outcome != Outcome::kOk) return {result.outcome, result.reason, result.code, {}};
    if (result.reply.Has("refused")) {
      return SkippedFor(Error(ErrorCode::kUnavailable, result.reply["refused"].AsString()));
    }
    MergeArms(result.reply, &arms);
    idle.Append(result.reply["idle"]);
    began.Append(result.reply["began_utc_ns"]);
    last = result.reply;
  }
  Json results = Json::MakeObject()
                     .Set("sensor", source.value())
                     .Set("plan", plan.ToJson())
                     .Set("began_utc_ns", std::move(began))
                     .Set("idle", std::move(idle))
                     .Set("arms", std::move(arms))
                     .Set("input", last["input"])
                     .Set("notes", last["notes"])
                     .Set("engine_options", last["engine_options"]);
  return {Outcome::kOk, "", ErrorCode::kEngine, std::move(results)};
}

// What a sensor refused is no failure of the engine: it comes back as "refused".
Result<Json> EnergyInWorker(const Json& request, Engine& engine, Progress& progress) {
  QB_TRY(const EnergyPlan plan, EnergyPlan::FromJson(request["plan"]));
  QB_TRY(const WorkerArms open, WorkerArms::Open(request, plan.seed, engine));
  const auto measured = MeasureWith(request, plan, open.passes, progress);
  if (!measured.ok() && measured.error().code() == ErrorCode::kUnavailable) {
    return Json::MakeObject().Set("refused", measured.error().message());
  }
  if (!measured.ok()) return measured.error();
  std::vector<Json> samples;
  for (const std::vector<EnergyBlock>& blocks : measured.value().arms) {
    samples.push_back(ToJson(blocks));
  }
  return open.Reply(std::move(samples))
      .Set("idle", ToJson(measured.value().idle))
      .Set("began_utc_ns", measured.value().began_utc_ns);
}

}  // namespace quantbench
