// Rows of evaluations: what an arm scores, and what changed against the original.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/analyse/scores.h"
#include "quantbench/analyse/statistics.h"
#include "quantbench/measure.h"
#include "quantbench/results.h"

namespace quantbench {

// Whether an arm is worse than the original by a margin: the whole interval decides.
enum class NotWorse : std::uint8_t { kYes, kNo, kOpen, kUnknown };
[[nodiscard]] std::string_view Name(NotWorse verdict);  // "not worse", "worse", "open", ""

struct ArmScore {
  Score score = Score::kTop1;
  Interval value;
  Interval difference;                      // to the original; of perplexity relative
  double p_value = 0;                       // McNemar's, of kTop1 with a row a sample; else NaN
  NotWorse not_worse = NotWorse::kUnknown;  // by the study's margin
  std::int64_t needed = 0;  // samples that would decide an open one with 80 % power; 0: not known
};

// A class's right rows before and after, where they differ most.
struct ClassChange {
  std::int32_t label = 0;
  std::int64_t rows = 0;
  std::int64_t before = 0;
  std::int64_t after = 0;
  double p_value = 1;  // McNemar's, times the number of classes [Bonferroni]
};

struct ArmAccuracy {
  std::string model;
  std::string arm;
  Outcome outcome = Outcome::kOk;
  std::string reason;
  std::string data;
  bool labelled = false;
  std::int64_t rows = 0;
  std::int64_t correct = 0;
  Interval top1;                 // when labelled
  Interval difference;           // to the original, same samples; when both are there
  Interval agreement;            // with the original
  std::vector<ArmScore> scores;  // the main one first; top1 and difference above are its figures
  std::int64_t samples = 0;
  std::int64_t gained = 0;  // rows that only this arm has right; without labels: that changed
  std::int64_t lost = 0;    // rows that only the original has right
  std::vector<ClassChange> classes;  // at most five, most changed first
  std::vector<BadSample> bad;        // left out
  bool stopped = false;              // ended before the last sample: decided
  double sqnr_db = 0;                // of the output over the data; NaN: not known
  double kl = 0;                     // mean of a row, nats; NaN: not known

  [[nodiscard]] const ArmScore* main() const { return scores.empty() ? nullptr : &scores.front(); }
};

}  // namespace quantbench
