// Ratios of latencies: one log-ratio a process, an interval over processes, and when to stop.
#include <algorithm>
#include <array>
#include <cmath>

#include "quantbench/analyse.h"
#include "quantbench/base/format.h"

#include "analyse/unknown.h"

namespace quantbench {
namespace {

constexpr std::array<std::string_view, 2> kTimebases = {"wall", "CPU"};
constexpr double kAlike = 0.3;  // lag-1 correlation of neighbouring processes
constexpr std::size_t kEnoughForLag = 8;
constexpr int kLeastRounds = 4;
constexpr int kMostRounds = 40;
constexpr std::int64_t kProcessNs =
    3'000'000'000;  // rounds of one process are meant to fit in here

double ValueOf(const Lap& lap, LapValue value) {
  const auto runs = static_cast<double>(lap.run_ns.size());
  switch (value) {
    case LapValue::kWallMean: return static_cast<double>(lap.wall_ns()) / runs;
    case LapValue::kCpu: return static_cast<double>(lap.cpu_ns) / runs;
    case LapValue::kWallMedian: break;
  }
  return Summarise(std::vector<double>(lap.run_ns.begin(), lap.run_ns.end())).median;
}

// ln(arm / original), round by round. Rounds in which a clock stood still are left out.
std::vector<double> RoundLogs(const LatencySamples& arm, const LatencySamples& original,
                              LapValue value) {
  std::vector<double> logs;
  for (std::size_t i = 0; i < std::min(arm.laps.size(), original.laps.size()); ++i) {
    const double log = std::log(ValueOf(arm.laps[i], value) / ValueOf(original.laps[i], value));
    if (std::isfinite(log)) logs.push_back(log);
  }
  return logs;
}

double LagOne(std::span<const double> values, double mean) {
  double products = 0;
  double squares = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    squares += (values[i] - mean) * (values[i] - mean);
    if (i > 0) products += (values[i] - mean) * (values[i - 1] - mean);
  }
  return squares > 0 ? products / squares : 0;
}

// Neighbours made one; a last one left over joins the last pair.
std::vector<double> Merged(std::span<const double> values) {
  std::vector<double> merged;
  for (std::size_t i = 0; i + 1 < values.size(); i += 2) {
    if (i + 3 == values.size()) {
      merged.push_back((values[i] + values[i + 1] + values[i + 2]) / 3);
    } else {
      merged.push_back((values[i] + values[i + 1]) / 2);
    }
  }
  return merged;
}

// Relative half-width of a ratio's interval; infinity where there is none.
double HalfWidth(const Interval& ratio) {
  return ratio.valid() ? std::log(ratio.high / ratio.low) / 2 : INFINITY;
}

// The samples of one arm over processes.
std::vector<LatencySamples> ArmOf(std::span<const MeasuredProcess> done, std::size_t arm) {
  std::vector<LatencySamples> samples;
  for (const MeasuredProcess& process : done) samples.push_back(process.arms[arm]);
  return samples;
}

struct Costs {
  double process_ns = 0;  // beside its rounds
  double round_ns = 0;
};

Costs CostsOf(std::span<const MeasuredProcess> done) {
  Costs costs;
  double rounds = 0;
  double rounds_ns = 0;
  for (const MeasuredProcess& process : done) {
    rounds += static_cast<double>(process.arms.front().laps.size());
    rounds_ns += static_cast<double>(process.rounds_ns);
    costs.process_ns += static_cast<double>(process.total_ns - process.rounds_ns);
  }
  costs.process_ns = std::max(1.0, costs.process_ns / static_cast<double>(done.size()));
  costs.round_ns = std::max(1.0, rounds_ns / std::max(1.0, rounds));
  return costs;
}

// The rounds for which a process's and a round's share of the variance cost the same.
double BestRounds(std::span<const LatencySamples> arm, std::span<const LatencySamples> original,
                  LapValue value, const Costs& costs) {
  double within = 0;
  double rounds = 0;
  std::vector<double> means;
  for (std::size_t i = 0; i < arm.size(); ++i) {
    const Summary logs = Summarise(RoundLogs(arm[i], original[i], value));
    if (logs.n < 2) continue;
    within += logs.stddev * logs.stddev;
    rounds += static_cast<double>(logs.n);
    means.push_back(logs.mean);
  }
  if (means.size() < 2) return kLeastRounds;
  const auto processes = static_cast<double>(means.size());
  within /= processes;
  const double spread = Summarise(means).stddev;
  const double between = spread * spread - within / (rounds / processes);
  if (between <= 0) return kMostRounds;
  return std::sqrt(costs.process_ns / costs.round_ns * within / between);
}

std::int64_t RunsOf(const LatencySamples& samples) {
  std::int64_t runs = 0;
  for (const Lap& lap : samples.laps) runs += static_cast<std::int64_t>(lap.run_ns.size());
  return runs;
}

std::int64_t LeastRuns(std::span<const MeasuredProcess> done) {
  std::int64_t least = INT64_MAX;
  for (std::size_t arm = 0; arm < done.front().arms.size(); ++arm) {
    std::int64_t runs = 0;
    for (const MeasuredProcess& process : done) runs += RunsOf(process.arms[arm]);
    least = std::min(least, runs);
  }
  return least;
}

// What the ratios measured so far say: the widest interval, and the rounds it asks for.
struct Precision {
  double half_width = 0;
  double rounds = kLeastRounds;
};

Precision PrecisionOf(const LatencyPlan& plan, const Cell& cell,
                      std::span<const MeasuredProcess> done) {
  const std::vector<LatencySamples> original = ArmOf(done, 0);
  const bool contended = ContentionOf(original, cell) > kContended && cell.threads == 1;
  const LapValue value = contended ? LapValue::kCpu : LapValue::kWallMean;
  const Costs costs = CostsOf(done);
  Precision precision;
  for (std::size_t arm = 1; arm < done.front().arms.size(); ++arm) {
    const std::vector<LatencySamples> other = ArmOf(done, arm);
    const double half =
        HalfWidth(RatioFromLogs(LogRatios(other, original, value), WideningOf(plan)));
    if (half < precision.half_width) continue;
    precision = {half, BestRounds(other, original, value, costs)};
  }
  return precision;
}

}  // namespace

std::string_view Name(Timebase timebase) {
  return kTimebases[static_cast<std::size_t>(timebase)];
}

std::vector<double> LogRatios(std::span<const LatencySamples> arm,
                              std::span<const LatencySamples> original, LapValue value) {
  std::vector<double> logs;
  for (std::size_t i = 0; i < std::min(arm.size(), original.size()); ++i) {
    const Summary rounds = Summarise(RoundLogs(arm[i], original[i], value));
    if (rounds.n > 0) logs.push_back(rounds.mean);
  }
  return logs;
}

Interval RatioFromLogs(std::span<const double> log_ratios, double widening) {
  Summary summary = Summarise(log_ratios);
  if (summary.n < 1) return kUnknown;
  const double estimate = std::exp(summary.mean);
  if (summary.n < 2) return {estimate, kNaN, kNaN};
  const double significant = 1.645 / std::sqrt(static_cast<double>(summary.n));
  if (log_ratios.size() >= kEnoughForLag &&
      LagOne(log_ratios, summary.mean) > std::max(kAlike, significant)) {
    const double mean = summary.mean;
    summary = Summarise(Merged(log_ratios));
    summary.mean = mean;
  }
  const double n = static_cast<double>(summary.n);
  const double half = widening * StudentT(0.975, n - 1) * summary.stddev / std::sqrt(n);
  return {estimate, std::exp(summary.mean - half), std::exp(summary.mean + half)};
}

double WideningOf(const LatencyPlan& plan) {
  return plan.max_processes > plan.processes ? kWideningOfStopped : 1;
}

double ContentionOf(std::span<const LatencySamples> samples, const Cell& cell) {
  double wall = 0;
  double cpu = 0;
  double waited = 0;
  for (const LatencySamples& process : samples) {
    for (const Lap& lap : process.laps) {
      wall += static_cast<double>(lap.wall_ns());
      cpu += static_cast<double>(lap.cpu_ns);
      waited += static_cast<double>(lap.waited_ns);
    }
  }
  if (cpu <= 0) return 1;
  const bool reads = cell.include_data_loading || cell.scenario == Scenario::kEndToEnd;
  const bool only_computes = cell.threads == 1 && !reads;
  return std::max(1.0, only_computes ? wall / cpu : 1 + waited / cpu);
}

NextStep NextProcess(const LatencyPlan& plan, const Cell& cell,
                     std::span<const MeasuredProcess> done) {
  NextStep next;
  next.rounds = std::max(plan.rounds, 1);
  if (done.empty()) return next;
  const auto count = static_cast<std::int64_t>(done.size());
  std::int64_t elapsed = 0;
  for (const MeasuredProcess& process : done) elapsed += process.total_ns;
  const Costs costs = CostsOf(done);
  const bool may_grow = plan.max_processes > plan.processes;
  const Precision precision = PrecisionOf(plan, cell, done);
  next.half_width = precision.half_width;
  const auto stop = [&](std::string reason) {
    next.stop = true;
    next.reason = std::move(reason);
    return next;
  };
  if (count >= std::max(plan.processes, plan.max_processes)) {
    return stop(may_grow ? "the most processes were made" : "as many processes as asked for");
  }
  if (count >= plan.processes && may_grow && LeastRuns(done) >= plan.repetitions &&
      precision.half_width <= plan.precision) {
    return stop(Format("the intervals are within {:.2g} %", plan.precision * 100));
  }
  if (may_grow && count >= plan.processes) {
    const double fits = (static_cast<double>(kProcessNs) - costs.process_ns) / costs.round_ns;
    const double rounds = std::min(precision.rounds, std::max(fits, double{kLeastRounds}));
    next.rounds = std::clamp(static_cast<int>(std::lround(rounds)), next.rounds, kMostRounds);
  }
  const double next_ns = costs.process_ns + costs.round_ns * next.rounds;
  const bool out_of_time =
      static_cast<double>(elapsed) + next_ns > static_cast<double>(plan.budget_ns);
  const std::int64_t least = std::min(kLeastProcesses, plan.processes);
  if (out_of_time && count >= least && LeastRuns(done) >= plan.repetitions) {
    return stop(
        Format("the time of {:.3g} s was used up", static_cast<double>(plan.budget_ns) * 1e-9));
  }
  return next;
}

}  // namespace quantbench
