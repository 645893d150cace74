// The server scenario: queries that arrive by themselves, and the highest rate that is met.
#include <algorithm>
#include <cmath>
#include <ctime>
#include <numeric>

#include "quantbench/base/random.h"
#include "quantbench/measure.h"

#include "measure/warm_up.h"

namespace quantbench {
namespace {

constexpr std::int64_t kSpinNs = 200'000;
constexpr std::size_t kLeastServices = 5;
constexpr std::int64_t kServicesNs = 1'000'000'000;  // longer than other processes' time slices
constexpr double kFirstStep = 1.1;
constexpr double kFloor = 0.05;  // of the ceiling: lower rates are not tried
constexpr int kHalvings = 20;

// How many queries a single server would finish late that takes the services in turn
// [Lindley 1952].
std::int64_t SimulatedLate(std::span<const double> arrivals, std::span<const double> services,
                           double rate, double target_s) {
  std::int64_t late = 0;
  double free = 0;
  for (std::size_t i = 0; i < arrivals.size(); ++i) {
    const double arrival = arrivals[i] / rate;
    free = std::max(free, arrival) + services[i % services.size()];
    late += free - arrival > target_s ? 1 : 0;
  }
  return late;
}

// The highest rate below `ceiling` that such a server would meet, roughly; at least its twentieth.
double SimulatedRate(std::span<const double> arrivals, std::span<const double> services,
                     double ceiling, const ServerPlan& plan) {
  const double target_s = static_cast<double>(plan.target_ns) * 1e-9;
  double met = kFloor * ceiling;
  double missed = ceiling;
  for (int i = 0; i < kHalvings; ++i) {
    const double rate = (met + missed) / 2;
    const bool ok = SimulatedLate(arrivals, services, rate, target_s) <= plan.allowed_late;
    (ok ? met : missed) = rate;
  }
  return met;
}

// Passes without waiting, in seconds each.
Result<std::vector<double>> ServiceTimes(const Pass& pass, const Clock& clock) {
  LatencySamples warmed;
  QB_OK(WarmUp(pass, {}, clock, &warmed));
  std::vector<double> services;
  const std::int64_t start = clock.NowNs();
  std::int64_t last = start;
  while (services.size() < kLeastServices || last - start < kServicesNs) {
    QB_OK(pass());
    const std::int64_t now = clock.NowNs();
    services.push_back(std::max(1e-9, static_cast<double>(now - last) * 1e-9));
    last = now;
  }
  return services;
}

// One arm and where its search stands.
struct ServerArm {
  ServerSamples samples;
  RateSearch search;
};

Result<ServerArm> Prepare(const Pass& pass, std::span<const double> arrivals,
                          const ServerPlan& plan, const Clock& clock) {
  QB_TRY(const std::vector<double> services, ServiceTimes(pass, clock));
  const double mean =
      std::accumulate(services.begin(), services.end(), 0.0) / static_cast<double>(services.size());
  ServerArm arm{
      {}, RateSearch(SimulatedRate(arrivals, services, 1 / mean, plan), 1 / mean, plan.precision)};
  arm.samples.service_ns = std::llround(mean * 1e9);
  return arm;
}

}  // namespace

void SystemWait(std::int64_t ns) {
  const std::int64_t wake = ns - kSpinNs;
  if (SystemClock().NowNs() < wake) {
    const timespec until{wake / 1'000'000'000, wake % 1'000'000'000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
  }
  while (SystemClock().NowNs() < ns) {
  }
}

std::vector<double> UnitArrivals(std::int64_t queries, std::uint64_t seed) {
  Random random(seed);
  std::vector<double> arrivals;
  double time = 0;
  for (std::int64_t i = 0; i < queries; ++i) {
    time -= std::log1p(-random.Uniform());
    arrivals.push_back(time);
  }
  return arrivals;
}

Result<RateTrial> ServeQueries(const Pass& pass, std::span<const double> arrivals, double rate,
                               const ServerPlan& plan, const Clock& clock, const WaitUntil& wait) {
  RateTrial trial;
  trial.rate = rate;
  trial.latency_ns.reserve(arrivals.size());
  const std::int64_t begin = clock.NowNs();
  std::int64_t late = 0;
  for (const double unit : arrivals) {
    const std::int64_t arrival = begin + std::llround(unit / rate * 1e9);
    if (clock.NowNs() < arrival) wait(arrival);
    QB_OK(pass());
    trial.latency_ns.push_back(clock.NowNs() - arrival);
    late += trial.latency_ns.back() > plan.target_ns ? 1 : 0;
    if (late > plan.allowed_late) return trial;
  }
  trial.met = true;
  return trial;
}

RateSearch::RateSearch(double guess, double ceiling, double precision)
    : ceiling_(ceiling),
      precision_(precision),
      rate_(std::clamp(guess, kFloor * ceiling, ceiling)),
      step_(kFirstStep) {}

void RateSearch::Tell(bool met) {
  (met ? met_ : missed_) = rate_;
  if (met_ > 0 && missed_ > 0) {
    done_ = missed_ <= met_ * (1 + precision_);
    rate_ = std::sqrt(met_ * missed_);
    return;
  }
  done_ = met ? rate_ >= ceiling_ : rate_ <= kFloor * ceiling_;
  rate_ = std::clamp(met ? rate_ * step_ : rate_ / step_, kFloor * ceiling_, ceiling_);
  step_ *= step_;
}

Result<std::vector<ServerSamples>> MeasureServer(const std::vector<Pass>& arms,
                                                 const ServerPlan& plan, const Clock& clock,
                                                 const WaitUntil& wait, Progress& progress) {
  const std::vector<double> arrivals = UnitArrivals(plan.queries, plan.seed);
  std::vector<ServerArm> state;
  for (const Pass& pass : arms) {
    QB_TRY(ServerArm arm, Prepare(pass, arrivals, plan, clock));
    state.push_back(std::move(arm));
  }
  const auto open = [](const ServerArm& arm) { return !arm.search.done(); };
  for (std::uint64_t round = 0; std::any_of(state.begin(), state.end(), open); ++round) {
    const auto order = OrderRounds(arms.size(), 1, plan.seed + round);
    for (const std::size_t i : order.front()) {
      ServerArm& arm = state[i];
      if (arm.search.done()) continue;
      QB_TRY(RateTrial trial,
             ServeQueries(arms[i], arrivals, arm.search.rate(), plan, clock, wait));
      arm.search.Tell(trial.met);
      arm.samples.trials.push_back(std::move(trial));
    }
    progress.Update("serving queries, rates tried", static_cast<std::int64_t>(round) + 1, 0);
  }
  std::vector<ServerSamples> samples;
  for (ServerArm& arm : state) {
    arm.samples.rate = arm.search.highest();
    samples.push_back(std::move(arm.samples));
  }
  return samples;
}

}  // namespace quantbench
