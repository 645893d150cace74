// Warming up: runs until their times are steady.
#include "measure/warm_up.h"

#include <algorithm>
#include <cmath>

namespace quantbench {
namespace {

constexpr double kTolerance = 0.01;
constexpr double kDeviations = 2.5;
constexpr std::int64_t kWindowNs = 5'000'000;
constexpr std::int64_t kLeastWindow = 5;
constexpr std::int64_t kMostWindow = 200;
constexpr int kLeastRuns = 3;

double Middle(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double MedianDeviation(const std::vector<double>& values, double median) {
  std::vector<double> deviations;
  deviations.reserve(values.size());
  for (const double value : values) deviations.push_back(std::fabs(value - median));
  return Middle(std::move(deviations));
}

}  // namespace

void SteadyDetector::Add(double ns) {
  runs_.push_back(ns);
  if (runs_.size() < window_) return;
  const double median = Middle(runs_);
  const double spread = MedianDeviation(runs_, median);
  runs_.clear();
  ++windows_;
  if (windows_ > 1 && median > 0 && median_ > 0) {
    const double noise = kDeviations * spread / (median * std::sqrt(static_cast<double>(window_)));
    const bool agree = std::fabs(std::log(median / median_)) <= std::max(kTolerance, noise);
    agreeing_ = agree ? agreeing_ + 1 : 0;
  }
  median_ = median;
}

Result<std::int64_t> WarmUp(const Pass& pass, const LatencyPlan& plan, const Clock& clock,
                            LatencySamples* samples) {
  const std::int64_t start = clock.NowNs();
  QB_OK(pass());
  std::int64_t before = clock.NowNs();
  samples->first_run_ns = before - start;
  QB_OK(pass());
  std::int64_t now = clock.NowNs();
  samples->warmup_runs = 2;
  std::int64_t last = now - before;
  const std::int64_t runs = kWindowNs / std::max<std::int64_t>(1, last);
  SteadyDetector detector(static_cast<std::size_t>(std::clamp(runs, kLeastWindow, kMostWindow)));
  while (
      samples->warmup_runs < kLeastRuns ||
      ((now - start < plan.warmup_ns || !detector.steady()) && now - start < plan.max_warmup_ns)) {
    before = now;
    QB_OK(pass());
    now = clock.NowNs();
    last = now - before;
    detector.Add(static_cast<double>(last));
    ++samples->warmup_runs;
  }
  samples->warmup_ns = now - start;
  samples->warmup_end = detector.steady()   ? WarmUpEnd::kSteady
                        : detector.enough() ? WarmUpEnd::kMoving
                                            : WarmUpEnd::kTooFew;
  const auto typical = static_cast<std::int64_t>(detector.median());
  return std::max<std::int64_t>(1, typical > 0 ? typical : last);
}

}  // namespace quantbench
