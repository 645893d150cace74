// Latency: interleaved repetitions of forward passes, all arms in every round.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "quantbench/base/format.h"
#include "quantbench/base/random.h"
#include "quantbench/measure.h"

namespace quantbench {
namespace {

constexpr int kMaxPasses = 100'000;

// Warm-up, the first run apart; the fastest of the later passes tells how long one takes.
Result<std::int64_t> WarmUp(const Pass& pass, const LatencyPlan& plan, const Clock& clock,
                            LatencySamples* samples) {
  const std::int64_t start = clock.NowNs();
  QB_OK(pass());
  samples->first_run_ns = clock.NowNs() - start;
  samples->warmup = 1;
  std::int64_t fastest = samples->first_run_ns;
  while (samples->warmup < plan.warmup_passes ||
         (clock.NowNs() - start < plan.warmup_ns && samples->warmup < kMaxPasses)) {
    const std::int64_t before = clock.NowNs();
    QB_OK(pass());
    fastest = std::min(fastest, clock.NowNs() - before);
    ++samples->warmup;
  }
  return std::max<std::int64_t>(1, fastest);
}

Status Repeat(const Pass& pass, const Clock& clock, LatencySamples* samples) {
  const std::int64_t cpu = clock.CpuNs();
  const std::int64_t wall = clock.NowNs();
  for (int i = 0; i < samples->passes; ++i) {
    if (auto status = pass(); !status.ok()) return status.error();
  }
  const std::int64_t wall_end = clock.NowNs();
  samples->wall_ns.push_back(wall_end - wall);
  samples->cpu_ns.push_back(clock.CpuNs() - cpu);
  return Ok();
}

// Standard error of the mean over the mean; infinity below two samples.
double RelativeError(const std::vector<std::int64_t>& samples) {
  const auto n = static_cast<double>(samples.size());
  if (n < 2) return INFINITY;
  const double mean = std::accumulate(samples.begin(), samples.end(), 0.0) / n;
  double squares = 0;
  for (const std::int64_t sample : samples) {
    squares += (static_cast<double>(sample) - mean) * (static_cast<double>(sample) - mean);
  }
  return mean > 0 ? std::sqrt(squares / (n - 1) / n) / mean : 0;
}

bool Varies(const std::vector<LatencySamples>& arms, double target) {
  return std::any_of(arms.begin(), arms.end(), [&](const LatencySamples& samples) {
    return RelativeError(samples.wall_ns) > target;
  });
}

// Fisher-Yates.
void Shuffle(std::vector<std::size_t>* order, Random* random) {
  for (std::size_t i = order->size(); i > 1; --i) {
    std::swap((*order)[i - 1], (*order)[random->Below(i)]);
  }
}

}  // namespace

std::vector<double> LatencySamples::WallPerPassNs() const {
  std::vector<double> values;
  values.reserve(wall_ns.size());
  for (const std::int64_t wall : wall_ns) values.push_back(static_cast<double>(wall) / passes);
  return values;
}

Result<std::vector<LatencySamples>> MeasureInterleaved(const std::vector<Pass>& arms,
                                                       const LatencyPlan& plan, const Clock& clock,
                                                       Progress& progress) {
  std::vector<LatencySamples> samples(arms.size());
  for (std::size_t arm = 0; arm < arms.size(); ++arm) {
    QB_TRY(const std::int64_t pass_ns, WarmUp(arms[arm], plan, clock, &samples[arm]));
    const std::int64_t passes = (plan.min_repetition_ns + pass_ns - 1) / pass_ns;
    samples[arm].passes = static_cast<int>(std::clamp<std::int64_t>(passes, 1, kMaxPasses));
    samples[arm].wall_ns.reserve(static_cast<std::size_t>(plan.max_repetitions));
    samples[arm].cpu_ns.reserve(static_cast<std::size_t>(plan.max_repetitions));
  }
  Random random(plan.seed);
  std::vector<std::size_t> order(arms.size());
  std::iota(order.begin(), order.end(), 0U);
  const std::int64_t start = clock.NowNs();
  for (int round = 0; round < std::max(plan.repetitions, plan.max_repetitions); ++round) {
    if (round >= plan.repetitions) {
      const bool out_of_time = clock.NowNs() - start > plan.max_total_ns;
      if (out_of_time || !Varies(samples, plan.target_relative_error)) break;
    }
    Shuffle(&order, &random);
    for (const std::size_t arm : order) QB_OK(Repeat(arms[arm], clock, &samples[arm]));
    progress.Update("measuring", round + 1, std::max(round + 1, plan.repetitions));
  }
  return samples;
}

Json LatencyPlan::ToJson() const {
  return Json::MakeObject()
      .Set("warmup_passes", warmup_passes)
      .Set("warmup_ns", warmup_ns)
      .Set("repetitions", repetitions)
      .Set("max_repetitions", max_repetitions)
      .Set("target_relative_error", target_relative_error)
      .Set("min_repetition_ns", min_repetition_ns)
      .Set("max_total_ns", max_total_ns)
      .Set("seed", seed);
}

Result<LatencyPlan> LatencyPlan::FromJson(const Json& json) {
  LatencyPlan plan;
  plan.warmup_passes = static_cast<int>(json["warmup_passes"].AsInt(plan.warmup_passes));
  plan.warmup_ns = json["warmup_ns"].AsInt(plan.warmup_ns);
  plan.repetitions = static_cast<int>(json["repetitions"].AsInt(plan.repetitions));
  plan.max_repetitions = static_cast<int>(json["max_repetitions"].AsInt(plan.max_repetitions));
  plan.target_relative_error = json["target_relative_error"].AsDouble(plan.target_relative_error);
  plan.min_repetition_ns = json["min_repetition_ns"].AsInt(plan.min_repetition_ns);
  plan.max_total_ns = json["max_total_ns"].AsInt(plan.max_total_ns);
  plan.seed = static_cast<std::uint64_t>(json["seed"].AsInt(1));
  if (plan.repetitions < 1 || plan.warmup_passes < 0) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("repetitions must be at least 1 and warm-up at least 0, not {} and {}",
                        plan.repetitions, plan.warmup_passes));
  }
  return plan;
}

Json LatencySamples::ToJson() const {
  return Json::MakeObject()
      .Set("load_ns", load_ns)
      .Set("first_run_ns", first_run_ns)
      .Set("warmup_passes", warmup)
      .Set("passes_per_repetition", passes)
      .Set("wall_ns", Json::List(wall_ns))
      .Set("cpu_ns", Json::List(cpu_ns));
}

Result<LatencySamples> LatencySamples::FromJson(const Json& json) {
  LatencySamples samples;
  samples.load_ns = json["load_ns"].AsInt();
  samples.first_run_ns = json["first_run_ns"].AsInt();
  samples.warmup = static_cast<int>(json["warmup_passes"].AsInt());
  samples.passes = static_cast<int>(json["passes_per_repetition"].AsInt());
  for (const Json& wall : json["wall_ns"].AsArray()) samples.wall_ns.push_back(wall.AsInt());
  for (const Json& cpu : json["cpu_ns"].AsArray()) samples.cpu_ns.push_back(cpu.AsInt());
  if (samples.passes < 1 || samples.wall_ns.empty() ||
      samples.wall_ns.size() != samples.cpu_ns.size()) {
    return Error(ErrorCode::kMalformed, "latency samples are empty or do not match");
  }
  return samples;
}

}  // namespace quantbench
