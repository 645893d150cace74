// The inputs of a model as a data set must fill them.
#include <algorithm>

#include "quantbench/calibrate.h"

namespace quantbench {
namespace {

bool HasFreeFirst(const InputSpec& input) {
  return !input.dims.empty() && input.dims.front() < 0;
}

// Exporters name no axis "the batch". Where some input has a free first dimension, that is the
// batch, and an input whose first dimension is fixed is whole in every sample (a state of two
// layers, [2, B, 128]). Where all are fixed, the first input says what the batch is.
void MarkBatched(std::vector<InputSpec>* inputs) {
  const bool any_free = std::any_of(inputs->begin(), inputs->end(), HasFreeFirst);
  const auto ranked = std::find_if(inputs->begin(), inputs->end(),
                                   [](const InputSpec& input) { return !input.dims.empty(); });
  for (InputSpec& input : *inputs) {
    if (input.dims.empty()) {
      input.batched = false;
    } else if (any_free) {
      input.batched = HasFreeFirst(input);
    } else {
      input.batched = input.dims.front() == ranked->dims.front();
    }
  }
}

}  // namespace

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
