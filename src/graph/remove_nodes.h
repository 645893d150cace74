// Removing nodes.
#pragma once

#include <cstdint>
#include <vector>

#include "quantbench/model.h"

namespace quantbench {

// Those of the graph's nodes that are marked; the others keep their order.
void RemoveNodes(const std::vector<bool>& marked, Graph* graph);

// Removes nodes of the graph, and of the graphs inside its nodes, none of whose outputs is read or
// is an output of its graph; initializers that only they read. The number of nodes removed.
std::int64_t RemoveDeadNodes(Graph* graph);

}  // namespace quantbench
