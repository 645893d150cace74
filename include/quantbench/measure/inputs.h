// Inputs and outputs by name, their free dimensions resolved.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "quantbench/base/status.h"
#include "quantbench/data.h"
#include "quantbench/engine.h"

namespace quantbench {

// Inputs that free dimensions resolve to in one measuring cell: batch and named dimensions set.
// kInvalidArgument when the model fixes its batch to another size: "batch is fixed to 1 by the
// model".
[[nodiscard]] Result<std::vector<InputSpec>> ResolveInputs(std::vector<InputSpec> inputs,
                                                           std::int64_t batch,
                                                           const DimValues& dims);
// kInvalidArgument when a name in `dims` is that of no dimension that is still free in `inputs`:
// names the free ones.
[[nodiscard]] Status CheckDims(const std::vector<InputSpec>& inputs, const DimValues& dims);
// Puts the outputs of one model into the order of another's, by name; they stay as they are where
// not all names are the same: then the order is what they have in common.
void OrderLike(std::span<const NamedTensor> reference, std::vector<NamedTensor>* outputs);
[[nodiscard]] std::vector<NamedTensor> NameTensors(const std::vector<InputSpec>& inputs,
                                                   std::vector<Tensor> tensors);

}  // namespace quantbench
