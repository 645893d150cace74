// Walks over the tensors of a graph and its subgraphs.
#pragma once

#include "quantbench/model.h"

namespace quantbench {

// Calls visit(tensor, in_attribute) for every tensor that the door shows. `AnyGraph` is Graph or
// const Graph.
template <typename AnyGraph, typename Visit>
void ForEachTensor(AnyGraph& graph, const Visit& visit) {
  for (auto& tensor : graph.initializers) visit(tensor, false);
  for (auto& node : graph.nodes) {
    for (auto& attribute : node.attributes) {
      for (auto& tensor : attribute.tensors) visit(tensor, true);
      for (auto& body : attribute.graphs) ForEachTensor(body, visit);
    }
  }
}

}  // namespace quantbench
