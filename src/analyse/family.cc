// All hypotheses of a study together: the error rate that they share, and how well their authors
// knew.
#include <algorithm>
#include <cmath>

#include "quantbench/base/format.h"

#include "analyse/judge.h"

namespace quantbench {
namespace {

constexpr double kErrorRate = 0.05;

bool IsDecided(const HypothesisResult& result) {
  return result.judgement == Judgement::kSupported || result.judgement == Judgement::kRefuted;
}

// Tested: judged by an interval, not by a value that is known.
bool IsTested(const HypothesisResult& result) {
  return result.hypothesis.primary && result.judgement != Judgement::kNotJudged && result.p > 0;
}

// What its own interval decides, and what speaks against that; ends in ": ".
std::string WhyTakenBack(const HypothesisResult& result, std::size_t hypotheses, double corrected) {
  if (result.p > kErrorRate) {
    return Format(
        "one place alone would have it {}, but corrected for its {} places p is {:.2g}, above 5 % "
        "[Bonferroni]: ",
        Name(result.judgement), result.verdicts.size(), result.p);
  }
  return Format(
      "alone it would be {} (p = {:.2g}), but {} hypotheses share an error rate of 5 %, and "
      "corrected for them p is {:.2g} [Holm]: ",
      Name(result.judgement), result.p, hypotheses, corrected);
}

}  // namespace

void ShareErrorRate(std::vector<HypothesisResult>* results) {
  std::vector<HypothesisResult*> tested;
  for (HypothesisResult& result : *results) {
    if (IsTested(result)) tested.push_back(&result);
  }
  std::stable_sort(tested.begin(), tested.end(),
                   [](const auto* a, const auto* b) { return a->p < b->p; });
  bool holds = true;
  double corrected = 0;
  for (std::size_t i = 0; i < tested.size(); ++i) {
    HypothesisResult& result = *tested[i];
    corrected = std::max(corrected, result.p * static_cast<double>(tested.size() - i));
    holds = holds && corrected <= kErrorRate;
    if (holds || !IsDecided(result)) continue;
    result.explanation =
        WhyTakenBack(result, tested.size(), std::min(1.0, corrected)) + result.explanation;
    result.judgement = Judgement::kInconclusive;
  }
}

ConfidenceScore ScoreOfConfidence(const std::vector<HypothesisResult>& results) {
  ConfidenceScore score;
  for (const HypothesisResult& result : results) {
    if (!result.hypothesis.confidence || !IsDecided(result)) continue;
    const double outcome = result.judgement == Judgement::kSupported ? 1 : 0;
    score.brier += std::pow(*result.hypothesis.confidence - outcome, 2);
    score.mean_confidence += *result.hypothesis.confidence;
    score.supported += result.judgement == Judgement::kSupported ? 1 : 0;
    ++score.judged;
  }
  if (score.judged == 0) return score;
  score.brier /= static_cast<double>(score.judged);
  score.mean_confidence /= static_cast<double>(score.judged);
  return score;
}

}  // namespace quantbench
