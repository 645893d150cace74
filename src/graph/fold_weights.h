// Operators on weights, computed ahead.
#pragma once

#include <string>
#include <vector>

#include "quantbench/model.h"

namespace quantbench {

// Cast to float32, Transpose, Reshape, Flatten, Squeeze and Unsqueeze of initializers become
// initializers, so that a weight is one however it was exported. Exact: a Cast rounds as the
// operator does. A large initializer that is read in more than one form is left as it is, since it
// would be stored once a form. Notes a line a kind.
[[nodiscard]] Status FoldWeights(Model* model, std::vector<std::string>* notes);

}  // namespace quantbench
