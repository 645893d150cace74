// The inputs of a model as a data set must fill them.
#include "quantbench/calibrate.h"

namespace quantbench {
std::vector<InputSpec> InputsOf(const Model& model) {
  std::vector<InputSpec> inputs;
  for (const ValueInfo* value : model.RuntimeInputs()) {
    InputSpec input;
    input.name = value->name;
    input.type = value->type;
    for (const Dimension& dim : value->dims) {
      input.dims.push_back(dim.value);
      input.dim_names.push_back(dim.value < 0 ? dim.name : "");
    }
    inputs.push_back(std::move(input));
  }
  MarkBatched(&inputs);
  return inputs;
}

}  // namespace quantbench
