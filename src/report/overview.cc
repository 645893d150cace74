// The answer for many models at once: a sentence a variant, over all models.
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "quantbench/base/format.h"

#include "report/lookup.h"
#include "report/page.h"
#include "report/score_text.h"

namespace quantbench {
namespace {

constexpr std::size_t kNamedModels = 4;  // models that are named; more are counted

// "a, b and 3 more".
std::string NamedModels(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kNamedModels); ++i) {
    text += (i == 0 ? "" : ", ") + names[i];
  }
  if (names.size() > kNamedModels) text += Format(" and {} more", names.size() - kNamedModels);
  return text;
}

// "1.20 to 1.53", or "1.20" where both read the same.
std::string ShowRange(double least, double most) {
  const std::string low = Format("{:.2f}", least);
  const std::string high = Format("{:.2f}", most);
  return low == high ? low : low + " to " + high;
}

std::string SizesOf(const Analysis& analysis, const std::string& arm, std::size_t* models) {
  double least = std::numeric_limits<double>::infinity();
  double most = 0;
  for (const ArmSize& size : analysis.sizes) {
    if (size.arm != arm) continue;
    least = std::min(least, size.ratio);
    most = std::max(most, size.ratio);
    ++*models;
  }
  return ShowRange(least, most) + " times smaller";
}

// "; at batch 1, 1 thread faster on 2 of 3 (1.20 to 1.53 times), slower on m (1.30 times)": in each
// model's first cell.
std::string SpeedsOf(const Analysis& analysis, const std::string& arm) {
  std::vector<double> faster;
  std::vector<std::string> slower;
  std::set<std::string> cells;
  std::size_t measured = 0;
  for (const StudyModel& model : analysis.study.models) {
    const CellResult* cell = FirstCell(analysis, model.id);
    const ArmLatency* row = LatencyOf(cell, arm);
    if (row == nullptr || !row->speedup.valid()) continue;
    ++measured;
    cells.insert(cell->cell.Describe());
    if (row->speedup.low > 1) faster.push_back(row->speedup.estimate);
    if (row->speedup.high < 1) {
      slower.push_back(Format("{} ({:.2f} times)", model.id, 1 / row->speedup.estimate));
    }
  }
  if (measured == 0) return "";
  const std::string where = cells.size() == 1 ? Format("at {} ", *cells.begin()) : "";
  std::string text;
  if (!faster.empty()) {
    const auto [least, most] = std::minmax_element(faster.begin(), faster.end());
    text +=
        Format("faster on {} of {} ({} times)", faster.size(), measured, ShowRange(*least, *most));
  }
  if (!slower.empty()) {
    text += Format("{}slower on {}", text.empty() ? "" : ", ", NamedModels(slower));
  }
  if (text.empty()) return Format("; {}no clear difference in speed on any of {}", where, measured);
  const std::size_t open = measured - faster.size() - slower.size();
  if (open > 0) text += Format(", no clear difference on {}", open);
  return "; " + where + text;
}

// "; worse on m (-1.20 points), no clear change of the score on 2".
std::string ScoresOf(const Analysis& analysis, const std::string& arm) {
  std::vector<std::string> worse;
  std::size_t better = 0;
  std::size_t compared = 0;
  for (const StudyModel& model : analysis.study.models) {
    const ArmAccuracy* row = AccuracyOf(analysis, model.id, arm);
    const ArmScore* main = row == nullptr ? nullptr : row->main();
    if (main == nullptr || !main->difference.valid()) continue;
    ++compared;
    const Interval& d = main->difference;
    const bool higher = HigherIsBetter(main->score);
    if (higher ? d.high < 0 : d.low > 0) {
      worse.push_back(Format("{} ({:+.2f} {})", model.id, d.estimate * 100,
                             main->score == Score::kPerplexity ? "% perplexity" : "points"));
    } else if (higher ? d.low > 0 : d.high < 0) {
      ++better;
    }
  }
  if (compared == 0) return "";
  std::string text = worse.empty() ? "; no score is clearly worse"
                                   : Format("; the score is worse on {}", NamedModels(worse));
  if (better > 0) text += Format(", better on {}", better);
  return text + Format(" (of {})", compared);
}

}  // namespace

std::vector<std::string> OverviewSentences(const Analysis& analysis) {
  std::vector<std::string> sentences;
  for (const std::string& arm : ArmsOf(analysis)) {
    if (arm == kOriginal) continue;
    std::size_t models = 0;
    const std::string sizes = SizesOf(analysis, arm, &models);
    if (models == 0) continue;
    sentences.push_back(Format("{}, {} model{}: {}{}{}.", arm, models, models == 1 ? "" : "s",
                               sizes, SpeedsOf(analysis, arm), ScoresOf(analysis, arm)));
  }
  return sentences;
}

}  // namespace quantbench
