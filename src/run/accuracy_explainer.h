// Models with one layer quantized, with all, and with all but one, against the float one.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "quantbench/calibrate.h"
#include "quantbench/engine.h"
#include "quantbench/quantize.h"
#include "quantbench/run.h"

namespace quantbench {

class AccuracyExplainer {
 public:
  // All that is handed in must outlive it. `prepared`: as PrepareFor makes it.
  AccuracyExplainer(const Model& prepared, const Recipe& recipe, Engine& engine,
                    const Dataset& dataset, const CompareOptions& options);

  // Plans all layers. `seen` may be null where nothing is calibrated.
  [[nodiscard]] Status Start(const CalibrationStatistics* seen, const ObserverOptions& observer);

  // All layers quantized: the outputs, and every layer's output on the way. Layers are those whose
  // weights become codes; figures that are not measured are NaN.
  [[nodiscard]] Result<AccuracyExplanation> ExplainAll(Progress& progress);

  // Adds what layer i does alone, and what all but it do. A layer that stays float when nothing
  // else is quantized (it has no integer kernel then) has no figures of its own.
  [[nodiscard]] Status ExplainOne(std::size_t i, LayerAccuracy* accuracy, Progress& progress);

 private:
  [[nodiscard]] const CalibrationTable* table() const { return table_ ? &*table_ : nullptr; }
  [[nodiscard]] Status ExplainAlone(std::size_t i, LayerAccuracy* accuracy, Progress& progress);
  [[nodiscard]] std::vector<TensorPair> Outputs() const;
  [[nodiscard]] Result<std::vector<TensorError>> Compare(const Model& model,
                                                         const std::vector<TensorPair>& pairs,
                                                         Progress& progress) const;
  // The plan with these layers left as they are.
  [[nodiscard]] Result<Plan> PlanWithout(std::vector<std::string> in_float) const;
  // The layer's output, behind what it absorbs.
  [[nodiscard]] std::string OutputOf(const LayerPlan& layer) const;
  [[nodiscard]] LayerAccuracy Describe(const LayerPlan& layer) const;
  // Of a float32 weight; [0, 0] of others.
  [[nodiscard]] Range WeightRange(const std::string& name) const;

  const Model& prepared_;
  const Recipe& recipe_;
  Engine& engine_;
  const Dataset& dataset_;
  CompareOptions options_;
  const CalibrationStatistics* seen_ = nullptr;
  std::optional<CalibrationTable> table_;
  Plan plan_;
  std::map<std::string, const Node*, std::less<>> nodes_;
  std::vector<std::string> quantized_;
  std::vector<const LayerPlan*> layers_;
};

}  // namespace quantbench
