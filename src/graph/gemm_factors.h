// The factors alpha and beta of Gemm.
#pragma once

#include <string>
#include <vector>

#include "quantbench/model.h"

namespace quantbench {

// alpha A B + beta C = A (alpha B) + (beta C): where B and C are float32 initializers, they take
// the factors, and alpha and beta become 1. A C whose beta is 0 goes. A large B that something else
// reads too is not copied: such a Gemm stays. Notes how many.
[[nodiscard]] Status FoldGemmFactors(Model* model, std::vector<std::string>* notes);

}  // namespace quantbench
