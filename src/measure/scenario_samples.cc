// Plans and samples of scenarios as JSON.
#include <array>
#include <cmath>

#include "quantbench/base/format.h"
#include "quantbench/measure.h"

namespace quantbench {
namespace {

// Sums over a record stay within 64 bits whatever it says.
constexpr std::int64_t kLongestNs = 10'000'000'000'000;  // three hours
constexpr std::int64_t kMostRunsOfLap = 100'000'000;
constexpr std::int64_t kMostRunsOfBlock = 10'000'000'000;
constexpr std::int64_t kMostEnergyRounds = 1000;

bool IsTime(std::int64_t ns, std::int64_t least) {
  return ns >= least && ns <= kLongestNs;
}

Error Impossible(std::string_view what) {
  return {ErrorCode::kMalformed, Format("scenario samples: {} is not possible", what)};
}

Result<RateTrial> TrialFromJson(const Json& json) {
  RateTrial trial;
  trial.rate = json["rate"].AsDouble();
  trial.met = json["met"].AsBool();
  if (!(trial.rate > 0) || !std::isfinite(trial.rate)) return Impossible("a rate");
  for (const Json& latency : json["latency_ns"].AsArray()) {
    trial.latency_ns.push_back(latency.AsInt());
    if (!IsTime(trial.latency_ns.back(), 0)) return Impossible("a latency");
  }
  return trial;
}

}  // namespace

Json ServerPlan::ToJson() const {
  return Json::MakeObject()
      .Set("target_ns", target_ns)
      .Set("queries", queries)
      .Set("allowed_late", allowed_late)
      .Set("precision", precision)
      .Set("seed", seed);
}

Result<ServerPlan> ServerPlan::FromJson(const Json& json) {
  ServerPlan plan;
  plan.target_ns = json["target_ns"].AsInt();
  plan.queries = json["queries"].AsInt(plan.queries);
  plan.allowed_late = json["allowed_late"].AsInt();
  plan.precision = json["precision"].AsDouble(plan.precision);
  plan.seed = static_cast<std::uint64_t>(json["seed"].AsInt(1));
  if (!IsTime(plan.target_ns, 1) || plan.queries < 1 || !(plan.precision > 0)) {
    return Error(ErrorCode::kInvalidArgument,
                 "the server scenario needs a latency target, queries and a precision above 0");
  }
  return plan;
}

Json ServerSamples::ToJson() const {
  Json list = Json::Array{};
  for (const RateTrial& trial : trials) {
    list.Append(Json::MakeObject()
                    .Set("rate", trial.rate)
                    .Set("met", trial.met)
                    .Set("latency_ns", Json::List(trial.latency_ns)));
  }
  return Json::MakeObject()
      .Set("load_ns", load_ns)
      .Set("service_ns", service_ns)
      .Set("rate", rate)
      .Set("trials", std::move(list));
}

Result<ServerSamples> ServerSamples::FromJson(const Json& json) {
  ServerSamples samples;
  samples.load_ns = json["load_ns"].AsInt();
  samples.service_ns = json["service_ns"].AsInt();
  samples.rate = json["rate"].AsDouble();
  if (!(samples.rate >= 0) || !std::isfinite(samples.rate)) return Impossible("a rate");
  if (!IsTime(samples.service_ns, 1)) return Impossible("the time of a pass");
  for (const Json& trial : json["trials"].AsArray()) {
    QB_TRY(RateTrial read, TrialFromJson(trial));
    samples.trials.push_back(std::move(read));
  }
  return samples;
}

Json SustainedPlan::ToJson() const {
  return Json::MakeObject().Set("duration_ns", duration_ns).Set("seed", seed);
}

Result<SustainedPlan> SustainedPlan::FromJson(const Json& json) {
  SustainedPlan plan;
  plan.duration_ns = json["duration_ns"].AsInt(plan.duration_ns);
  plan.seed = static_cast<std::uint64_t>(json["seed"].AsInt(1));
  if (plan.duration_ns < 1) {
    return Error(ErrorCode::kInvalidArgument, "the sustained scenario needs a duration");
  }
  return plan;
}

Json ToJson(std::span<const SustainedLap> laps) {
  std::array<Json, 4> columns;
  for (Json& column : columns) column = Json::Array{};
  for (const SustainedLap& lap : laps) {
    columns[0].Append(lap.start_ns);
    columns[1].Append(lap.wall_ns);
    columns[2].Append(lap.cpu_ns);
    columns[3].Append(lap.runs);
  }
  return Json::MakeObject()
      .Set("start_ns", std::move(columns[0]))
      .Set("wall_ns", std::move(columns[1]))
      .Set("cpu_ns", std::move(columns[2]))
      .Set("runs", std::move(columns[3]));
}

Result<std::vector<SustainedLap>> SustainedLapsFromJson(const Json& json) {
  const Json::Array& starts = json["start_ns"].AsArray();
  const Json::Array& walls = json["wall_ns"].AsArray();
  const Json::Array& cpus = json["cpu_ns"].AsArray();
  const Json::Array& runs = json["runs"].AsArray();
  if (walls.size() != starts.size() || cpus.size() != starts.size() ||
      runs.size() != starts.size()) {
    return Impossible("a number of laps");
  }
  std::vector<SustainedLap> laps;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    laps.push_back({starts[i].AsInt(), walls[i].AsInt(), cpus[i].AsInt(), runs[i].AsInt()});
    const SustainedLap& lap = laps.back();
    const bool possible = lap.start_ns >= 0 && IsTime(lap.wall_ns, 1) && IsTime(lap.cpu_ns, 0) &&
                          lap.runs >= 1 && lap.runs <= kMostRunsOfLap;
    if (!possible) return Impossible("a lap");
  }
  return laps;
}

Json EnergyPlan::ToJson() const {
  return Json::MakeObject().Set("block_ns", block_ns).Set("rounds", rounds).Set("seed", seed);
}

Result<EnergyPlan> EnergyPlan::FromJson(const Json& json) {
  EnergyPlan plan;
  plan.block_ns = json["block_ns"].AsInt(plan.block_ns);
  const std::int64_t rounds = json["rounds"].AsInt(plan.rounds);
  plan.seed = static_cast<std::uint64_t>(json["seed"].AsInt(1));
  if (!IsTime(plan.block_ns, 1) || rounds < 1 || rounds > kMostEnergyRounds) {
    return Error(ErrorCode::kInvalidArgument, "the energy scenario needs blocks and rounds");
  }
  plan.rounds = static_cast<int>(rounds);
  return plan;
}

Json ToJson(std::span<const EnergyBlock> blocks) {
  std::array<Json, 4> columns;
  for (Json& column : columns) column = Json::Array{};
  for (const EnergyBlock& block : blocks) {
    columns[0].Append(block.start_ns);
    columns[1].Append(block.wall_ns);
    columns[2].Append(block.runs);
    columns[3].Append(block.joules);
  }
  return Json::MakeObject()
      .Set("start_ns", std::move(columns[0]))
      .Set("wall_ns", std::move(columns[1]))
      .Set("runs", std::move(columns[2]))
      .Set("joules", std::move(columns[3]));
}

Result<std::vector<EnergyBlock>> EnergyBlocksFromJson(const Json& json) {
  const Json::Array& starts = json["start_ns"].AsArray();
  const Json::Array& walls = json["wall_ns"].AsArray();
  const Json::Array& runs = json["runs"].AsArray();
  const Json::Array& joules = json["joules"].AsArray();
  if (walls.size() != starts.size() || runs.size() != starts.size() ||
      joules.size() != starts.size()) {
    return Impossible("a number of blocks");
  }
  std::vector<EnergyBlock> blocks;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    blocks.push_back({starts[i].AsInt(), walls[i].AsInt(), runs[i].AsInt(),
                      joules[i].is_number() ? joules[i].AsDouble() : NAN});
    const EnergyBlock& block = blocks.back();
    const bool possible = IsTime(block.start_ns, 0) && IsTime(block.wall_ns, 1) &&
                          block.runs >= 0 && block.runs <= kMostRunsOfBlock &&
                          !(block.joules < 0) && !std::isinf(block.joules);
    if (!possible) return Impossible("a block");
  }
  return blocks;
}

}  // namespace quantbench
