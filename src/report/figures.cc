// Figures: what each shows, as gnuplot commands and data.
#include "report/figures.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "quantbench/base/format.h"

#include "report/escape.h"

namespace quantbench {
namespace {

// Colours that stay apart for colour-blind eyes [Okabe, Ito 2008]; the original is dark grey.
constexpr std::array<std::string_view, 7> kColours = {"#444444", "#0072b2", "#d55e00", "#009e73",
                                                      "#cc79a7", "#e69f00", "#56b4e9"};

std::string Colour(std::size_t arm) {
  return std::string(kColours[arm % kColours.size()]);
}

std::vector<std::string> ArmsOf(const Analysis& analysis) {
  std::vector<std::string> arms = {std::string(kOriginal)};
  for (const StudyVariant& variant : analysis.study.variants) arms.push_back(variant.id);
  return arms;
}

std::string Quoted(const std::string& text) {
  return EscapeGnuplot(text);
}

Figure SizeFigure(const Analysis& analysis) {
  Figure figure;
  figure.name = "size";
  figure.title = "Size on disk";
  const std::vector<std::string> arms = ArmsOf(analysis);
  figure.data = "# model";
  for (const std::string& arm : arms) figure.data += " " + Quoted(arm);
  figure.data += "   (MB)\n";
  double best = 1;
  std::string best_name;
  for (const StudyModel& model : analysis.study.models) {
    figure.data += Quoted(model.id);
    for (const std::string& arm : arms) {
      std::string cell = "NaN";
      for (const ArmSize& size : analysis.sizes) {
        if (size.model != model.id || size.arm != arm) continue;
        cell = Format("{:.6f}", static_cast<double>(size.size.total_bytes()) * 1e-6);
        if (size.ratio > best) {
          best = size.ratio;
          best_name = Format("{} {}", model.id, arm);
        }
      }
      figure.data += " " + cell;
    }
    figure.data += "\n";
  }
  figure.script =
      "set style data histogram\nset style histogram clustered gap 1\nset style fill solid 0.9\n"
      "set boxwidth 0.9\nset ylabel \"MB\"\nset yrange [0:*]\nset grid ytics\n"
      "set xtics rotate by -20 nomirror\nset key outside top center horizontal\nplot ";
  for (std::size_t i = 0; i < arms.size(); ++i) {
    figure.script +=
        Format("{}'size.dat' using {}{} title {} linecolor rgb \"{}\"", i == 0 ? "" : ", ", i + 2,
               i == 0 ? ":xtic(1)" : "", Quoted(arms[i]), Colour(i));
  }
  figure.script += "\n";
  figure.caption = best_name.empty()
                       ? "Bytes on disk; nothing became smaller."
                       : Format(
                             "Bytes on disk of every arm; the largest saving is {} at {:.2f} times "
                             "smaller.",
                             best_name, best);
  return figure;
}

// The cells of a model's batch sweep: the first threads and dims, no data loading.
std::vector<const CellResult*> BatchSweep(const Analysis& analysis, const std::string& model) {
  std::vector<const CellResult*> cells;
  for (const CellResult& cell : analysis.cells) {
    if (cell.model != model || cell.outcome != Outcome::kOk || cell.cell.include_data_loading)
      continue;
    const bool same = cells.empty() || (cells.front()->cell.threads == cell.cell.threads &&
                                        cells.front()->cell.dims == cell.cell.dims);
    if (same) cells.push_back(&cell);
  }
  return cells;
}

Figure LatencyFigure(const Analysis& analysis, const std::string& model,
                     const std::vector<const CellResult*>& cells) {
  Figure figure;
  figure.name = "latency-" + model;
  figure.title = Format("{}: latency against batch", model);
  const std::vector<std::string> arms = ArmsOf(analysis);
  std::vector<std::string> plots;
  std::string fastest;
  double best = 0;
  for (std::size_t i = 0; i < arms.size(); ++i) {
    std::string block;
    for (const CellResult* cell : cells) {
      for (const ArmLatency& arm : cell->arms) {
        if (arm.arm != arms[i] || arm.outcome != Outcome::kOk) continue;
        block += Format("{} {:.6f} {:.6f}\n", cell->cell.batch, arm.ms.mean,
                        std::isnan(arm.ms.stddev) ? 0 : arm.ms.stddev);
        if (arm.speedup.estimate > best && arm.arm != kOriginal) {
          best = arm.speedup.estimate;
          fastest = Format("{} at batch {}", arm.arm, cell->cell.batch);
        }
      }
    }
    if (block.empty()) continue;
    const std::size_t index = plots.size();
    figure.data += Format("# {}: batch, mean ms, standard deviation ms\n{}\n\n", arms[i], block);
    const std::string source = Format("'{}.dat' index {}", figure.name, index);
    plots.push_back(
        Format("{} using 1:2:3 with yerrorlines linewidth 2 pointtype 7 pointsize 0.8 "
               "linecolor rgb \"{}\" title {}",
               source, Colour(i), Quoted(arms[i])));
  }
  const Cell& first = cells.front()->cell;
  figure.script = Format(
      "set logscale xy\nset xlabel \"batch\"\nset ylabel \"latency of one forward pass, ms\"\n"
      "set grid\nset key top left\nset xtics nomirror\nset title {}\n",
      Quoted(figure.title));
  std::string tics;
  for (const CellResult* cell : cells) {
    tics += Format("{}{}", tics.empty() ? "" : ", ", cell->cell.batch);
  }
  figure.script += Format("set xtics ({})\nset xrange [{}:{}]\nplot ", tics,
                          static_cast<double>(first.batch) * 0.85,
                          static_cast<double>(cells.back()->cell.batch) * 1.18);
  for (std::size_t i = 0; i < plots.size(); ++i)
    figure.script += (i == 0 ? "" : ", \\\n  ") + plots[i];
  figure.script += "\n";
  figure.caption = Format(
      "Mean and standard deviation of the forward pass of {}, {} thread{}, both axes "
      "logarithmic.{}",
      model, first.threads, first.threads == 1 ? "" : "s",
      best > 0 ? Format(" The best ratio to the original is {:.2f} ({}).", best, fastest) : "");
  return figure;
}

// One point an arm: latency in the model's first cell relative to the original, accuracy with
// interval.
Figure TradeOffFigure(const Analysis& analysis) {
  Figure figure;
  figure.name = "accuracy-latency";
  figure.title = "Accuracy against latency";
  const std::vector<std::string> arms = ArmsOf(analysis);
  std::vector<std::string> plots;
  for (std::size_t m = 0; m < analysis.study.models.size(); ++m) {
    const std::string& model = analysis.study.models[m].id;
    const std::vector<const CellResult*> cells = BatchSweep(analysis, model);
    if (cells.empty()) continue;
    for (std::size_t i = 0; i < arms.size(); ++i) {
      for (const ArmLatency& arm : cells.front()->arms) {
        if (arm.arm != arms[i] || arm.outcome != Outcome::kOk) continue;
        for (const ArmAccuracy& score : analysis.accuracies) {
          if (score.model != model || score.arm != arms[i] || !score.top1.valid()) continue;
          figure.data += Format(
              "# {} {}: ms, top-1 %, low, high\n{:.6f} {:.4f} {:.4f} {:.4f}\n\n\n", model, arms[i],
              arm.ms.mean, score.top1.estimate * 100, score.top1.low * 100, score.top1.high * 100);
          plots.push_back(
              Format("'{}.dat' index {} using 1:2:3:4 with yerrorbars linewidth 1.5 pointtype {} "
                     "pointsize 1.4 "
                     "linecolor rgb \"{}\" title {}",
                     figure.name, plots.size(), 5 + m * 2 % 10, Colour(i),
                     Quoted(Format("{} {}", model, arms[i]))));
        }
      }
    }
  }
  figure.script =
      "set logscale x\nset xlabel \"latency of one forward pass, ms (first cell of the sweep)\"\n"
      "set ylabel \"top-1 accuracy, %\"\nset grid\nset key outside right top\nset offsets 0, 0, 1, "
      "1\nplot ";
  for (std::size_t i = 0; i < plots.size(); ++i)
    figure.script += (i == 0 ? "" : ", \\\n  ") + plots[i];
  figure.script += "\n";
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
    const auto cells = BatchSweep(analysis, model.id);
    if (!cells.empty()) figures.push_back(LatencyFigure(analysis, model.id, cells));
  }
  if (Figure trade = TradeOffFigure(analysis); !trade.name.empty())
    figures.push_back(std::move(trade));
  return figures;
}

}  // namespace quantbench
