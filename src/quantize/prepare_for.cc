// Preparing a model for a recipe.
#include "quantbench/graph.h"
#include "quantbench/quantize.h"

namespace quantbench {

namespace {

Result<Model> PrepareModel(Model model, bool integers, std::vector<std::string>* notes) {
  QB_TRY(Model prepared, Prepare(std::move(model), notes));
  if (integers) {
    QB_OK(LowerForIntegers(&prepared, notes));
  } else {
    QB_OK(RecomposeAttention(&prepared, notes));
  }
  return prepared;
}

}  // namespace

Result<Model> PrepareFor(Model model, const Recipe& recipe, std::vector<std::string>* notes) {
  return PrepareModel(std::move(model), recipe.needs_calibration(), notes);
}

Result<Model> PrepareFor(Model model, const Plan& plan, std::vector<std::string>* notes) {
  return PrepareModel(std::move(model), plan.calibrated, notes);
}

}  // namespace quantbench
