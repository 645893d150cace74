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

// The arm's size, null when it has none.
const ArmSize* SizeOf(const Analysis& analysis, const std::string& model, const std::string& arm) {
  for (const ArmSize& size : analysis.sizes) {
    if (size.model == model && size.arm == arm) return &size;
  }
  return nullptr;
}

// One row a model, one column an arm, in MB.
std::string SizeData(const Analysis& analysis, const std::vector<std::string>& arms) {
  std::string data = "# model";
  for (const std::string& arm : arms) data += " " + Quoted(arm);
  data += "   (MB)\n";
  for (const StudyModel& model : analysis.study.models) {
    data += Quoted(model.id);
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
               i == 0 ? ":xtic(1)" : "", Quoted(arms[i]), Colour(i));
  }
  figure.script += "\n";
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

// The arm in a cell, null when it was not measured there.
const ArmLatency* LatencyOf(const CellResult& cell, const std::string& arm) {
  for (const ArmLatency& row : cell.arms) {
    if (row.arm == arm && row.outcome == Outcome::kOk) return &row;
  }
  return nullptr;
}

// One line a batch: batch, mean, standard deviation; empty when the arm was measured nowhere.
std::string LatencyBlock(const std::vector<const CellResult*>& cells, const std::string& arm) {
  std::string block;
  for (const CellResult* cell : cells) {
    const ArmLatency* row = LatencyOf(*cell, arm);
    if (row == nullptr) continue;
    block += Format("{} {:.6f} {:.6f}\n", cell->cell.batch, row->ms.mean,
                    std::isnan(row->ms.stddev) ? 0 : row->ms.stddev);
  }
  return block;
}

std::string LatencyCaption(const std::string& model, const std::vector<const CellResult*>& cells) {
  double best = 0;
  std::string fastest;
  for (const CellResult* cell : cells) {
    for (const ArmLatency& arm : cell->arms) {
      if (arm.arm == kOriginal || arm.outcome != Outcome::kOk || arm.speedup.estimate <= best)
        continue;
      best = arm.speedup.estimate;
      fastest = Format("{} at batch {}", arm.arm, cell->cell.batch);
    }
  }
  const std::int64_t threads = cells.front()->cell.threads;
  return Format(
      "Mean and standard deviation of the forward pass of {}, {} thread{}, both axes "
      "logarithmic.{}",
      model, threads, threads == 1 ? "" : "s",
      best > 0 ? Format(" The best ratio to the original is {:.2f} ({}).", best, fastest) : "");
}

std::string Joined(const std::vector<std::string>& plots) {
  std::string text;
  for (const std::string& plot : plots) text += (text.empty() ? "" : ", \\\n  ") + plot;
  return text + "\n";
}

Figure LatencyFigure(const Analysis& analysis, const std::string& model,
                     const std::vector<const CellResult*>& cells) {
  Figure figure;
  figure.name = "latency-" + model;
  figure.title = Format("{}: latency against batch", model);
  figure.caption = LatencyCaption(model, cells);
  const std::vector<std::string> arms = ArmsOf(analysis);
  std::vector<std::string> plots;
  for (std::size_t i = 0; i < arms.size(); ++i) {
    const std::string block = LatencyBlock(cells, arms[i]);
    if (block.empty()) continue;
    figure.data += Format("# {}: batch, mean ms, standard deviation ms\n{}\n\n", arms[i], block);
    plots.push_back(
        Format("'{}.dat' index {} using 1:2:3 with yerrorlines linewidth 2 pointtype 7 "
               "pointsize 0.8 linecolor rgb \"{}\" title {}",
               figure.name, plots.size(), Colour(i), Quoted(arms[i])));
  }
  std::string tics;
  for (const CellResult* cell : cells) {
    tics += Format("{}{}", tics.empty() ? "" : ", ", cell->cell.batch);
  }
  figure.script = Format(
      "set logscale xy\nset xlabel \"batch\"\nset ylabel \"latency of one forward pass, ms\"\n"
      "set grid\nset key top left\nset xtics nomirror\nset title {}\n"
      "set xtics ({})\nset xrange [{}:{}]\nplot {}",
      Quoted(figure.title), tics, static_cast<double>(cells.front()->cell.batch) * 0.85,
      static_cast<double>(cells.back()->cell.batch) * 1.18, Joined(plots));
  return figure;
}

// The arm's accuracy, null where none was measured against labels.
const ArmAccuracy* AccuracyOf(const Analysis& analysis, const std::string& model,
                              const std::string& arm) {
  for (const ArmAccuracy& score : analysis.accuracies) {
    if (score.model == model && score.arm == arm && score.top1.valid()) return &score;
  }
  return nullptr;
}

// One point an arm: latency in the model's first cell, accuracy with its interval.
Figure TradeOffFigure(const Analysis& analysis) {
  Figure figure;
  figure.name = "accuracy-latency";
  figure.title = "Accuracy against latency";
  const std::vector<std::string> arms = ArmsOf(analysis);
  std::vector<std::string> plots;
  const auto add = [&](std::size_t shape, const std::string& model, const CellResult& cell,
                       std::size_t arm) {
    const ArmLatency* latency = LatencyOf(cell, arms[arm]);
    const ArmAccuracy* score = AccuracyOf(analysis, model, arms[arm]);
    if (latency == nullptr || score == nullptr) return;
    figure.data += Format("# {} {}: ms, top-1 %, low, high\n{:.6f} {:.4f} {:.4f} {:.4f}\n\n\n",
                          model, arms[arm], latency->ms.mean, score->top1.estimate * 100,
                          score->top1.low * 100, score->top1.high * 100);
    plots.push_back(
        Format("'{}.dat' index {} using 1:2:3:4 with yerrorbars linewidth 1.5 pointtype {} "
               "pointsize 1.4 linecolor rgb \"{}\" title {}",
               figure.name, plots.size(), 5 + shape * 2 % 10, Colour(arm),
               Quoted(Format("{} {}", model, arms[arm]))));
  };
  for (std::size_t m = 0; m < analysis.study.models.size(); ++m) {
    const std::string& model = analysis.study.models[m].id;
    const std::vector<const CellResult*> cells = BatchSweep(analysis, model);
    if (cells.empty()) continue;
    for (std::size_t i = 0; i < arms.size(); ++i) add(m, model, *cells.front(), i);
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
    const auto cells = BatchSweep(analysis, model.id);
    if (!cells.empty()) figures.push_back(LatencyFigure(analysis, model.id, cells));
  }
  if (Figure trade = TradeOffFigure(analysis); !trade.name.empty())
    figures.push_back(std::move(trade));
  return figures;
}

}  // namespace quantbench
