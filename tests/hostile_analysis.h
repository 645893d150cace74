// An analysis, and records, in which every text is one name.
#pragma once

#include <string>

#include "quantbench/analyse.h"

namespace quantbench::testing {

inline ArmLatency ArmNamed(const std::string& arm, const std::string& name) {
  ArmLatency row;
  row.arm = arm;
  row.ms = {10, 2, 0.1, 2, 0.05, 1.9, 2.1};
  row.cpu_ms = row.ms;
  row.ratio = row.wall_ratio = row.cpu_ratio = {0.5, 0.49, 0.51};
  row.speedup = {2, 1.96, 2.04};
  row.first_run_ms = row.load_ms = 3;
  row.processes = 3;
  row.work = ModelWork();
  row.work->total.macs = 1000;
  row.least_ms = 1;
  row.roof = name;
  row.reason = name;
  return row;
}

inline CellResult CellNamed(const std::string& name) {
  CellResult cell;
  cell.model = name;
  cell.cell = {1, 1, {{name, 8}}, false};
  cell.reason = cell.input = cell.stopped = name;
  cell.control = {1, 0.99, 1.01};
  cell.arms = {ArmNamed(std::string(kOriginal), name), ArmNamed(name, name)};
  ArmLatency broken;
  broken.arm = "broken";
  broken.outcome = Outcome::kFailed;
  broken.reason = name;
  cell.arms.push_back(broken);
  ArmMemory memory;
  memory.arm = memory.reason = name;
  memory.loaded = memory.steady = memory.peak = 1000;
  cell.memory = {memory};
  return cell;
}

inline ArmAccuracy AccuracyNamed(const std::string& name) {
  ArmAccuracy row;
  row.model = row.arm = row.data = row.reason = name;
  row.labelled = true;
  row.rows = row.samples = 50;
  row.correct = 40;
  row.top1 = {0.8, 0.7, 0.9};
  row.agreement = {0.98, 0.9, 1};
  row.scores = {{Score::kTop1, row.top1, {-0.02, -0.05, 0.01}, 0.25, NotWorse::kOpen, 900}};
  row.classes = {{3, 50, 48, 20, 0.001}};
  row.bad = {{4, name}};
  return row;
}

inline QuantizeResult QuantizeNamed(const std::string& name) {
  QuantizeResult row;
  row.model = row.variant = row.reason = name;
  row.layers = 3;
  row.quantized = 1;
  row.float_reasons = {{name, 2}};
  row.plan.recipe = name;
  row.plan.notes = {name};
  row.plan.engine_options = {{name, name}};
  LayerPlan layer;
  layer.layer = layer.op_type = layer.reason = layer.weight = layer.tied_to = layer.form =
      layer.absorbed_by = name;
  row.plan.layers = {layer};
  return row;
}

inline ScenarioResult ScenarioNamed(const std::string& name, Scenario scenario) {
  ScenarioResult result;
  result.cell = CellNamed(name);
  result.cell.arms.clear();
  result.cell.cell.scenario = scenario;
  result.source = name;
  result.target_ms = 20;
  result.window_s = 1;
  ScenarioArm arm;
  arm.arm = name;
  arm.value = arm.better = arm.net = arm.slowdown = {2, 1.9, 2.1};
  arm.parts = {1, 2, 0.5, 3};
  arm.batches = {{1, 10}, {2, 15}};
  arm.rates = {{1, true, 10}, {2, false, 30}};
  arm.course = {{0, 2, 1, 0.9, 1.1}, {2, 4, 1.2, 1.1, 1.3}};
  ScenarioArm original = arm;
  original.arm = std::string(kOriginal);
  ScenarioArm broken;
  broken.arm = broken.reason = name;
  broken.outcome = Outcome::kCrashed;
  result.arms = {original, arm, broken};
  return result;
}

inline Study StudyNamed(const std::string& name) {
  Study study;
  study.title = study.group = study.text = study.difficulties = study.discussion = name;
  study.authors = {name, name};
  StudyModel model;
  model.id = model.why = model.data = model.metric = model.calibrate = name;
  model.bits = 32;
  study.models = {model};
  StudyVariant variant;
  variant.id = variant.why = variant.quantizes = variant.recipe.name = name;
  study.variants = {variant};
  study.data[name].id = name;
  Hypothesis hypothesis;
  hypothesis.id = hypothesis.text = hypothesis.why = hypothesis.model = name;
  hypothesis.arms = {name, std::string(kOriginal)};
  hypothesis.expect = {Claim::kRegion, 0, 1, name};
  study.hypotheses = {hypothesis};
  return study;
}

// Every table, figure and sentence of a report has something to say.
inline Analysis AnalysisNamed(const std::string& name) {
  Analysis analysis;
  analysis.study = StudyNamed(name);
  ModelSize before;
  before.file_bytes = 4'000'000;
  before.by_type[name] = {1, 1'000'000, 4'000'000};
  ModelSize after = before;
  after.file_bytes = 1'000'000;
  analysis.sizes = {{name, std::string(kOriginal), before, 1}, {name, name, after, 4}};
  analysis.cells = {CellNamed(name), CellNamed(name)};
  analysis.cells[1].cell.batch = 2;
  analysis.accuracies = {AccuracyNamed(name)};
  analysis.quantized = {QuantizeNamed(name)};
  NaturalLatency natural;
  natural.model = natural.arm = name;
  natural.real_ms = natural.synthetic_ms = 1;
  analysis.natural = {natural};
  for (const Scenario scenario : {Scenario::kOffline, Scenario::kServer, Scenario::kSustained,
                                  Scenario::kEndToEnd, Scenario::kEnergy}) {
    analysis.scenarios.push_back(ScenarioNamed(name, scenario));
  }
  TradeOff original{
      name, std::string(kOriginal), Score::kTop1, {0.9, 0.88, 0.92}, {2, 2, 2}, 4.0, "", true,
      true};
  TradeOff variant{name, name,  Score::kTop1, {0.8, 0.78, 0.82}, {3, 2.9, 3.1}, 5.0,
                   name, false, false};
  analysis.trade_offs = {original, variant};
  analysis.findings = {{Finding::Level::kWarning, name}, {Finding::Level::kNote, name}};
  Verdict verdict{name, name, name, Judgement::kRefuted, {0.5, 0.4, 0.6}, name};
  analysis.hypotheses = {
      {analysis.study.hypotheses[0], Judgement::kRefuted, name, {verdict}, false}};
  analysis.environments = {Json::MakeObject().Set(name, name).Set("cpu", name).Set("engine", name)};
  return analysis;
}

}  // namespace quantbench::testing
