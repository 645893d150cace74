// How much an operator of libtorch multiplies, from what it was called with.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <ATen/core/ivalue.h>

namespace quantbench {

// Multiply-accumulates of one call; 0 of operators that do not multiply matrices. `name` with its
// namespace ("aten::linear"). Weights that are packed are asked of libtorch.
[[nodiscard]] std::int64_t MacsOfCall(std::string_view name, const std::vector<c10::IValue>& inputs,
                                      const std::vector<c10::IValue>& outputs);

}  // namespace quantbench
