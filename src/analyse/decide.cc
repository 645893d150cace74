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

std::string ShowInterval(const Interval& value) {
  if (!value.valid()) return Format("{:.4g}", value.estimate);
  return Format("{:.4g} [{:.4g}, {:.4g}]", value.estimate, value.low, value.high);
}

// In words, how much a ratio differs from 1.
std::string EffectOf(const Evidence& evidence) {
  if (!evidence.is_ratio || !(evidence.value.estimate > 0)) return "";
  constexpr auto kWords = std::to_array<std::pair<double, std::string_view>>(
      {{0.03, "negligible"}, {0.10, "small"}, {0.30, "medium"}});
  const double effect = std::fabs(std::log(evidence.value.estimate));
  for (const auto& [below, word] : kWords) {
    if (effect < std::log1p(below)) return Format(", a {} effect", word);
  }
  return ", a large effect";
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
  constexpr std::string_view kReaches = "; the interval reaches over the border: ";
  const double times = std::pow(HalfOf(evidence) / distance, 2);
  if (evidence.is_ratio && distance < std::log1p(resolution)) {
    return Format("{}closer to it than this device resolves ({:.2g} %)", kReaches,
                  100 * resolution);
  }
  if (evidence.repeated > 1) {
    const double more = std::ceil(static_cast<double>(evidence.repeated) * (times - 1));
    if (!(more <= kTooMany)) {
      return Format("{}so close to it that more processes would not decide", kReaches);
    }
    return Format("{}about {:.0f} more processes would decide", kReaches, std::max(1.0, more));
  }
  if (!(times <= kTooMany)) {
    return Format("{}so close to it that more samples would not decide", kReaches);
  }
  return Format("{}about {:.1f} times as many samples would decide", kReaches,
                std::max(1.1, times));
}

bool LacksInterval(const Evidence& evidence, Verdict* verdict) {
  if (evidence.exact || evidence.value.valid()) return false;
  verdict->judgement = Judgement::kInconclusive;
  verdict->explanation =
      Format("{} without an interval: measured in one process only", ShowInterval(evidence.value));
  return true;
}

bool IsMissing(const Evidence& evidence, Verdict* verdict) {
  if (!std::isnan(evidence.value.estimate)) return false;
  verdict->judgement = Judgement::kNotJudged;
  verdict->explanation = evidence.remark.empty() ? "was not measured" : evidence.remark;
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

}  // namespace

void DecideRegion(const Expectation& expect, const Evidence& evidence, double resolution,
                  Verdict* verdict) {
  verdict->value = evidence.value;
  if (IsMissing(evidence, verdict) || LacksInterval(evidence, verdict)) return;
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
      Format("{}{}{}, expected {}", ShowInterval(evidence.value), EffectOf(evidence),
             evidence.remark.empty() ? "" : ", " + evidence.remark, expect.text);
  const bool decided = all || none;
  verdict->p = decided ? PValue(distance, evidence) : 1;
  if (!decided) verdict->explanation += WhatItTakes(distance, resolution, evidence);
}

void DecideDirection(Claim claim, std::span<const ClaimStep> steps, Verdict* verdict) {
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
    if (IsMissing(step.change, verdict) || LacksInterval(step.change, verdict)) return;
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
  const std::string_view way = claim == Claim::kIncreases ? "increases" : "decreases";
  const std::string change =
      Format("{}: {} {}", weakest->where, weakest->change.is_ratio ? "times" : "by",
             ShowInterval(weakest->change.value));
  verdict->explanation = all ? Format("{} at every step, least {}", way, change)
                             : Format("{}, where it {} by the claim", change, way);
}

}  // namespace quantbench
