// Verdicts on hypotheses, and findings.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/analyse/statistics.h"
#include "quantbench/study.h"

namespace quantbench {

enum class Judgement : std::uint8_t { kSupported, kRefuted, kInconclusive, kNotJudged };
[[nodiscard]] std::string_view Name(Judgement judgement);

// A hypothesis at one place where it is claimed.
struct Verdict {
  std::string hypothesis;
  std::string model;  // empty: over several
  std::string where;  // "batch 1, 1 thread"; empty when the metric has no cells
  Judgement judgement = Judgement::kNotJudged;
  Interval value;
  std::string explanation;  // one sentence, with the value
  double p = 1;  // two-sided, of a border of the claim; 0 where the value is known; 1 while open
};

// A hypothesis over all its places: supported when it is everywhere, refuted when it is refuted
// somewhere (the places are named), not judged when nothing could be, else inconclusive.
struct HypothesisResult {
  Hypothesis hypothesis;
  Judgement judgement = Judgement::kNotJudged;
  std::string explanation;
  std::vector<Verdict> verdicts;
  bool written_before = true;  // frozen before the first measurement
  // Of the verdicts: the largest where it is supported everywhere, the smallest times their number
  // where it is refuted somewhere; 0 where all values are known.
  double p = 1;
};

// How well confidence that was stated before fits the verdicts: the mean squared distance of each
// from 1 (supported) or 0 (refuted) [Brier 1950]. 0 is perfect, 0.25 what saying 50 % always gets.
struct ConfidenceScore {
  std::int64_t judged = 0;  // supported or refuted, with a confidence
  std::int64_t supported = 0;
  double mean_confidence = 0;
  double brier = 0;
};
[[nodiscard]] ConfidenceScore ScoreOfConfidence(const std::vector<HypothesisResult>& results);

// Something a reader should know: "resnet18 int8-dynamic is not smaller: 20 of 21 layers stayed
// float: ...".
struct Finding {
  enum class Level : std::uint8_t { kNote, kWarning };
  Level level = Level::kNote;
  std::string text;
};

}  // namespace quantbench
