// Curves of scenarios: throughput against batch, latency against rate, times over time.
#include <algorithm>
#include <cmath>

#include "quantbench/base/format.h"

#include "report/cells.h"
#include "report/escape.h"
#include "report/plot.h"
#include "report/scenario_figures.h"

namespace quantbench {
namespace {

using ArmNames = std::vector<std::string>;

// The entry of an arm in the key.
std::string KeyOf(const ArmNames& arms, const std::string& arm) {
  return Format("keyentry with linespoints linewidth 2 pointtype 7 linecolor rgb \"{}\" title {}",
                ColourOf(arms, arm), EscapeGnuplot(arm));
}

std::string Axes(const Figure& figure, std::string_view x, std::string_view y) {
  return Format(
      "set title {}\nset xlabel \"{}\"\nset ylabel \"{}\"\nset grid\nset key outside top "
      "center horizontal\nset xtics nomirror\n",
      EscapeGnuplot(figure.title), x, y);
}

// --- offline ---

constexpr double kBesideBatch = 1.03;  // times: rings at one batch stand beside each other
constexpr double kLongestTimes = 1.5;  // of a whisker that the axis makes room for

Interval MeasuredThroughput(const ScenarioArm& arm) {
  const double value = arm.value.estimate;
  return {value, value * std::exp(-arm.doubt), value * std::exp(arm.doubt)};
}

std::string Throughput(const ScenarioArm& arm) {
  return Format("{} at batch {}", Number(arm.value.estimate), arm.batch);
}

// `shift`: times the place of the ring.
void DrawBatches(const ScenarioArm& arm, const std::string& colour, double shift,
                 PlotBlocks* blocks) {
  std::string rows;
  for (const BatchTried& tried : arm.batches) {
    rows += Format("{} {:.6g}\n", tried.batch, tried.samples_per_s);
  }
  blocks->Draw(blocks->Add(Format("{}: batch, samples a second in the trial", arm.arm), rows),
               Format("using 1:2 with linespoints linewidth 2 pointtype 7 pointsize 0.8 linecolor "
                      "rgb \"{}\" notitle",
                      colour));
  const Interval measured = MeasuredThroughput(arm);
  const std::string chosen = Format("{} {:.6g} {:.6g} {:.6g}\n", arm.batch, measured.estimate,
                                    measured.low, measured.high);
  blocks->Draw(
      blocks->Add(Format("{}: chosen batch, samples a second, 95 % interval", arm.arm), chosen),
      Format("using ($1*{:.4f}):2:3:4 with yerrorbars linewidth 1.5 pointtype 6 pointsize 2.2 "
             "linecolor rgb \"{}\" notitle",
             shift, colour));
}

// --- server ---

std::string HighestRate(const ScenarioArm& arm) {
  return arm.value.estimate > 0 ? WithInterval(arm.value) : "none";
}

// One point a rate that was tried, those met apart from those missed.
void DrawRates(const ScenarioArm& arm, const std::string& colour, PlotBlocks* blocks) {
  std::string met;
  std::string missed;
  for (const RateTried& tried : arm.rates) {
    (tried.met ? met : missed) += Format("{:.6g} {:.6g}\n", tried.rate, tried.p99_ms);
  }
  if (!met.empty()) {
    blocks->Draw(
        blocks->Add(Format("{}: rates that were met, queries a second, p99 ms", arm.arm), met),
        Format("using 1:2 with points pointtype 7 pointsize 0.9 linecolor rgb \"{}\" notitle",
               colour));
  }
  if (!missed.empty()) {
    blocks->Draw(
        blocks->Add(
            Format("{}: rates that were missed, queries a second, p99 at least ms", arm.arm),
            missed),
        Format("using 1:2 with points linewidth 1.5 pointtype 8 pointsize 1.2 linecolor rgb "
               "\"{}\" notitle",
               colour));
  }
}

constexpr double kBesideTarget = 1.05;  // times: the highest rates stand beside each other

// The highest rate of an arm, at `at_ms`.
void DrawHighest(const ScenarioArm& arm, double at_ms, const std::string& colour,
                 PlotBlocks* blocks) {
  if (!(arm.value.estimate > 0)) return;
  const bool known = arm.value.valid();
  const std::string row = Format("{:.6g} {:.6g} {:.6g} {:.6g}\n", arm.value.estimate, at_ms,
                                 known ? arm.value.low : arm.value.estimate,
                                 known ? arm.value.high : arm.value.estimate);
  blocks->Draw(
      blocks->Add(Format("{}: highest rate, beside the target, 95 % interval of the rate", arm.arm),
                  row),
      Format("using 1:2:3:4 with xerrorbars linewidth 2 pointtype 6 pointsize 2.2 linecolor rgb "
             "\"{}\" notitle",
             colour));
}

// --- sustained ---

constexpr double kInMinutes = 180;  // seconds from which an axis counts minutes

std::string LastOverFirst(const ScenarioArm& arm) {
  return WithInterval(arm.slowdown);
}

// Grey behind the two windows that are compared. `unit`: seconds of one on the axis.
std::string Windows(double window_s, double end_s, double unit) {
  std::string script;
  for (const auto& [name, from] : {std::pair{"first", 0.0}, std::pair{"last", end_s - window_s}}) {
    script += Format(
        "set object rectangle from {:.6g}, graph 0 to {:.6g}, graph 1 behind fillcolor rgb "
        "\"#eeeeee\" fillstyle solid noborder\n"
        "set label \"{} {:.3g} s\" at {:.6g}, graph 0.96 center textcolor rgb \"#555555\"\n",
        from / unit, (from + window_s) / unit, name, window_s, (from + window_s / 2) / unit);
  }
  return script;
}

// The band of laps first, so that lines stand upon it.
void DrawCourses(const ScenarioResult& result, const ArmNames& arms, double unit,
                 PlotBlocks* blocks) {
  std::vector<std::pair<std::size_t, std::string>> lines;
  for (const ScenarioArm& arm : result.arms) {
    if (arm.course.empty()) continue;
    std::string rows;
    for (const CoursePart& stretch : arm.course) {
      rows += Format("{:.6g} {:.6g} {:.6g} {:.6g}\n", (stretch.from_s + stretch.to_s) / 2 / unit,
                     stretch.ms, stretch.low_ms, stretch.high_ms);
    }
    const std::size_t block = blocks->Add(
        Format("{}: {}, mean ms, nine laps in ten from, to ms", arm.arm, unit > 1 ? "min" : "s"),
        rows);
    const std::string colour = ColourOf(arms, arm.arm);
    blocks->Draw(block, Format("using 1:3:4 with filledcurves fillstyle transparent solid 0.15 "
                               "noborder linecolor rgb \"{}\" notitle",
                               colour));
    lines.emplace_back(block, Format("using 1:2 with lines linewidth 2 linecolor rgb \"{}\" "
                                     "title {}",
                                     colour, EscapeGnuplot(arm.arm)));
  }
  for (const auto& [block, how] : lines) blocks->Draw(block, how);
}

}  // namespace

Figure BatchFigure(const ScenarioResult& result, const ArmNames& arms) {
  Figure figure = BeginFigure(result, "throughput against batch");
  PlotBlocks blocks(figure.name);
  AxisRange throughputs;
  std::vector<std::int64_t> batches;
  for (const ScenarioArm& arm : result.arms) {
    if (arm.outcome != Outcome::kOk || arm.batches.empty()) continue;
    for (const BatchTried& tried : arm.batches) {
      throughputs.Add(tried.samples_per_s);
      batches.push_back(tried.batch);
    }
    const Interval measured = MeasuredThroughput(arm);
    throughputs.Add(std::max(measured.low, measured.estimate / kLongestTimes));
    throughputs.Add(std::min(measured.high, measured.estimate * kLongestTimes));
    const auto place = static_cast<double>(&arm - result.arms.data());
    const double middle = static_cast<double>(result.arms.size() - 1) / 2;
    DrawBatches(arm, ColourOf(arms, arm.arm), std::pow(kBesideBatch, place - middle), &blocks);
    blocks.Also(KeyOf(arms, arm.arm));
  }
  std::sort(batches.begin(), batches.end());
  batches.erase(std::unique(batches.begin(), batches.end()), batches.end());
  if (batches.size() < 2) return {};
  std::string tics;
  for (const std::int64_t batch : batches) {
    tics += Format("{}{}", tics.empty() ? "" : ", ", batch);
  }
  figure.data = blocks.data();
  figure.script = Format("{}{}set logscale x\nset xtics ({})\nset xrange [{:.6g}:{:.6g}]\n{}",
                         Axes(figure, "batch", "samples a second"), throughputs.Script('y'), tics,
                         static_cast<double>(batches.front()) * 0.85,
                         static_cast<double>(batches.back()) * 1.18, blocks.Command());
  figure.caption += Format(
      "Lines are the trial that chooses the batch, one short measurement a point. Rings are what "
      "was measured afterwards at the batch that was chosen, with the 95 % interval of the mean: "
      "{} samples a second.",
      ForEveryArm(result, Throughput));
  return figure;
}

Figure RateFigure(const ScenarioResult& result, const ArmNames& arms) {
  Figure figure = BeginFigure(result, "latency against arrival rate");
  PlotBlocks blocks(figure.name);
  AxisRange rates;
  AxisRange times;
  std::size_t points = 0;
  for (const ScenarioArm& arm : result.arms) {
    for (const RateTried& tried : arm.rates) {
      rates.Add(tried.rate);
      times.Add(tried.p99_ms);
    }
    points += arm.rates.size();
  }
  if (points < 2 || !(result.target_ms > 0)) return {};
  times.Add(result.target_ms);
  blocks.Also(
      Format("{:.6g} with lines linewidth 1.5 dashtype 2 linecolor rgb \"#888888\" title "
             "\"target, {} ms\"",
             result.target_ms, Number(result.target_ms)));
  for (const ScenarioArm& arm : result.arms) {
    if (arm.rates.empty()) continue;
    DrawRates(arm, ColourOf(arms, arm.arm), &blocks);
    blocks.Also(KeyOf(arms, arm.arm));
  }
  double beside = std::pow(kBesideTarget, static_cast<double>(result.arms.size() - 1) / 2);
  for (const ScenarioArm& arm : result.arms) {
    DrawHighest(arm, result.target_ms * beside, ColourOf(arms, arm.arm), &blocks);
    beside /= kBesideTarget;
  }
  for (const auto& [type, title] : {std::pair{7, "met"}, std::pair{8, "missed, at least"},
                                    std::pair{6, "highest rate, 95 %"}}) {
    blocks.Also(
        Format("keyentry with points pointtype {} pointsize 1.2 linecolor rgb \"#888888\" "
               "title \"{}\"",
               type, title));
  }
  figure.data = blocks.data();
  figure.script =
      Axes(figure, "arrival rate, queries a second", "time that 99 % of queries take at most, ms") +
      rates.Script('x') + times.Script('y') + blocks.Command();
  figure.caption += Format(
      "Every point is a rate that was tried, in one of the processes; its height is the time that "
      "99 % of queries take at most, with 95 % confidence, from their scheduled arrival. Discs met "
      "the target of {} ms; triangles missed it: their trial ended early, so they stand at the "
      "least that it can be. Rings beside the target are the highest rates that were met, with the "
      "95 "
      "% interval over processes: {} queries a second.",
      Number(result.target_ms), ForEveryArm(result, HighestRate));
  return figure;
}

Figure CourseFigure(const ScenarioResult& result, const ArmNames& arms) {
  Figure figure = BeginFigure(result, "time of a run over time");
  AxisRange times;
  double end_s = 0;
  double length_s = 0;
  std::size_t most = 0;
  for (const ScenarioArm& arm : result.arms) {
    for (const CoursePart& stretch : arm.course) {
      times.Add(stretch.low_ms);
      times.Add(stretch.high_ms);
      length_s = stretch.to_s - stretch.from_s;
      end_s = std::max(end_s, stretch.to_s);
    }
    most = std::max(most, arm.course.size());
  }
  if (most < 2) return {};
  const double unit = end_s >= kInMinutes ? 60 : 1;
  PlotBlocks blocks(figure.name);
  DrawCourses(result, arms, unit, &blocks);
  figure.data = blocks.data();
  figure.script =
      Format("{}{}set xrange [0:{:.6g}]\n{}{}",
             Axes(figure, unit > 1 ? "minutes" : "seconds", "time of a run, ms"), times.Script('y'),
             end_s / unit, Windows(result.window_s, end_s, unit), blocks.Command());
  figure.caption += Format(
      "Lines are the mean time of a run in each {:.3g} s; of nine laps in ten the mean lies in the "
      "band around it. Grey are the first and the last {:.3g} s, which are compared: last over "
      "first, "
      "with its 95 % interval, {}.",
      length_s, result.window_s, ForEveryArm(result, LastOverFirst));
  return figure;
}

}  // namespace quantbench
