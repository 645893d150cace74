// Scores as text.
#include "report/score_text.h"

#include <array>
#include <cmath>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

std::string ShowNumber(Score score, double value) {
  if (std::isnan(value)) return "-";
  const bool plain = score == Score::kPerplexity || score == Score::kMatthews;
  return plain ? Format("{:.4g}", value) : Format("{:.2f}", value * 100);
}

}  // namespace

std::string ScoreTitle(Score score) {
  constexpr std::array<std::string_view, 8> kTitles = {
      "top-1 %", "top-5 %", "F1 %", "Matthews", "perplexity", "word errors %", "mAP50 %", "mAP %"};
  return std::string(kTitles[static_cast<std::size_t>(score)]);
}

double ScoreUnit(Score score) {
  return score == Score::kPerplexity || score == Score::kMatthews ? 1 : 100;
}

std::string ShowScore(const ArmScore& score) {
  return ShowNumber(score.score, score.value.estimate);
}

std::string ShowScoreRange(const ArmScore& score) {
  if (!score.value.valid()) return "-";
  return Format("{} to {}", ShowNumber(score.score, score.value.low),
                ShowNumber(score.score, score.value.high));
}

std::string ShowDifference(const ArmScore& score) {
  const Interval& d = score.difference;
  if (!d.valid()) return "-";
  return Format("{:+.2f} to {:+.2f}", d.low * 100, d.high * 100);
}

}  // namespace quantbench
