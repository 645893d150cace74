// Computed shapes made constant.
#pragma once

#include <string>
#include <vector>

#include "quantbench/model.h"

namespace quantbench {

// Exporters compute the targets of Reshape at run time, by chains from Shape on. Where symbolic
// evaluation proves them, small integer tensors become initializers; a Reshape gets a constant
// target (numbers, 0 for a dimension of its input at the same place, at most one -1); one that
// changes nothing goes, as do such Expand and Slice; and of integer tensors that are proven equal
// all but the first are no longer read. Leaves the nodes that nobody reads any more. Notes a line a
// kind.
void SimplifyShapes(Model* model, std::vector<std::string>* notes);

}  // namespace quantbench
