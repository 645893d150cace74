// Figures of scenarios: which there are, and what they share.
#include "report/scenario_figures.h"

#include "quantbench/base/format.h"

#include "report/cells.h"
#include "report/lookup.h"

namespace quantbench {
namespace {

Figure ScenarioFigure(const ScenarioResult& result, const std::vector<std::string>& arms) {
  switch (result.cell.cell.scenario) {
    case Scenario::kOffline: return BatchFigure(result, arms);
    case Scenario::kServer: return RateFigure(result, arms);
    case Scenario::kSustained: return CourseFigure(result, arms);
    case Scenario::kEndToEnd: return PartsFigure(result, arms);
    case Scenario::kEnergy: return JoulesFigure(result, arms);
    case Scenario::kSingleStream: break;
  }
  return {};
}

}  // namespace

std::vector<Figure> ScenarioFigures(const Analysis& analysis) {
  const std::vector<std::string> arms = ArmsOf(analysis);
  std::vector<Figure> figures;
  for (const ScenarioResult& result : analysis.scenarios) {
    Figure figure = ScenarioFigure(result, arms);
    if (!figure.name.empty()) figures.push_back(std::move(figure));
  }
  return figures;
}

Figure BeginFigure(const ScenarioResult& result, std::string_view title) {
  Figure figure;
  figure.name = FigureName(Name(result.cell.cell.scenario), result.cell.model);
  figure.title = Format("{}: {}", result.cell.model, title);
  figure.caption = Format("{}, {}. ", result.cell.model, result.cell.cell.Describe());
  return figure;
}

std::string WithInterval(const Interval& value) {
  if (!value.valid()) return Number(value.estimate);
  return Format("{} ({} to {})", Number(value.estimate), Number(value.low), Number(value.high));
}

std::string ForEveryArm(const ScenarioResult& result, std::string (*say)(const ScenarioArm& arm)) {
  std::string text;
  for (const ScenarioArm& arm : result.arms) {
    const std::string said = arm.outcome == Outcome::kOk ? say(arm) : "";
    if (!said.empty()) text += Format("{}{} {}", text.empty() ? "" : ", ", arm.arm, said);
  }
  return text;
}

}  // namespace quantbench
