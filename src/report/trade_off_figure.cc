// The trade-off of a model: its score against its latency.
#include "report/trade_off_figure.h"

#include <algorithm>

#include "quantbench/base/format.h"

#include "report/escape.h"
#include "report/lookup.h"
#include "report/plot.h"
#include "report/score_text.h"

namespace quantbench {
namespace {

constexpr std::string_view kDominatedColour = "#b0b0b0";

// "x y x-low x-high y-low y-high size": what xyerrorbars draws.
std::string PointLine(const TradeOff& row) {
  const double unit = ScoreUnit(row.score);
  const auto low = [](const Interval& i) { return i.valid() ? i.low : i.estimate; };
  const auto high = [](const Interval& i) { return i.valid() ? i.high : i.estimate; };
  return Format("{:.6g} {:.6g} {:.6g} {:.6g} {:.6g} {:.6g} {:.6g}\n", row.latency_ms.estimate,
                row.quality.estimate * unit, low(row.latency_ms), high(row.latency_ms),
                low(row.quality) * unit, high(row.quality) * unit, row.size_mb);
}

// The arms that nothing dominates, by rising latency.
std::vector<const TradeOff*> FrontOf(const std::vector<const TradeOff*>& rows) {
  std::vector<const TradeOff*> front;
  for (const TradeOff* row : rows) {
    if (row->dominated_by.empty()) front.push_back(row);
  }
  std::sort(front.begin(), front.end(), [](const TradeOff* a, const TradeOff* b) {
    return a->latency_ms.estimate < b->latency_ms.estimate;
  });
  return front;
}

// Whether latencies need a scale on which decades are equally long.
bool IsWide(const std::vector<const TradeOff*>& rows) {
  const auto [least, most] =
      std::minmax_element(rows.begin(), rows.end(), [](const TradeOff* a, const TradeOff* b) {
        return a->latency_ms.estimate < b->latency_ms.estimate;
      });
  return (*most)->latency_ms.estimate > 8 * (*least)->latency_ms.estimate;
}

std::string TradeOffCaption(const std::vector<const TradeOff*>& rows) {
  std::string best;
  std::string dominated;
  for (const TradeOff* row : rows) {
    if (row->best) best = row->arm;
    if (!row->dominated_by.empty()) {
      dominated +=
          Format("{}{} (by {})", dominated.empty() ? "" : ", ", row->arm, row->dominated_by);
    }
  }
  return Format(
      "{} is better to the left{}. Crosses are 95 % intervals, of variants those of the paired "
      "comparison with the original. The line joins the arms that no other beats in score, latency "
      "and size at once. {}{}",
      rows.front()->model, HigherIsBetter(rows.front()->score) ? " and up" : " and down",
      dominated.empty() ? "None is dominated." : Format("Dominated, grey: {}.", dominated),
      best.empty() ? " No arm is within the budget."
                   : Format(" Best within the budget: {}.", best));
}

}  // namespace

Figure TradeOffFigure(const Analysis& analysis, const std::string& model) {
  std::vector<const TradeOff*> rows;
  for (const TradeOff& row : analysis.trade_offs) {
    if (row.model == model) rows.push_back(&row);
  }
  if (rows.size() < 2) return {};
  Figure figure;
  figure.name = FigureName("trade-off", model);
  const std::string score = ScoreTitle(rows.front()->score);
  figure.title = Format("{}: {} against latency", model, score);
  const std::vector<std::string> arms = ArmsOf(analysis);
  std::vector<std::string> plots;
  std::string ring;
  figure.data = Format("# the front: ms, {}\n", score);
  for (const TradeOff* row : FrontOf(rows)) figure.data += PointLine(*row);
  figure.data += "\n\n";
  plots.push_back(
      Format("'{}.dat' index 0 using 1:2 with steps linewidth 1 linecolor rgb "
             "\"#888888\" dashtype 2 title \"front\"",
             figure.name));
  for (const TradeOff* row : rows) {
    figure.data += Format("# {}: ms, {}, ms low, high, score low, high, MB\n{}\n\n",
                          Printable(row->arm), score, PointLine(*row));
    const auto place =
        static_cast<std::size_t>(std::find(arms.begin(), arms.end(), row->arm) - arms.begin());
    const std::string colour =
        row->dominated_by.empty() ? Colour(place) : std::string(kDominatedColour);
    plots.push_back(
        Format("'{}.dat' index {} using 1:2:3:4:5:6 with xyerrorbars linewidth 2 "
               "pointtype 7 pointsize 1.2 linecolor rgb \"{}\" title {}",
               figure.name, plots.size(), colour, EscapeGnuplot(row->arm)));
    if (!row->best) continue;
    ring = Format(
        "'{}.dat' index {} using 1:2 with points pointtype 6 pointsize 2.6 linewidth 2 linecolor "
        "rgb \"{}\" title \"best within the budget\"",
        figure.name, plots.size() - 1, colour);
  }
  if (!ring.empty()) plots.push_back(ring);
  figure.script = Format(
      "{}set xlabel \"latency of one forward pass, ms (first cell of the sweep)\"\n"
      "set ylabel {}\nset title {}\nset grid\nset key below height 1\n"
      "set offsets graph 0.05, graph 0.05, graph 0.08, graph 0.08\nplot {}",
      IsWide(rows) ? "set logscale x\n" : "", EscapeGnuplot(score), EscapeGnuplot(figure.title),
      Joined(plots));
  figure.caption = TradeOffCaption(rows);
  return figure;
}

}  // namespace quantbench
