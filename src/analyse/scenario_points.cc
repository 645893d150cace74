// Scenarios point by point: what figures show beside the numbers of tables.
#include <algorithm>
#include <cmath>

#include "analyse/scenario_parts.h"

namespace quantbench {
namespace {

constexpr std::size_t kMostStretches = 60;
constexpr std::size_t kLapsOfStretch = 8;
constexpr double kMostPerSecond = 1e12;  // samples or queries: records may say anything
constexpr double kOutside = 0.05;        // of laps, on each side of what a stretch spans

// Of the slowest queries as many are passed over as may be late: what decides a trial.
double DecidingMs(std::vector<std::int64_t> latency_ns, std::int64_t allowed_late) {
  const auto at = latency_ns.end() - 1 - allowed_late;
  std::nth_element(latency_ns.begin(), at, latency_ns.end());
  return static_cast<double>(*at) * 1e-6;
}

// `pass_ms`: of its laps, not empty.
void Spread(std::vector<double> pass_ms, CoursePart* stretch) {
  std::sort(pass_ms.begin(), pass_ms.end());
  const double last = static_cast<double>(pass_ms.size()) - 1;
  stretch->low_ms = pass_ms[static_cast<std::size_t>(std::floor(last * kOutside))];
  stretch->high_ms = pass_ms[static_cast<std::size_t>(std::ceil(last * (1 - kOutside)))];
}

}  // namespace

std::vector<BatchTried> BatchesTried(const Record& record, std::string_view arm) {
  std::vector<BatchTried> batches;
  for (const Json& tried : record.results["tried"].AsArray()) {
    if (tried["arm"].AsString() != arm) continue;
    for (const Json& point : tried["tried"].AsArray()) {
      batches.push_back({point["batch"].AsInt(), point["samples_per_s"].AsDouble()});
      const BatchTried& last = batches.back();
      const bool possible =
          last.batch >= 1 && last.samples_per_s > 0 && last.samples_per_s < kMostPerSecond;
      if (!possible) batches.pop_back();
    }
  }
  std::stable_sort(batches.begin(), batches.end(),
                   [](const BatchTried& a, const BatchTried& b) { return a.batch < b.batch; });
  return batches;
}

std::vector<RateTried> RatesTried(std::span<const ServerSamples> processes,
                                  std::int64_t allowed_late) {
  std::vector<RateTried> rates;
  for (const ServerSamples& process : processes) {
    for (const RateTrial& trial : process.trials) {
      const bool possible = allowed_late >= 0 && trial.rate < kMostPerSecond;
      if (!possible || std::ssize(trial.latency_ns) <= allowed_late) continue;
      rates.push_back({trial.rate, trial.met, DecidingMs(trial.latency_ns, allowed_late)});
    }
  }
  std::stable_sort(rates.begin(), rates.end(),
                   [](const RateTried& a, const RateTried& b) { return a.rate < b.rate; });
  return rates;
}

std::vector<CoursePart> CourseOf(std::span<const SustainedLap> laps,
                                 std::span<const SustainedLap> original) {
  if (laps.empty() || original.empty()) return {};
  const std::size_t count =
      std::clamp<std::size_t>(original.size() / kLapsOfStretch, 1, kMostStretches);
  const double end =
      static_cast<double>(std::max(laps.back().start_ns, original.back().start_ns)) + 1;
  const double length = end / static_cast<double>(count);
  std::vector<std::vector<double>> pass_ms(count);
  std::vector<double> wall_ns(count, 0);
  std::vector<double> runs(count, 0);
  for (const SustainedLap& lap : laps) {
    const double place = static_cast<double>(lap.start_ns) / length;
    const auto at = static_cast<std::size_t>(std::min(place, static_cast<double>(count - 1)));
    const auto wall = static_cast<double>(lap.wall_ns);
    wall_ns[at] += wall;
    runs[at] += static_cast<double>(lap.runs);
    pass_ms[at].push_back(wall / static_cast<double>(lap.runs) * 1e-6);
  }
  std::vector<CoursePart> course;
  for (std::size_t i = 0; i < count; ++i) {
    if (pass_ms[i].empty()) continue;
    CoursePart stretch;
    stretch.from_s = static_cast<double>(i) * length * 1e-9;
    stretch.to_s = static_cast<double>(i + 1) * length * 1e-9;
    stretch.ms = wall_ns[i] / runs[i] * 1e-6;
    Spread(std::move(pass_ms[i]), &stretch);
    course.push_back(stretch);
  }
  return course;
}

}  // namespace quantbench
