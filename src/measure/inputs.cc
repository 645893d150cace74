// Inputs of a measuring cell: which dimension is the batch, what the free ones become.
#include <algorithm>
#include <set>

#include "quantbench/base/format.h"
#include "quantbench/measure.h"

namespace quantbench {
namespace {

// Sets free dimensions that `dims` names, by name or by "input:axis".
void SetNamed(InputSpec* input, const DimValues& dims) {
  for (std::size_t axis = 0; axis < input->dims.size(); ++axis) {
    if (input->dims[axis] >= 0) continue;
    auto found = dims.find(Format("{}:{}", input->name, axis));
    if (found == dims.end()) found = dims.find(input->dim_names[axis]);
    if (found != dims.end()) input->dims[axis] = found->second;
  }
}

// Gives every other dimension that bears the batch's name the batch's size.
void SpreadBatch(InputSpec* input, const std::string& batch_name, std::int64_t batch) {
  for (std::size_t axis = 0; axis < input->dims.size(); ++axis) {
    if (input->dims[axis] < 0 && input->dim_names[axis] == batch_name) input->dims[axis] = batch;
  }
}

}  // namespace

Result<std::vector<InputSpec>> ResolveInputs(std::vector<InputSpec> inputs, std::int64_t batch,
                                             const DimValues& dims) {
  if (batch < 1) {
    return Error(ErrorCode::kInvalidArgument, Format("batch {} is not at least 1", batch));
  }
  std::string batch_name;
  bool found = false;
  for (InputSpec& input : inputs) {
    if (input.dims.empty() || !input.batched) {
      input.batched = false;
      continue;
    }
    if (!found) {
      found = true;
      batch_name = input.dim_names[0];
      if (input.dims[0] >= 0 && input.dims[0] != batch) {
        return Error(ErrorCode::kInvalidArgument,
                     Format("batch is fixed to {} by the model (input \"{}\")", input.dims[0],
                            Printable(input.name)));
      }
    }
    // An input whose first dimension is fixed to another size is not batched there: a state.
    if (input.dims[0] >= 0 && input.dims[0] != batch) {
      input.batched = false;
    } else {
      input.dims[0] = batch;
    }
  }
  for (InputSpec& input : inputs) {
    if (!batch_name.empty()) SpreadBatch(&input, batch_name, batch);
    SetNamed(&input, dims);
  }
  return inputs;
}

Status CheckDims(const std::vector<InputSpec>& inputs, const DimValues& dims) {
  std::set<std::string> names;   // as the model writes them
  std::set<std::string> places;  // "input:axis", which every free dimension has
  for (const InputSpec& input : inputs) {
    for (std::size_t axis = 0; axis < input.dims.size(); ++axis) {
      if (input.dims[axis] >= 0) continue;
      const std::string place = Format("{}:{}", input.name, axis);
      places.insert(place);
      names.insert(input.dim_names[axis].empty() ? place : input.dim_names[axis]);
    }
  }
  for (const auto& [name, value] : dims) {
    if (names.contains(name) || places.contains(name)) continue;
    std::string known;
    for (const std::string& free : names) known += (known.empty() ? "" : ", ") + free;
    return Error(
        ErrorCode::kInvalidArgument,
        Format("no input has a free dimension \"{}\" ({})", Printable(name),
               known.empty() ? "batch apart, all are fixed" : "free: " + Printable(known)));
  }
  return Ok();
}

void OrderLike(std::span<const NamedTensor> reference, std::vector<NamedTensor>* outputs) {
  if (reference.size() != outputs->size()) return;
  std::vector<std::size_t> order;
  for (const NamedTensor& wanted : reference) {
    const auto found =
        std::find_if(outputs->begin(), outputs->end(),
                     [&](const NamedTensor& output) { return output.name == wanted.name; });
    if (found == outputs->end()) return;
    order.push_back(static_cast<std::size_t>(found - outputs->begin()));
  }
  if (std::set<std::size_t>(order.begin(), order.end()).size() != order.size()) return;
  std::vector<NamedTensor> sorted;
  sorted.reserve(order.size());
  for (const std::size_t place : order) sorted.push_back(std::move((*outputs)[place]));
  *outputs = std::move(sorted);
}

std::vector<NamedTensor> NameTensors(const std::vector<InputSpec>& inputs,
                                     std::vector<Tensor> tensors) {
  QB_CHECK(inputs.size() == tensors.size(), "one tensor an input");
  std::vector<NamedTensor> named;
  named.reserve(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    named.push_back({inputs[i].name, std::move(tensors[i])});
  }
  return named;
}

}  // namespace quantbench
