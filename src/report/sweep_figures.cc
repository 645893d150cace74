// Figures of a sweep: latency against batch, threads or an input dimension.
#include "report/sweep_figures.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"

#include "report/escape.h"
#include "report/lookup.h"
#include "report/plot.h"

namespace quantbench {
namespace {

using SweptCells = std::vector<const CellResult*>;

// What a sweep varies.
struct Axis {
  enum class Kind : std::uint8_t { kBatch, kThreads, kDimension };
  Kind kind = Kind::kBatch;
  std::string dimension;  // the name of a kDimension

  [[nodiscard]] std::string Label() const {
    if (kind == Kind::kBatch) return "batch";
    return kind == Kind::kThreads ? "threads" : Printable(dimension);
  }
  [[nodiscard]] std::int64_t At(const Cell& cell) const {
    if (kind == Kind::kBatch) return cell.batch;
    if (kind == Kind::kThreads) return cell.threads;
    const auto found = cell.dims.find(dimension);
    return found == cell.dims.end() ? 0 : found->second;
  }
  // The cell with its place on the axis forgotten: equal for all cells of one sweep.
  [[nodiscard]] Cell Rest(Cell cell) const {
    if (kind == Kind::kBatch) cell.batch = 0;
    if (kind == Kind::kBatch) cell.added = false;
    if (kind == Kind::kThreads) cell.threads = 0;
    if (kind == Kind::kDimension) cell.dims.erase(dimension);
    return cell;
  }
};

// The measured cells that differ from `first` on the axis only, by rising value.
SweptCells CellsAlong(const Analysis& analysis, const CellResult& first, const Axis& axis) {
  SweptCells cells;
  for (const CellResult& cell : analysis.cells) {
    if (cell.model != first.model || cell.outcome != Outcome::kOk) continue;
    if (axis.Rest(cell.cell) == axis.Rest(first.cell)) cells.push_back(&cell);
  }
  std::stable_sort(cells.begin(), cells.end(), [&](const CellResult* a, const CellResult* b) {
    return axis.At(a->cell) < axis.At(b->cell);
  });
  return cells;
}

// "batch 1, 2 threads, width 224": all but the axis.
std::string Circumstances(const Cell& cell, const Axis& axis) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (axis.kind != Axis::Kind::kBatch) add(Format("batch {}", cell.batch));
  if (axis.kind != Axis::Kind::kThreads) {
    add(Format("{} thread{}", cell.threads, cell.threads == 1 ? "" : "s"));
  }
  for (const auto& [name, value] : axis.Rest(cell).dims) {
    add(Format("{} {}", Printable(name), value));
  }
  return text;
}

// "latency-<model>", with "@threads" or "@dim-<name>" for the other axes: "@" stands in no name.
std::string SweepName(const std::string& model, const Axis& axis) {
  std::string name = FigureName("latency", model);
  if (axis.kind == Axis::Kind::kThreads) return name + "@threads";
  if (axis.kind == Axis::Kind::kBatch) return name;
  // The two together are no longer than a file's name may be.
  const std::string dimension = FigureName("dim", axis.dimension);
  const std::string both = name + "@" + dimension;
  return both.size() <= 200 ? both : name.substr(0, 80) + "@dim-~" + Sha256(both).substr(0, 16);
}

// One line a cell: place, mean, standard deviation; empty when the arm was measured nowhere.
std::string LatencyBlock(const SweptCells& cells, const Axis& axis, const std::string& arm) {
  std::string block;
  for (const CellResult* cell : cells) {
    const ArmLatency* row = LatencyOf(cell, arm);
    if (row == nullptr) continue;
    block += Format("{} {:.6f} {:.6f}\n", axis.At(cell->cell), row->ms.mean,
                    std::isnan(row->ms.stddev) ? 0 : row->ms.stddev);
  }
  return block;
}

std::string LatencyCaption(const SweptCells& cells, const Axis& axis) {
  double best = 0;
  std::string fastest;
  for (const CellResult* cell : cells) {
    for (const ArmLatency& arm : cell->arms) {
      if (arm.arm == kOriginal || arm.outcome != Outcome::kOk || arm.speedup.estimate <= best)
        continue;
      best = arm.speedup.estimate;
      fastest = Format("{} at {} {}", arm.arm, axis.Label(), axis.At(cell->cell));
    }
  }
  return Format(
      "Mean and standard deviation of the forward pass of {}, {}, both axes logarithmic.{}",
      cells.front()->model, Circumstances(cells.front()->cell, axis),
      best > 0 ? Format(" The best ratio to the original is {:.2f} ({}).", best, fastest) : "");
}

// Where the latency axis begins: below the smallest bar, but not where a standard deviation as
// large as its mean would draw it on a logarithmic axis.
double LowestShown(const SweptCells& cells) {
  double lowest = std::numeric_limits<double>::infinity();
  for (const CellResult* cell : cells) {
    for (const ArmLatency& arm : cell->arms) {
      if (arm.outcome != Outcome::kOk) continue;
      lowest = std::min(lowest, std::fmax(arm.ms.mean - arm.ms.stddev, arm.ms.mean / 4));
    }
  }
  return 0.9 * lowest;
}

// The axes, the title and the places where something was measured.
std::string AxesScript(const SweptCells& cells, const Axis& axis, const std::string& title) {
  std::string tics;
  for (const CellResult* cell : cells) {
    tics += Format("{}{}", tics.empty() ? "" : ", ", axis.At(cell->cell));
  }
  return Format(
      "set logscale xy\nset xlabel {}\nset ylabel \"latency of one forward pass, ms\"\n"
      "set grid\nset key top left\nset xtics nomirror\nset title {}\n"
      "set xtics ({})\nset xrange [{}:{}]\nset yrange [{:.6g}:*]\n",
      EscapeGnuplot(axis.Label()), EscapeGnuplot(title), tics,
      static_cast<double>(axis.At(cells.front()->cell)) * 0.85,
      static_cast<double>(axis.At(cells.back()->cell)) * 1.18, LowestShown(cells));
}

Figure LatencyFigure(const Analysis& analysis, const SweptCells& cells, const Axis& axis) {
  Figure figure;
  figure.name = SweepName(cells.front()->model, axis);
  figure.title = Format("{}: latency against {}", cells.front()->model, axis.Label());
  figure.caption = LatencyCaption(cells, axis);
  const std::vector<std::string> arms = ArmsOf(analysis);
  std::vector<std::string> plots;
  for (std::size_t i = 0; i < arms.size(); ++i) {
    const std::string block = LatencyBlock(cells, axis, arms[i]);
    if (block.empty()) continue;
    figure.data += Format("# {}: {}, mean ms, standard deviation ms\n{}\n\n", Printable(arms[i]),
                          axis.Label(), block);
    // The arms stand a little beside each other, so that no bar hides another.
    const double shift =
        std::pow(1.012, static_cast<double>(i) - static_cast<double>(arms.size() - 1) / 2);
    plots.push_back(
        Format("'{}.dat' index {} using ($1*{:.4f}):2:3 with yerrorlines linewidth 2 pointtype 7 "
               "pointsize 0.8 linecolor rgb \"{}\" title {}",
               figure.name, plots.size(), shift, Colour(i), EscapeGnuplot(arms[i])));
  }
  figure.script = AxesScript(cells, axis, figure.title) + "plot " + Joined(plots);
  return figure;
}

}  // namespace

std::vector<Figure> SweepFigures(const Analysis& analysis, const std::string& model) {
  const CellResult* first = FirstCell(analysis, model);
  if (first == nullptr) return {};
  std::vector<Axis> axes = {{Axis::Kind::kBatch, ""}, {Axis::Kind::kThreads, ""}};
  for (const auto& [name, value] : first->cell.dims) {
    axes.push_back({Axis::Kind::kDimension, name});
  }
  std::vector<Figure> figures;
  for (const Axis& axis : axes) {
    const SweptCells cells = CellsAlong(analysis, *first, axis);
    if (cells.size() > 1) figures.push_back(LatencyFigure(analysis, cells, axis));
  }
  if (figures.empty()) {
    figures.push_back(
        LatencyFigure(analysis, CellsAlong(analysis, *first, axes.front()), axes.front()));
  }
  return figures;
}

}  // namespace quantbench
