// Words of verdicts.
#include "analyse/wording.h"

#include <array>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

constexpr std::string_view kOver = " over that of ";

// Of a metric, in the order of Metric.
struct MetricWords {
  std::string_view noun;
  std::string_view joiner;  // before the second arm; empty: it has one arm
  std::string_view unit;
};
constexpr auto kMetricWords = std::to_array<MetricWords>({
    {"the time", kOver, ""},
    {"the size", kOver, ""},
    {"the score", "", ""},
    {"the score", " less that of ", ""},
    {"the share of equal answers", " and ", ""},
    {"the output's SQNR", "", " dB"},
    {"the time", "", " ms"},
    {"the throughput", "", " samples a second"},
    {"the peak memory", kOver, ""},
    {"the offline throughput", kOver, ""},
    {"the highest rate of queries", kOver, ""},
    {"the time from file to answer", kOver, ""},
    {"the energy of an inference", kOver, ""},
    {"the loading time", kOver, ""},
});
static_assert(kMetricWords.size() == static_cast<std::size_t>(Metric::kLoadRatio) + 1);

// Of a slope over sizes: the arms are those that lie on the line.
std::string OverSizes(const std::vector<std::string>& arms) {
  std::string names;
  for (const std::string& arm : arms) names += (names.empty() ? "" : ", ") + arm;
  return Format("the time of {} over that of the original", names.empty() ? "variants" : names);
}

std::string SubjectOf(const Hypothesis& hypothesis, const MetricWords& words) {
  const std::vector<std::string>& arms = hypothesis.arms;
  if (hypothesis.along == kAlongSize || hypothesis.along == kAlongModels) return OverSizes(arms);
  if (hypothesis.along == kAlongArms || arms.empty()) return std::string(words.noun);
  if (words.joiner.empty() || arms.size() < 2) return Format("{} of {}", words.noun, arms[0]);
  return Format("{} of {}{}{}", words.noun, arms[0], words.joiner, arms[1]);
}

}  // namespace

Wording WordsOf(const Hypothesis& hypothesis) {
  const MetricWords& words = kMetricWords[static_cast<std::size_t>(hypothesis.metric)];
  Wording wording;
  wording.subject = SubjectOf(hypothesis, words);
  wording.unit = words.unit;
  const Claim claim = hypothesis.expect.claim;
  wording.compares = claim == Claim::kRegion && words.joiner == kOver;
  if (claim == Claim::kSlope) {
    const bool sizes = hypothesis.along == kAlongSize || hypothesis.along == kAlongModels;
    wording.relation = Format(" goes as {}^", sizes ? "size" : hypothesis.along);
    wording.unit.clear();
  }
  return wording;
}

std::string ShowValue(const Interval& value, const std::string& unit) {
  if (!value.valid()) return Format("{:.4g}{}", value.estimate, unit);
  return Format("{:.4g}{} (95 % interval {:.4g} to {:.4g})", value.estimate, unit, value.low,
                value.high);
}

std::string ShowBriefly(const Interval& value) {
  if (!value.valid()) return Format("{:.4g}", value.estimate);
  return Format("{:.4g} ({:.4g} to {:.4g})", value.estimate, value.low, value.high);
}

}  // namespace quantbench
