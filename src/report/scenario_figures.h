// Figures of scenarios: what every arm did on the way to the numbers of the tables.
#pragma once

#include <string>
#include <vector>

#include "report/figures.h"

namespace quantbench {

// One figure a model and scenario, those left out that have nothing to show.
std::vector<Figure> ScenarioFigures(const Analysis& analysis);

// Its name, title, and the beginning of its caption: the model and its cell.
Figure BeginFigure(const ScenarioResult& result, std::string_view title);
// "10.0 (9.50 to 10.5)"; the number alone where there is no interval.
std::string WithInterval(const Interval& value);
// What `say` says of every arm that was measured, where it says something:
// "original 10.0, q 5.00".
std::string ForEveryArm(const ScenarioResult& result, std::string (*say)(const ScenarioArm& arm));

// Each is without a name where there is nothing to compare: no two points, no arm. `arms`: all of
// the study, whose places give the colours.
// Offline: samples a second against batch, as the trial saw it; what was measured at the chosen
// one.
Figure BatchFigure(const ScenarioResult& result, const std::vector<std::string>& arms);
// Server: the 99th percentile at every rate tried, met or missed; the target; the highest rates.
Figure RateFigure(const ScenarioResult& result, const std::vector<std::string>& arms);
// Sustained: mean time of a run over time.
Figure CourseFigure(const ScenarioResult& result, const std::vector<std::string>& arms);
// From file to answer: a bar an arm, of its parts.
Figure PartsFigure(const ScenarioResult& result, const std::vector<std::string>& arms);
// Energy: joules of an inference, gross and net.
Figure JoulesFigure(const ScenarioResult& result, const std::vector<std::string>& arms);

}  // namespace quantbench
