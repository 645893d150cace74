// Gemm of flattened tensors made MatMul.
#pragma once

#include <string>
#include <vector>

#include "quantbench/model.h"

namespace quantbench {

// Exporters write a linear layer of x [.., T, K] as Reshape to [-1, K], Gemm, Reshape to [.., T,
// N]. Where the shapes are proven to be these, and alpha = beta = 1 and transA = 0, it becomes
// MatMul(x, B) + C. A transposed B is transposed in the file, unless something else reads it as it
// is. Leaves the Reshapes that nobody reads any more. Notes what it did.
[[nodiscard]] Status GemmToMatMul(Model* model, std::vector<std::string>* notes);

}  // namespace quantbench
