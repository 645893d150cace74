// The server scenario: queries that arrive by themselves.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "quantbench/base/clock.h"
#include "quantbench/base/json.h"
#include "quantbench/base/progress.h"
#include "quantbench/base/status.h"
#include "quantbench/measure/pass.h"

namespace quantbench {

// Times of `queries` Poisson arrivals at a rate of 1: sums of exponential gaps of mean 1; seeded.
[[nodiscard]] std::vector<double> UnitArrivals(std::int64_t queries, std::uint64_t seed);

// The server scenario [MLPerf inference]: queries arrive by themselves at a rate and wait for the
// one before them; the highest rate is looked for at which few are late.
struct ServerPlan {
  std::int64_t target_ns = 0;     // a query that takes longer is late
  std::int64_t queries = 1000;    // of a trial
  std::int64_t allowed_late = 0;  // of them, in a trial that is met: see MostLate
  double precision = 0.02;        // of the rate, relative: where the search ends
  std::uint64_t seed = 1;         // of the arrivals, the same ones for all arms and rates

  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<ServerPlan> FromJson(const Json& json);
};
// A rate that was tried. A trial ends early once more queries are late than may be.
struct RateTrial {
  double rate = 0;                       // queries a second
  bool met = false;                      // no more late than allowed
  std::vector<std::int64_t> latency_ns;  // from the arrival as scheduled to the end of the pass
};
struct ServerSamples {
  std::int64_t load_ns = 0;     // filled by the caller
  std::int64_t service_ns = 0;  // mean of a pass without waiting: 1 / it is the ceiling of rates
  double rate = 0;              // the highest that was met; 0: none
  std::vector<RateTrial> trials;

  [[nodiscard]] Json ToJson() const;
  // kMalformed where a number is negative or not finite.
  [[nodiscard]] static Result<ServerSamples> FromJson(const Json& json);
};
// Serves the queries of one trial, one pass each and one after the other. Latency counts from the
// arrival as scheduled, not from when the pass began: a slow pass is paid for by those behind it
// (no "coordinated omission"). Ends early after plan.allowed_late + 1 late ones.
[[nodiscard]] Result<RateTrial> ServeQueries(const Pass& pass, std::span<const double> arrivals,
                                             double rate, const ServerPlan& plan,
                                             const Clock& clock, const WaitUntil& wait);

// Where the highest rate that is met lies: from a first guess in growing steps until one is met and
// one is not, then by halving the ratio of the two.
class RateSearch {
 public:
  RateSearch(double guess, double ceiling, double precision);
  [[nodiscard]] double rate() const { return rate_; }  // to try next
  void Tell(bool met);
  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] double highest() const { return met_; }  // 0: none down to a twentieth of `ceiling`

 private:
  double ceiling_;
  double precision_;
  double rate_;
  double step_;
  double met_ = 0;
  double missed_ = 0;  // 0: none
  bool done_ = false;
};

// All arms together in one process: each is warmed up, then every round makes one trial of every
// arm whose search goes on, in an order shuffled anew. The first guess comes from a simulated queue
// with the times of passes seen before.
[[nodiscard]] Result<std::vector<ServerSamples>> MeasureServer(const std::vector<Pass>& arms,
                                                               const ServerPlan& plan,
                                                               const Clock& clock,
                                                               const WaitUntil& wait,
                                                               Progress& progress);

}  // namespace quantbench
