// From verdicts at places to that of a hypothesis.
#include "analyse/over_places.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "quantbench/base/format.h"

#include "analyse/unknown.h"
#include "analyse/wording.h"

namespace quantbench {
namespace {

using Verdicts = std::vector<const Verdict*>;

constexpr std::size_t kMostNamed = 3;  // places beside the first

std::string PlaceOfVerdict(const Verdict& verdict) {
  const bool both = !verdict.model.empty() && !verdict.where.empty();
  return Format("{}{}{}", verdict.model, both ? ", " : "", verdict.where);
}

// From the value to the nearest end of what is expected, relative to that end; of a direction 0.
double FromBorder(const Expectation& expect, const Verdict& verdict) {
  double nearest = std::numeric_limits<double>::infinity();
  for (const double border : {expect.low, expect.high}) {
    if (!std::isfinite(border)) continue;
    const double away = std::fabs(verdict.value.estimate - border);
    nearest = std::min(nearest, border == 0 ? away : away / std::fabs(border));
  }
  return std::isfinite(nearest) ? nearest : 0;
}

// Those of one kind, the clearest first.
Verdicts Reached(const HypothesisResult& result, Judgement judgement) {
  Verdicts found;
  for (const Verdict& verdict : result.verdicts) {
    if (verdict.judgement == judgement) found.push_back(&verdict);
  }
  const auto clearness = [&](const Verdict* verdict) {
    return std::pair(verdict->p, -FromBorder(result.hypothesis.expect, *verdict));
  };
  std::stable_sort(found.begin(), found.end(),
                   [&](const Verdict* a, const Verdict* b) { return clearness(a) < clearness(b); });
  return found;
}

// "; also at m, batch 2, 1 thread: 1.04 (1.01 to 1.07)": of those behind the first.
std::string AlsoAt(const Verdicts& found) {
  std::string text;
  for (std::size_t i = 1; i < found.size() && i <= kMostNamed; ++i) {
    const bool known = !std::isnan(found[i]->value.estimate);
    text += Format("{}{}{}{}", i == 1 ? "; also at " : "; ", PlaceOfVerdict(*found[i]),
                   known ? ": " : "", known ? ShowBriefly(found[i]->value) : "");
  }
  if (found.size() > kMostNamed + 1) text += Format("; and {} more", found.size() - kMostNamed - 1);
  return text;
}

// "; elsewhere 0.72 to 0.94": values at places where it was not refuted.
std::string Elsewhere(const HypothesisResult& result) {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  for (const Verdict& verdict : result.verdicts) {
    const double value = verdict.value.estimate;
    if (verdict.judgement == Judgement::kRefuted || std::isnan(value)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (low > high) return "";
  return low == high ? Format("; elsewhere {:.4g}", low)
                     : Format("; elsewhere {:.4g} to {:.4g}", low, high);
}

std::string RefutedAt(const HypothesisResult& result, const Verdicts& refuted) {
  return Format("refuted at {} of {} places, {}at {}: {}{}{}", refuted.size(),
                result.verdicts.size(), refuted.size() > 1 ? "most clearly " : "",
                PlaceOfVerdict(*refuted.front()), refuted.front()->explanation, AlsoAt(refuted),
                Elsewhere(result));
}

// "holds at 3 of 5 places; open at m, batch 1: ...; not judged at ...".
std::string HoldsAtSome(const HypothesisResult& result) {
  std::string text = Format("holds at {} of {} places",
                            Reached(result, Judgement::kSupported).size(), result.verdicts.size());
  for (const auto& [judgement, word] : {std::pair{Judgement::kInconclusive, "open"},
                                        std::pair{Judgement::kNotJudged, "not judged"}}) {
    const Verdicts found = Reached(result, judgement);
    if (found.empty()) continue;
    text += Format("; {} at {}: {}{}", word, PlaceOfVerdict(*found.front()),
                   found.front()->explanation, AlsoAt(found));
  }
  return text;
}

// Of the whole: see HypothesisResult.
double POf(const HypothesisResult& result) {
  double largest = 0;
  double smallest = 1;
  double judged = 0;
  for (const Verdict& verdict : result.verdicts) {
    if (verdict.judgement == Judgement::kNotJudged) continue;
    ++judged;
    largest = std::max(largest, verdict.p);
    if (verdict.judgement == Judgement::kRefuted) smallest = std::min(smallest, verdict.p);
  }
  return result.judgement == Judgement::kRefuted ? std::min(1.0, smallest * judged) : largest;
}

void Conclude(HypothesisResult* result) {
  const std::size_t total = result->verdicts.size();
  const Verdicts refuted = Reached(*result, Judgement::kRefuted);
  const Verdicts supported = Reached(*result, Judgement::kSupported);
  if (total == 0) {
    result->explanation = "claimed nowhere";
  } else if (total == 1) {
    result->judgement = result->verdicts.front().judgement;
    result->explanation = result->verdicts.front().explanation;
  } else if (!refuted.empty()) {
    result->judgement = Judgement::kRefuted;
    result->explanation = RefutedAt(*result, refuted);
  } else if (Reached(*result, Judgement::kNotJudged).size() == total) {
    result->explanation = result->verdicts.front().explanation;
  } else if (supported.size() == total) {
    result->judgement = Judgement::kSupported;
    result->explanation = Format("holds at all {} places, least clearly at {}: {}", total,
                                 PlaceOfVerdict(*supported.back()), supported.back()->explanation);
  } else {
    result->judgement = Judgement::kInconclusive;
    result->explanation = HoldsAtSome(*result);
  }
}

}  // namespace

void SummariseVerdicts(HypothesisResult* result) {
  result->judgement = Judgement::kNotJudged;
  Conclude(result);
  result->p = POf(*result);
}

}  // namespace quantbench
