// Deciding: regions and directions.
#include "analyse/decide.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

constexpr double kManyRepetitions = 1e4;  // degrees of freedom where samples, not processes, repeat
constexpr double kTooMany = 1000;         // processes; times as many samples

double FreedomOf(const Evidence& evidence) {
  return evidence.repeated > 1 ? static_cast<double>(evidence.repeated - 1) : kManyRepetitions;
}

// Two-sided p-value of a distance from a border, by the test that belongs to the interval.
double PValue(double distance, const Evidence& evidence) {
  const double half = HalfOf(evidence);
  if (half == 0) return 0;
  const double freedom = FreedomOf(evidence);
  return StudentTail(distance / half * StudentT(0.975, freedom), freedom);
}

// In words, how much a ratio differs from 1: ", 6 % more, a small effect".
std::string EffectOf(const Wording& words, double ratio) {
  if (!words.compares || !(ratio > 0) || !std::isfinite(ratio)) return "";
  constexpr auto kWords = std::to_array<std::pair<double, std::string_view>>(
      {{0.03, "negligible"}, {0.10, "small"}, {0.30, "medium"}, {INFINITY, "large"}});
  const double effect = std::fabs(std::log(ratio));
  const auto* word = std::find_if(kWords.begin(), kWords.end(), [&](const auto& entry) {
    return effect < std::log1p(entry.first);
  });
  const double percent = 100 * std::fabs(ratio - 1);
  const std::string number = percent < 10 ? Format("{:.2g}", percent) : Format("{:.0f}", percent);
  const std::string share =
      ratio >= 2 ? "" : Format(", {} % {}", number, ratio < 1 ? "less" : "more");
  return Format("{}, a {} effect", share, word->second);
}

bool IsInside(double value, const Expectation& expect) {
  return value >= expect.low && value <= expect.high;
}

// From the estimate to the nearest border of the region, on the scale on which halves are told;
// infinity where it has none.
double ToBorder(const Expectation& expect, const Evidence& evidence) {
  double nearest = INFINITY;
  for (const double border : {expect.low, expect.high}) {
    if (!std::isfinite(border) || (evidence.is_ratio && border <= 0)) continue;
    nearest = std::min(nearest, std::fabs(PlaceOf(evidence.value.estimate, evidence.is_ratio) -
                                          PlaceOf(border, evidence.is_ratio)));
  }
  return nearest;
}

// What would decide an open verdict: an interval shrinks with the root of what is repeated.
std::string WhatItTakes(double distance, double resolution, const Evidence& evidence) {
  const double times = std::pow(HalfOf(evidence) / distance, 2);
  if (evidence.is_ratio && distance < std::log1p(resolution)) {
    return Format("it is closer to the border than this device resolves ({:.2g} %)",
                  100 * resolution);
  }
  const bool processes = evidence.repeated > 1;
  if (!(times <= kTooMany)) {
    return Format("it is so close to the border that more {} would not decide",
                  processes ? "processes" : "samples");
  }
  if (!processes) {
    return Format("about {:.1f} times as many samples would decide", std::max(1.1, times));
  }
  const double more = std::ceil(static_cast<double>(evidence.repeated) * (times - 1));
  if (!(more <= kTooMany))
    return "it is so close to the border that more processes would not decide";
  return Format("about {:.0f} more processes would decide", std::max(1.0, more));
}

// `said`: what was measured, in words.
bool LacksInterval(const Evidence& evidence, const std::string& said, Verdict* verdict) {
  if (evidence.exact || evidence.value.valid()) return false;
  verdict->judgement = Judgement::kInconclusive;
  verdict->explanation = Format("{}, without an interval: measured in one process only", said);
  return true;
}

bool IsMissing(const Evidence& evidence, const Wording& words, Verdict* verdict) {
  if (!std::isnan(evidence.value.estimate)) return false;
  verdict->judgement = Judgement::kNotJudged;
  verdict->explanation =
      evidence.remark.empty() ? Format("{} was not measured", words.subject) : evidence.remark;
  return true;
}

// One step as seen by a claim: positive where it goes that way.
struct Sense {
  double change = 0;
  double half = 0;
};

Sense SenseOf(Claim claim, const Evidence& change) {
  const double sign = claim == Claim::kIncreases ? 1 : -1;
  return {sign * PlaceOf(change.value.estimate, change.is_ratio), HalfOf(change)};
}

double WidenedFor(std::size_t steps, const Evidence& change) {
  const double freedom = FreedomOf(change);
  return StudentT(1 - 0.025 / static_cast<double>(steps), freedom) / StudentT(0.975, freedom);
}

// ", which the whole interval satisfies": how far a region holds what was measured.
std::string HowFar(const Evidence& evidence, bool all, bool none) {
  if (evidence.exact) return all ? "which it satisfies" : "which it does not satisfy";
  return Format("which {} interval satisfies", all    ? "the whole"
                                               : none ? "no part of the"
                                                      : "only a part of the");
}

// "from batch 1 to 2, where it goes from 0.5 to 0.55, 1.1 times as much (95 % interval ...)".
std::string StepText(const ClaimStep& step, const Wording& words) {
  std::string text = Format("{}, where it ", step.where);
  const bool both = std::isfinite(step.before) && std::isfinite(step.after);
  if (both) text += Format("goes from {:.4g} to {:.4g}{}, ", step.before, step.after, words.unit);
  if (step.change.is_ratio) {
    return Format("{}{}{}", text, both ? "" : "is ",
                  ShowValue(step.change.value, " times as much"));
  }
  return Format("{}{}{}", text, both ? "a change of " : "changes by ",
                ShowValue(step.change.value, words.unit));
}

}  // namespace

void DecideRegion(const Expectation& expect, const Evidence& evidence, double resolution,
                  const Wording& words, Verdict* verdict) {
  verdict->value = evidence.value;
  const std::string said =
      Format("{}{}{}", words.subject, words.relation, ShowValue(evidence.value, words.unit));
  if (IsMissing(evidence, words, verdict) || LacksInterval(evidence, said, verdict)) return;
  const Interval value = evidence.exact ? Interval{evidence.value.estimate, evidence.value.estimate,
                                                   evidence.value.estimate}
                                        : evidence.value;
  const bool all = IsInside(value.low, expect) && IsInside(value.high, expect);
  const bool none = value.high < expect.low || value.low > expect.high;
  const double distance = ToBorder(expect, evidence);
  verdict->judgement = all    ? Judgement::kSupported
                       : none ? Judgement::kRefuted
                              : Judgement::kInconclusive;
  verdict->explanation =
      Format("{}{}{}; expected was {}, {}", said, EffectOf(words, evidence.value.estimate),
             evidence.remark.empty() ? "" : ", " + evidence.remark, expect.text,
             HowFar(evidence, all, none));
  const bool decided = all || none;
  verdict->p = decided ? PValue(distance, evidence) : 1;
  if (!decided) verdict->explanation += ": " + WhatItTakes(distance, resolution, evidence);
}

void DecideDirection(Claim claim, std::span<const ClaimStep> steps, const Wording& words,
                     Verdict* verdict) {
  if (steps.empty()) {
    verdict->explanation = "there are fewer than two places to compare";
    return;
  }
  const ClaimStep* weakest = &steps.front();
  double least = INFINITY;
  bool all = true;
  double worst_p = 0;
  double best_p = 1;
  for (const ClaimStep& step : steps) {
    const std::string said = Format("{} {}", words.subject, StepText(step, words));
    if (IsMissing(step.change, words, verdict) || LacksInterval(step.change, said, verdict)) return;
    const Sense sense = SenseOf(claim, step.change);
    const double p = PValue(std::fabs(sense.change), step.change);
    all = all && sense.change - sense.half > 0;
    worst_p = std::max(worst_p, p);
    if (sense.change - sense.half >= least) continue;
    least = sense.change - sense.half;
    weakest = &step;
    best_p = std::min(1.0, p * static_cast<double>(steps.size()));
  }
  const Sense sense = SenseOf(claim, weakest->change);
  const bool against = sense.change + sense.half * WidenedFor(steps.size(), weakest->change) < 0 ||
                       (weakest->change.exact && sense.change <= 0);
  verdict->value = weakest->change.value;
  verdict->judgement = all       ? Judgement::kSupported
                       : against ? Judgement::kRefuted
                                 : Judgement::kInconclusive;
  verdict->p = all ? worst_p : against ? best_p : 1;
  const std::string_view way = claim == Claim::kIncreases ? "increase" : "decrease";
  const std::string change = StepText(*weakest, words);
  if (all) {
    verdict->explanation =
        Format("{} {}s at every step, least of all {}", words.subject, way, change);
  } else if (against) {
    verdict->explanation =
        Format("{} does not {} at every step: not {}", words.subject, way, change);
  } else {
    verdict->explanation =
        Format("whether {} {}s at every step is open {}: {}", words.subject, way, change,
               WhatItTakes(std::fabs(sense.change), kNaN, weakest->change));
  }
}

}  // namespace quantbench
