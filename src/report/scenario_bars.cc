// Bars of scenarios: the parts of the way from file to answer, joules of an inference.
#include <algorithm>
#include <array>
#include <cmath>

#include "quantbench/base/format.h"

#include "report/cells.h"
#include "report/escape.h"
#include "report/plot.h"
#include "report/scenario_figures.h"

namespace quantbench {
namespace {

constexpr double kLongestWhisker = 2;  // times its bar: a longer one would make the bars short
constexpr double kMostShown = 1e12;    // of milliseconds and joules: records may say anything
constexpr std::size_t kLongestTic = 40;
constexpr std::string_view kKeyColour = "#444444";

// A part of bars: the columns that it begins and ends at, and how much white is in its colour.
struct BarPart {
  std::string_view name;
  std::string_view from;
  std::string_view to;
  double white;
};
constexpr auto kParts = std::to_array<BarPart>({
    {"load", "(0)", "($2)", 0.8},
    {"preprocess", "($2)", "($2+$3)", 0.55},
    {"copy", "($2+$3)", "($2+$3+$4)", 0.3},
    {"run", "($2+$3+$4)", "($2+$3+$4+$5)", 0},
});
constexpr BarPart kGross = {"gross", "(0)", "2", 0};
constexpr BarPart kNet = {"net of idling", "(0)", "2", 0.6};

// The place of an arm's bars: the first is on top.
double PlaceOf(std::size_t row) {
  return static_cast<double>(row) + 1;
}

// The arms that have a figure.
std::vector<const ScenarioArm*> BarArms(const ScenarioResult& result,
                                        double (*value)(const ScenarioArm& arm)) {
  std::vector<const ScenarioArm*> rows;
  for (const ScenarioArm& arm : result.arms) {
    const double known = value(arm);
    if (arm.outcome == Outcome::kOk && known > 0 && known < kMostShown) rows.push_back(&arm);
  }
  return rows;
}

// Up to where a bar's whisker is shown.
double EndOf(const Interval& value) {
  const double high = value.valid() ? value.high : value.estimate;
  return std::max({0.0, value.estimate, std::min(high, kLongestWhisker * value.estimate)});
}

// "place value low high end text" of a bar; of one that is not known no number, which gnuplot
// passes over.
std::string EndRow(double place, const Interval& value, std::string_view unit) {
  if (!std::isfinite(value.estimate)) return Format("{:.1f} NaN NaN NaN NaN \"\"\n", place);
  const bool known = value.valid();
  return Format("{:.1f} {:.6g} {:.6g} {:.6g} {:.6g} \"{} {}\"\n", place, value.estimate,
                known ? value.low : value.estimate, known ? value.high : value.estimate,
                EndOf(value), Number(value.estimate), unit);
}

// One part of the bars in a block, each in its arm's colour.
void DrawBars(std::size_t block, const BarPart& part, double half,
              const std::vector<std::string>& colours, PlotBlocks* blocks) {
  for (std::size_t i = 0; i < colours.size(); ++i) {
    blocks->Draw(block, Format("every ::{}::{} using {}:1:{}:{}:($1-{}):($1+{}) with boxxyerror "
                               "fillcolor rgb \"{}\" fillstyle solid noborder notitle",
                               i, i, part.from, part.from, part.to, half, half,
                               Lighter(colours[i], part.white)));
  }
  blocks->Also(
      Format("keyentry with boxes fillstyle solid noborder fillcolor rgb \"{}\" title \"{}\"",
             Lighter(std::string(kKeyColour), part.white), part.name));
}

// The intervals at the ends of bars, which are seen on dark ones too, and their numbers.
void DrawEnds(std::size_t block, PlotBlocks* blocks) {
  for (const auto& [width, colour] : {std::pair{4.5, "#ffffff"}, std::pair{1.5, "#000000"}}) {
    blocks->Draw(block, Format("using 2:1:3:4 with xerrorbars linewidth {} pointtype 0 linecolor "
                               "rgb \"{}\" notitle",
                               width, colour));
  }
  blocks->Draw(block, "using 5:1:6 with labels left offset 0.6,0.6 notitle");
}

std::vector<std::string> ColoursOf(const std::vector<const ScenarioArm*>& rows,
                                   const std::vector<std::string>& arms) {
  std::vector<std::string> colours;
  colours.reserve(rows.size());
  for (const ScenarioArm* row : rows) colours.push_back(ColourOf(arms, row->arm));
  return colours;
}

std::string BarAxes(const Figure& figure, const std::vector<const ScenarioArm*>& rows,
                    std::string_view label, double least, double most) {
  std::string tics;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    tics += Format("{}{} {}", i == 0 ? "" : ", ",
                   EscapeGnuplotTic(Printable(rows[i]->arm, kLongestTic)), PlaceOf(i));
  }
  return Format(
      "set title {}\nset xlabel \"{}\"\nset grid xtics\nset key outside top center horizontal\n"
      "set ytics ({}) nomirror\n"
      "set xtics nomirror\nset yrange [{}.6:0.4]\nset xrange [{:.6g}:{:.6g}]\n",
      EscapeGnuplot(figure.title), label, tics, rows.size(), least, most);
}

// --- from file to answer ---

double WholeMs(const ScenarioArm& arm) {
  return arm.parts.total();
}

std::string SharesOf(const ScenarioArm& arm) {
  if (!(WholeMs(arm) > 0)) return "";
  return Format("{} ms, {:.0f} % of it the run", Number(arm.value.estimate),
                100 * arm.parts.run / WholeMs(arm));
}

// --- energy ---

Interval InMillijoules(const Interval& joules) {
  return {joules.estimate * 1e3, joules.low * 1e3, joules.high * 1e3};
}

double GrossJoules(const ScenarioArm& arm) {
  return arm.value.estimate;
}

std::string GrossAndNet(const ScenarioArm& arm) {
  if (!(arm.value.estimate > 0)) return "";
  return Format("{} and {} mJ", Number(InMillijoules(arm.value).estimate),
                Number(InMillijoules(arm.net).estimate));
}

}  // namespace

Figure PartsFigure(const ScenarioResult& result, const std::vector<std::string>& arms) {
  const std::vector<const ScenarioArm*> rows = BarArms(result, WholeMs);
  if (rows.empty()) return {};
  std::string parts;
  std::string ends;
  AxisRange lengths;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const PartTimes& ms = rows[i]->parts;
    const double mean = rows[i]->value.estimate;
    const Interval whole = {mean, mean * std::exp(-rows[i]->doubt),
                            mean * std::exp(rows[i]->doubt)};
    parts += Format("{} {:.6g} {:.6g} {:.6g} {:.6g}\n", PlaceOf(i), ms.load, ms.preprocess, ms.copy,
                    ms.run);
    ends += EndRow(PlaceOf(i), whole, "ms");
    lengths.Add(std::max(EndOf(whole), ms.total()));
  }
  Figure figure = BeginFigure(result, "from file to answer");
  PlotBlocks blocks(figure.name);
  const std::size_t block = blocks.Add("place, load, preprocess, copy, run, ms", parts);
  for (const BarPart& part : kParts) DrawBars(block, part, 0.35, ColoursOf(rows, arms), &blocks);
  DrawEnds(blocks.Add("place, the whole: mean, 95 % interval, ms; end of the bar, its text", ends),
           &blocks);
  figure.data = blocks.data();
  figure.script =
      BarAxes(figure, rows, "mean time, ms", 0, 1.2 * lengths.highest()) + blocks.Command();
  figure.caption += Format(
      "Where the time goes, from the lightest to the fullest colour: files are read and decoded, "
      "samples preprocessed, copied into the engine and answers out of it, the model run. The "
      "whisker is the 95 % interval of the whole. {}.",
      ForEveryArm(result, SharesOf));
  return figure;
}

Figure JoulesFigure(const ScenarioResult& result, const std::vector<std::string>& arms) {
  constexpr double kBeside = 0.2;
  const std::vector<const ScenarioArm*> rows = BarArms(result, GrossJoules);
  if (rows.size() < 2) return {};
  std::string gross;
  std::string net;
  AxisRange lengths;
  double least = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Interval all = InMillijoules(rows[i]->value);
    const Interval added = InMillijoules(rows[i]->net);
    gross += EndRow(PlaceOf(i) - kBeside, all, "mJ");
    net += EndRow(PlaceOf(i) + kBeside, added, "mJ");
    lengths.Add(EndOf(all));
    lengths.Add(EndOf(added));
    if (added.estimate < least) least = std::max(added.estimate, -kLongestWhisker * all.estimate);
  }
  Figure figure = BeginFigure(result, "joules of an inference");
  PlotBlocks blocks(figure.name);
  for (const auto& [part, data] : {std::pair{kGross, gross}, std::pair{kNet, net}}) {
    const std::size_t block = blocks.Add(
        Format("{}: place, mean, 95 % interval, mJ; end of the bar, its text", part.name), data);
    DrawBars(block, part, 0.18, ColoursOf(rows, arms), &blocks);
    DrawEnds(block, &blocks);
  }
  figure.data = blocks.data();
  figure.script =
      BarAxes(figure, rows, "mJ of an inference", 1.1 * least, 1.2 * lengths.highest()) +
      blocks.Command();
  figure.caption += Format(
      "Full bars are gross, all that the sensor saw while the model ran; light ones net of what "
      "idling takes. Whiskers are 95 % intervals over processes. Gross and net: {}.{}",
      ForEveryArm(result, GrossAndNet),
      result.source.empty() ? "" : Format(" Sensor: {}.", result.source));
  return figure;
}

}  // namespace quantbench
