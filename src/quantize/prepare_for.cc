// Preparing a model for a recipe.
#include "quantbench/graph.h"
#include "quantbench/quantize.h"

namespace quantbench {

Result<Model> PrepareFor(Model model, const Recipe& recipe, std::vector<std::string>* notes) {
  QB_TRY(Model prepared, Prepare(std::move(model), notes));
  if (recipe.needs_calibration()) LowerForIntegers(&prepared, notes);
  return prepared;
}

}  // namespace quantbench
