// Bodies of If, Loop and Scan: what makes their weights as easy to find as those outside.
#pragma once

#include <string>
#include <vector>

#include "quantbench/model.h"

namespace quantbench {

// Graphs that do not see each other, as the branches of an If, may have initializers of the same
// name. All but the first get names that nothing else has, so that a name tells which is meant; one
// that its graph puts out keeps its name. For models in which no graph hides names of one around
// it.
void SeparateNames(Model* model, std::vector<std::string>* notes);

// Identity, Cast to float32, Transpose, reshaping, Slice, Split and Concat of initializers of
// graphs around a body move out of it, next to what they read: there they can be folded for all who
// read them.
void HoistWeightOperators(Model* model, std::vector<std::string>* notes);

// RemoveIdle and FoldWeights (the headers of that name) for every body.
[[nodiscard]] Status SimplifyBodies(Model* model, std::vector<std::string>* notes);

}  // namespace quantbench
