// Operators on weights, computed ahead.
#pragma once

#include <string>
#include <vector>

#include "quantbench/model.h"

namespace quantbench {

// Cast to float32, Transpose, Reshape, Flatten, Squeeze and Unsqueeze of initializers, and Slice,
// Split and Concat of float ones, become initializers, so that a weight is one however it was
// exported. Exact: a Cast rounds as the operator does. Nodes that make the same of the same become
// one. A large initializer is left as it is, with all that is made of it, unless everything that
// reads it folds and keeps no more numbers than it has. Notes a line a kind.
[[nodiscard]] Status FoldWeights(Model* model, std::vector<std::string>* notes);

}  // namespace quantbench
