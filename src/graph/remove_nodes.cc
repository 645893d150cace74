// Removing nodes: those marked, and those that the outputs do not need.
#include "graph/remove_nodes.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "quantbench/graph.h"

namespace quantbench {
namespace {

// Everything that a node reads, in graphs inside it too (their own names are harmless: nobody
// outside defines them).
void ForEachRead(const Node& node, const std::function<void(std::string_view)>& visit) {
  for (const std::string& input : node.inputs) visit(input);
  for (const Attribute& attribute : node.attributes) {
    for (const Graph& body : attribute.graphs) {
      for (const ValueInfo& output : body.outputs) visit(output.name);
      for (const Node& inner : body.nodes) ForEachRead(inner, visit);
    }
  }
}

std::vector<bool> DeadNodes(const Graph& graph) {
  std::unordered_map<std::string_view, std::size_t> producer;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const std::string& output : graph.nodes[i].outputs) producer.emplace(output, i);
  }
  std::vector<bool> dead(graph.nodes.size(), true);
  std::vector<std::size_t> pending;
  const auto need = [&](std::string_view value) {
    const auto found = value.empty() ? producer.end() : producer.find(value);
    if (found == producer.end() || !dead[found->second]) return;
    dead[found->second] = false;
    pending.push_back(found->second);
  };
  for (const ValueInfo& output : graph.outputs) need(output.name);
  while (!pending.empty()) {
    const Node& node = graph.nodes[pending.back()];
    pending.pop_back();
    ForEachRead(node, need);
  }
  return dead;
}

}  // namespace

void RemoveNodes(const std::vector<bool>& marked, Graph* graph) {
  std::vector<Node> kept;
  for (std::size_t i = 0; i < graph->nodes.size(); ++i) {
    if (!marked[i]) kept.push_back(std::move(graph->nodes[i]));
  }
  graph->nodes = std::move(kept);
}

std::int64_t RemoveDeadNodes(Graph* graph) {
  std::unordered_set<std::string> candidates;
  const std::vector<bool> dead = DeadNodes(*graph);
  for (std::size_t i = 0; i < dead.size(); ++i) {
    if (!dead[i]) continue;
    ForEachRead(graph->nodes[i], [&](std::string_view read) { candidates.emplace(read); });
  }
  std::int64_t removed = std::count(dead.begin(), dead.end(), true);
  if (removed > 0) RemoveNodes(dead, graph);
  for (Node& node : graph->nodes) {
    for (Attribute& attribute : node.attributes) {
      for (Graph& body : attribute.graphs) removed += RemoveDeadNodes(&body);
    }
  }
  if (removed > 0) RemoveUnread(candidates, graph);
  return removed;
}

}  // namespace quantbench
