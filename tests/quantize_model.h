// Quantizing in tests: the whole way from a model and samples to a quantized model.
#pragma once

#include <string_view>

#include "quantbench/base/progress.h"
#include "quantbench/calibrate.h"
#include "quantbench/quantize.h"

#include "engine_runner.h"

namespace quantbench::testing {

struct QuantizedModel {
  Model prepared;
  Plan plan;
  Model model;
};

// A named recipe that takes integers wherever they can be: models of tests are too small to gain.
inline Recipe Unweighed(std::string_view name) {
  Recipe recipe = Must(FindRecipe(name));
  recipe.weighs_costs = false;
  return recipe;
}

// Prepare, calibrate where needed, plan, apply.
inline QuantizedModel Quantize(const Model& model, const Recipe& recipe, const Dataset& dataset) {
  QuantizedModel result;
  result.prepared = Must(PrepareFor(model, recipe, nullptr));
  CalibrationTable table;
  if (recipe.needs_calibration()) {
    SilentProgress silent;
    table = Must(Calibrate(result.prepared, TestEngine(), dataset,
                           TensorsToObserve(result.prepared, recipe), {}, silent));
  }
  result.plan = Must(PlanQuantization(result.prepared, recipe, &table));
  result.model = Must(ApplyPlan(result.prepared, result.plan));
  Must(CheckModel(result.model));
  return result;
}

// The plan of a layer; fails the test when there is none.
inline LayerPlan LayerOf(const Plan& plan, std::string_view layer) {
  for (const LayerPlan& candidate : plan.layers) {
    if (candidate.layer == layer) return candidate;
  }
  ADD_FAILURE() << "the plan has no layer " << layer;
  return {};
}

}  // namespace quantbench::testing
