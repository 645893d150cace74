// Editing graphs: every node by a unique name, fresh names, renamed reads, unread initializers.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "quantbench/model.h"

namespace quantbench {

// A node of the graph or of a graph inside one of its nodes (If, Loop, Scan).
struct NodeRef {
  const Node* node = nullptr;
  std::int64_t index = -1;  // in the outer graph's nodes; -1 inside a subgraph
  std::string name;  // unique: the node's name, else its first output, else one of those with "#n"
};

// In the order in which they are written, a node before the nodes inside it. The same graph gives
// the same names.
[[nodiscard]] std::vector<NodeRef> ListNodes(const Graph& graph);

// Calls visit for the graph and every graph inside its nodes.
void ForEachGraph(const Graph& graph, const std::function<void(const Graph&)>& visit);
void ForEachGraph(Graph* graph, const std::function<void(Graph*)>& visit);

// Names that no value and no node of the model has.
class NameSource {
 public:
  explicit NameSource(const Graph& graph);
  // `wanted`, or `wanted` with the first free number; taken from then on.
  [[nodiscard]] std::string Fresh(std::string_view wanted);

 private:
  std::unordered_set<std::string> taken_;
};

// Every read of a key of `renames`, in subgraphs too, becomes a read of its value.
void RenameReads(const std::map<std::string, std::string, std::less<>>& renames, Graph* graph);

// Removes those of `candidates` that nothing reads any more (with their entries among the inputs),
// and descriptions of values that no longer exist.
void RemoveUnread(const std::unordered_set<std::string>& candidates, Graph* graph);

}  // namespace quantbench
