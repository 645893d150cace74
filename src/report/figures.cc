// Figures: what each shows, as gnuplot commands and data.
#include "report/figures.h"

#include <algorithm>

#include "quantbench/base/format.h"

#include "report/escape.h"
#include "report/lookup.h"
#include "report/plot.h"
#include "report/sweep_figures.h"

namespace quantbench {
namespace {

// One row a model, one column an arm, in MB.
std::string SizeData(const Analysis& analysis, const std::vector<std::string>& arms) {
  std::string data = "# model";
  for (const std::string& arm : arms) data += " " + EscapeGnuplot(arm);
  data += "   (MB)\n";
  for (const StudyModel& model : analysis.study.models) {
    data += EscapeGnuplot(model.id);
    for (const std::string& arm : arms) {
      const ArmSize* size = SizeOf(analysis, model.id, arm);
      data += size == nullptr
                  ? " NaN"
                  : Format(" {:.6f}", static_cast<double>(size->size.total_bytes()) * 1e-6);
    }
    data += "\n";
  }
  return data;
}

std::string SizeCaption(const Analysis& analysis) {
  const auto best =
      std::max_element(analysis.sizes.begin(), analysis.sizes.end(),
                       [](const ArmSize& a, const ArmSize& b) { return a.ratio < b.ratio; });
  if (best == analysis.sizes.end() || best->ratio <= 1) {
    return "Bytes on disk; nothing became smaller.";
  }
  return Format("Bytes on disk of every arm; the largest saving is {} {} at {:.2f} times smaller.",
                best->model, best->arm, best->ratio);
}

Figure SizeFigure(const Analysis& analysis) {
  const std::vector<std::string> arms = ArmsOf(analysis);
  Figure figure;
  figure.name = "size";
  figure.title = "Size on disk";
  figure.data = SizeData(analysis, arms);
  figure.caption = SizeCaption(analysis);
  figure.script =
      "set style data histogram\nset style histogram clustered gap 1\nset style fill solid 0.9\n"
      "set boxwidth 0.9\nset ylabel \"MB\"\nset yrange [0:*]\nset grid ytics\n"
      "set xtics rotate by -20 nomirror\nset key outside top center horizontal\nplot ";
  for (std::size_t i = 0; i < arms.size(); ++i) {
    figure.script +=
        Format("{}'size.dat' using {}{} title {} linecolor rgb \"{}\"", i == 0 ? "" : ", ", i + 2,
               i == 0 ? ":xtic(1)" : "", EscapeGnuplot(arms[i]), Colour(i));
  }
  figure.script += "\n";
  return figure;
}

// One point an arm: latency in the model's first cell, accuracy with its interval.
Figure TradeOffFigure(const Analysis& analysis) {
  Figure figure;
  figure.name = "accuracy-latency";
  figure.title = "Accuracy against latency";
  const std::vector<std::string> arms = ArmsOf(analysis);
  std::vector<std::string> plots;
  const auto add = [&](std::size_t shape, const std::string& model, std::size_t arm) {
    const ArmLatency* latency = LatencyOf(FirstCell(analysis, model), arms[arm]);
    const ArmAccuracy* score = AccuracyOf(analysis, model, arms[arm]);
    if (latency == nullptr || score == nullptr || !score->top1.valid()) return;
    figure.data += Format("# {} {}: ms, top-1 %, low, high\n{:.6f} {:.4f} {:.4f} {:.4f}\n\n\n",
                          model, arms[arm], latency->ms.mean, score->top1.estimate * 100,
                          score->top1.low * 100, score->top1.high * 100);
    plots.push_back(
        Format("'{}.dat' index {} using 1:2:3:4 with yerrorbars linewidth 1.5 pointtype {} "
               "pointsize 1.4 linecolor rgb \"{}\" title {}",
               figure.name, plots.size(), 5 + shape * 2 % 10, Colour(arm),
               EscapeGnuplot(Format("{} {}", model, arms[arm]))));
  };
  for (std::size_t m = 0; m < analysis.study.models.size(); ++m) {
    for (std::size_t i = 0; i < arms.size(); ++i) add(m, analysis.study.models[m].id, i);
  }
  figure.script =
      "set logscale x\nset xlabel \"latency of one forward pass, ms (first cell of the sweep)\"\n"
      "set ylabel \"top-1 accuracy, %\"\nset grid\nset key outside right top\n"
      "set offsets 0, 0, 1, 1\nplot " +
      Joined(plots);
  figure.caption =
      "Up and to the left is better. Bars are 95 % intervals of the accuracy; the shape of a "
      "point is the model, its colour the arm.";
  return plots.empty() ? Figure{} : figure;
}

}  // namespace

std::vector<Figure> MakeFigures(const Analysis& analysis) {
  std::vector<Figure> figures;
  if (!analysis.sizes.empty()) figures.push_back(SizeFigure(analysis));
  for (const StudyModel& model : analysis.study.models) {
    for (Figure& figure : SweepFigures(analysis, model.id)) figures.push_back(std::move(figure));
  }
  if (Figure trade = TradeOffFigure(analysis); !trade.name.empty())
    figures.push_back(std::move(trade));
  return figures;
}

}  // namespace quantbench
