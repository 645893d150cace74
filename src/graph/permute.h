// Initializers with their axes in another order.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "quantbench/model.h"

namespace quantbench {

// out.dims[i] = in.dims[order[i]], as Transpose does   [ONNX Transpose-13]. `order` must be a
// permutation of the axes, and the elements whole bytes (kUnsupported otherwise). Deferred: made
// whenever it is read.
[[nodiscard]] Result<Initializer> Permuted(const Initializer& tensor,
                                           std::span<const std::int64_t> order, std::string name);

}  // namespace quantbench
