// Measuring one cell, the worker's side: all arms loaded, warmed up and measured in turn.
#include "quantbench/base/clock.h"
#include "quantbench/run.h"

#include "run/protocol.h"
#include "run/worker_arms.h"

namespace quantbench {
namespace {

// What an arm was measured to take; end to end the parts of the passes after its warm-up too.
Json SamplesToJson(const WorkerArm& arm, LatencySamples samples) {
  samples.load_ns = arm.loaded.load_ns;
  Json json = samples.ToJson();
  if (arm.parts != nullptr) {
    const std::span<const PassParts> passes = *arm.parts;
    json.Set("parts", ToJson(passes.subspan(static_cast<std::size_t>(samples.warmup_runs))));
  }
  return json;
}

}  // namespace

Result<Json> BenchInWorker(const Json& request, Engine& engine, Progress& progress) {
  QB_TRY(const LatencyPlan plan, LatencyPlan::FromJson(request["plan"]));
  QB_TRY(const WorkerArms open, WorkerArms::Open(request, plan.seed, engine));
  QB_TRY(ProcessSamples process,
         MeasureInterleaved(open.passes, plan, SystemClock(), SystemSensors(), progress));
  std::vector<Json> samples;
  for (const WorkerArm& arm : open.arms) {
    if (!arm.failure.empty()) continue;
    samples.push_back(SamplesToJson(arm, std::move(process.arms[samples.size()])));
  }
  Json conditions = Json::Array{};
  for (const Conditions& moment : process.conditions) conditions.Append(moment.ToJson());
  return open.Reply(std::move(samples))
      .Set("conditions", std::move(conditions))
      .Set("rounds_ns", process.rounds_ns);
}

}  // namespace quantbench
