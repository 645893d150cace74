// Figures of scenarios: the numbers that they must show, and when there are none.
#include "report/scenario_figures.h"

#include <cmath>

#include <gtest/gtest.h>

namespace quantbench {
namespace scenario_figures_test {

using Names = std::vector<std::string>;

const Names kArms = {std::string(kOriginal), "q"};

// The original and q, in a scenario.
ScenarioResult ResultOf(Scenario scenario) {
  ScenarioResult result;
  result.cell.model = "m";
  result.cell.cell = {1, 2, {}, false};
  result.cell.cell.scenario = scenario;
  result.arms.resize(2);
  result.arms[0].arm = kArms[0];
  result.arms[1].arm = kArms[1];
  return result;
}

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(BatchFigure, ShowsTheTrialAndWhatWasMeasuredAtTheChosenBatch) {
  ScenarioResult result = ResultOf(Scenario::kOffline);
  result.arms[0].batches = {{1, 100}, {4, 160}};
  result.arms[0].batch = 4;
  result.arms[0].value.estimate = 155;
  result.arms[1].batches = {{1, 300}, {2, 310.5}};
  result.arms[1].batch = 1;
  result.arms[1].value.estimate = 290;
  result.arms[1].doubt = 0.1;
  const Figure figure = BatchFigure(result, kArms);
  EXPECT_EQ(figure.name, "offline-m");
  EXPECT_EQ(figure.title, "m: throughput against batch");
  EXPECT_TRUE(Has(figure.data, "in the trial\n1 100\n4 160\n\n")) << figure.data;
  EXPECT_TRUE(Has(figure.data, "interval\n4 155 155 155\n\n")) << figure.data;
  EXPECT_TRUE(Has(figure.data, "interval\n1 290 262.403 320.5\n\n")) << figure.data;
  EXPECT_TRUE(Has(figure.script, "set xtics (1, 2, 4)")) << figure.script;
  EXPECT_TRUE(Has(figure.script, "#0072b2")) << figure.script;
  EXPECT_TRUE(Has(figure.caption, "original 155 at batch 4, q 290 at batch 1 samples a second"))
      << figure.caption;
  result.arms[0].batches = result.arms[1].batches = {{1, 100}};
  EXPECT_EQ(BatchFigure(result, kArms).name, "");
}

TEST(RateFigure, TellsRatesThatWereMetFromThoseMissed) {
  ScenarioResult result = ResultOf(Scenario::kServer);
  result.target_ms = 20;
  result.arms[0].rates = {{80, true, 12.5}, {90, false, 21}};
  result.arms[0].value = {80, 76, 84};
  result.arms[1].rates = {{150, false, 23}};
  result.arms[1].value = {0, NAN, NAN};
  const Figure figure = RateFigure(result, kArms);
  EXPECT_EQ(figure.name, "server-m");
  EXPECT_TRUE(
      Has(figure.data, "original: rates that were met, queries a second, p99 ms\n80 12.5\n"))
      << figure.data;
  EXPECT_TRUE(Has(figure.data, "p99 at least ms\n90 21\n")) << figure.data;
  EXPECT_TRUE(Has(figure.data, "p99 at least ms\n150 23\n")) << figure.data;
  EXPECT_TRUE(Has(figure.data, "80 20.4939 76 84\n")) << figure.data;
  EXPECT_TRUE(Has(figure.script, "\n  20 with lines") || Has(figure.script, "plot 20 with lines"))
      << figure.script;
  EXPECT_TRUE(Has(figure.script, "title \"target, 20.0 ms\"")) << figure.script;
  EXPECT_FALSE(Has(figure.script, "logscale")) << figure.script;
  EXPECT_TRUE(Has(figure.caption, "original 80.0 (76.0 to 84.0), q none queries a second"))
      << figure.caption;
  result.arms[0].rates = {{1, true, 0.5}, {90, false, 21}};
  const Figure wide = RateFigure(result, kArms);
  EXPECT_TRUE(Has(wide.script, "set logscale x\n") && Has(wide.script, "set logscale y\n"));
  result.arms[0].rates.clear();
  EXPECT_EQ(RateFigure(result, kArms).name, "");  // a single point
}

TEST(CourseFigure, MarksTheFirstAndTheLastWindow) {
  ScenarioResult result = ResultOf(Scenario::kSustained);
  result.window_s = 60;
  result.arms[0].course = {{0, 120, 10, 9, 11}, {120, 240, 12, 11, 14}};
  result.arms[0].slowdown = {1.2, 1.1, 1.3};
  result.arms[1].outcome = Outcome::kCrashed;
  const Figure figure = CourseFigure(result, kArms);
  EXPECT_EQ(figure.name, "sustained-m");
  EXPECT_TRUE(Has(figure.data,
                  "original: min, mean ms, nine laps in ten from, to ms\n"
                  "1 10 9 11\n3 12 11 14\n"))
      << figure.data;
  EXPECT_TRUE(Has(figure.script, "rectangle from 0, graph 0 to 1, graph 1")) << figure.script;
  EXPECT_TRUE(Has(figure.script, "rectangle from 3, graph 0 to 4, graph 1")) << figure.script;
  EXPECT_TRUE(Has(figure.script, "set xlabel \"minutes\"")) << figure.script;
  EXPECT_TRUE(Has(figure.caption, "in each 120 s")) << figure.caption;
  EXPECT_TRUE(Has(figure.caption, "original 1.20 (1.10 to 1.30).")) << figure.caption;
  result.arms[0].course = {{0, 2, 10, 9, 11}, {2, 4, 12, 11, 14}};
  EXPECT_TRUE(Has(CourseFigure(result, kArms).script, "set xlabel \"seconds\""));
  result.arms[0].course.pop_back();
  EXPECT_EQ(CourseFigure(result, kArms).name, "");
}

TEST(PartsFigure, StacksThePartsOfEveryArm) {
  ScenarioResult result = ResultOf(Scenario::kEndToEnd);
  result.arms[0].parts = {1, 2, 0.5, 6.5};
  result.arms[0].value.estimate = 10;
  result.arms[0].doubt = 0.05;
  result.arms[1].parts = {1, 2, 0.5, 2};
  result.arms[1].value.estimate = 5.5;
  const Figure figure = PartsFigure(result, kArms);
  EXPECT_EQ(figure.name, "end-to-end-m");
  EXPECT_TRUE(Has(figure.data, "\n1 1 2 0.5 6.5\n2 1 2 0.5 2\n")) << figure.data;
  EXPECT_TRUE(Has(figure.data, "\n1.0 10 9.51229 10.5127 10.5127 \"10.0 ms\"\n")) << figure.data;
  EXPECT_TRUE(Has(figure.script, "set ytics (\"original\" 1, \"q\" 2)")) << figure.script;
  EXPECT_TRUE(Has(figure.caption, "original 10.0 ms, 65 % of it the run, q 5.50 ms, 36 %"))
      << figure.caption;
  result.arms[0].parts = result.arms[1].parts = {NAN, NAN, NAN, NAN};
  EXPECT_EQ(PartsFigure(result, kArms).name, "");
}

TEST(JoulesFigure, ShowsGrossAndNetWithIntervals) {
  ScenarioResult result = ResultOf(Scenario::kEnergy);
  result.source = "rapl, counter: the processor package";
  result.arms[0].value = {0.1, 0.09, 0.11};
  result.arms[0].net = {0.075, 0.07, 0.08};
  result.arms[1].value = {0.05, 0.02, 0.9};  // wider than it is shown
  result.arms[1].net = {-0.001, NAN, NAN};
  const Figure figure = JoulesFigure(result, kArms);
  EXPECT_EQ(figure.name, "energy-m");
  EXPECT_TRUE(Has(figure.data, "\n0.8 100 90 110 110 \"100 mJ\"\n1.8 50 20 900 100 \"50.0 mJ\"\n"))
      << figure.data;
  EXPECT_TRUE(Has(figure.data, "\n1.2 75 70 80 80 \"75.0 mJ\"\n2.2 -1 -1 -1 0 \"-1.00 mJ\"\n"))
      << figure.data;
  EXPECT_TRUE(Has(figure.script, "set xrange [-1.1:132]")) << figure.script;
  EXPECT_TRUE(Has(figure.caption, "original 100 and 75.0 mJ, q 50.0 and -1.00 mJ."))
      << figure.caption;
  EXPECT_TRUE(Has(figure.caption, "Sensor: rapl")) << figure.caption;
  result.arms[1].value = {NAN, NAN, NAN};  // an external meter's log was not joined
  EXPECT_EQ(JoulesFigure(result, kArms).name, "");
}

// Every scenario of the page has its figure, and one that failed has none.
TEST(ScenarioFigures, AreThoseOfEveryScenarioThatWasMeasured) {
  Analysis analysis;
  analysis.study.variants.emplace_back().id = "q";
  ScenarioResult measured = ResultOf(Scenario::kEnergy);
  measured.arms[0].value = measured.arms[1].value = {0.1, 0.09, 0.11};
  ScenarioResult failed = ResultOf(Scenario::kOffline);
  failed.arms.clear();
  failed.cell.outcome = Outcome::kSkipped;
  analysis.scenarios = {failed, measured};
  const std::vector<Figure> figures = MakeFigures(analysis);
  ASSERT_EQ(figures.size(), 1U);
  EXPECT_EQ(figures[0].name, "energy-m");
}

}  // namespace scenario_figures_test
}  // namespace quantbench
