// Rows of scenarios: other ways in which a model is used.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "quantbench/analyse/latency.h"
#include "quantbench/analyse/statistics.h"
#include "quantbench/measure.h"
#include "quantbench/results.h"

namespace quantbench {

// Mean milliseconds of a pass from file to answer.
struct PartTimes {
  double load = 0;        // files read and decoded
  double preprocess = 0;  // until the batch is what the model takes
  double copy = 0;        // into the engine's memory, and answers out of it
  double run = 0;         // the forward pass

  [[nodiscard]] double total() const { return load + preprocess + copy + run; }
};

// What an arm did on the way to its figure.
struct BatchTried {  // offline, in the trial that chooses the batch
  std::int64_t batch = 1;
  double samples_per_s = 0;
};
struct RateTried {    // server, in one of the processes
  double rate = 0;    // queries a second
  bool met = false;   // the target
  double p99_ms = 0;  // 99 % take at most that long, with 95 % confidence; of a missed one, which
                      // ended early, the least that it can be
};
struct CoursePart {  // sustained, one of equal parts of the whole time
  double from_s = 0;
  double to_s = 0;
  double ms = 0;      // mean of a pass
  double low_ms = 0;  // of nine laps in ten the mean of a pass lies between these
  double high_ms = 0;
};

// An arm in a scenario; only the fields of that scenario say something.
struct ScenarioArm {
  std::string arm;
  Outcome outcome = Outcome::kOk;
  std::string reason;
  std::int64_t processes = 0;
  // Samples a second (offline), queries a second (server, lowest to highest of the processes'
  // interval); mean time of a pass from file to answer, or over all laps (sustained), in ms;
  // joules.
  Interval value;
  double doubt = 0;  // offline, end to end: relative half-width of the 95 % interval of `value`
  Interval better;   // than the original: times the throughput, the rate, or the speed
  std::int64_t batch = 1;   // offline: its own
  double service_ms = 0;    // server: a pass without waiting
  double p99_ms = 0;        // server: at the highest rate that was met, median over processes
  std::int64_t trials = 0;  // server: rates tried
  PartTimes parts;          // end to end
  Interval run_faster;      // end to end: than the original's, the forward pass alone
  double first_ms = 0;      // sustained: mean of a pass in the first window and in the last
  double last_ms = 0;
  Interval slowdown;      // sustained: last over first
  Interval better_first;  // sustained: times faster than the original in the first window
  Interval better_last;   // and in the last
  // Energy: `value` is the joules of an inference, gross, and `better` how many times fewer they
  // are; these are net of what idling takes.
  Interval net;
  Interval better_net;
  double watts = 0;     // energy: while it ran, gross
  double carbon_g = 0;  // energy: CO2-equivalent of a million inferences, gross; NaN: not stated
  std::vector<BatchTried> batches;  // by rising batch
  std::vector<RateTried> rates;     // by rising rate, all processes
  std::vector<CoursePart> course;   // in order; those without laps left out
};

struct ScenarioResult {
  CellResult cell;                // without arms; its control and resolution are of `better`
  std::vector<ScenarioArm> arms;  // study order, original first
  double target_ms = 0;           // server
  std::int64_t queries = 0;       // server: of a trial
  double window_s = 0;            // sustained: what "first" and "last" are
  double duration_s = 0;          // sustained
  std::string source;             // energy: "rapl, counter: the processor package"
  double idle_watts = 0;          // energy: mean over idle blocks
};

// Sustained: the first window of a measurement against its last: 60 s, or a third of the whole.
// Both are cut into blocks of equal time; a block's value is the mean logarithm of its laps' time a
// pass, and blocks are what is repeated. Pairs of arms are compared block by block.
struct SustainedChange {
  double window_s = 0;
  double first_ms = 0;
  double last_ms = 0;
  Interval slowdown;  // last over first, Welch's interval over blocks, wider where they are alike
  Interval ratio_first;  // to the original, in the first window, Student's t over blocks
  Interval ratio_last;
};
[[nodiscard]] SustainedChange ChangeOf(std::span<const SustainedLap> arm,
                                       std::span<const SustainedLap> original);

}  // namespace quantbench
