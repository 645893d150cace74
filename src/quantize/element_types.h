// Element types of values, as far as they follow from the model without running it.
#pragma once

#include <string_view>
#include <unordered_map>

#include "quantbench/model.h"

namespace quantbench {

// By name, of the values of this graph (not of those inside its nodes); views into the graph. A
// value whose type does not follow is absent.
using ElementTypes = std::unordered_map<std::string_view, DataType>;
[[nodiscard]] ElementTypes InferElementTypes(const Graph& graph);

}  // namespace quantbench
