// GraphIndex: who makes and who reads each value of a graph.
#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "quantbench/model.h"

namespace quantbench {
namespace {

constexpr int kInputBit = 1;
constexpr int kOutputBit = 2;

using Names = std::unordered_set<std::string_view>;

// The names that a graph defines itself.
Names LocalNames(const Graph& graph) {
  Names names;
  for (const ValueInfo& input : graph.inputs) names.insert(input.name);
  for (const Initializer& initializer : graph.initializers) names.insert(initializer.name);
  for (const std::string& sparse : graph.sparse_initializers) names.insert(sparse);
  for (const Node& node : graph.nodes) names.insert(node.outputs.begin(), node.outputs.end());
  return names;
}

// Adds every value that the node reads, and what its subgraphs read from around them.
void AddReads(const Node& node, Names* reads) {
  for (const std::string& input : node.inputs) {
    if (!input.empty()) reads->insert(input);
  }
  for (const Attribute& attribute : node.attributes) {
    for (const Graph& body : attribute.graphs) {
      const Names local = LocalNames(body);
      Names inner;
      for (const Node& nested : body.nodes) AddReads(nested, &inner);
      for (const ValueInfo& output : body.outputs) inner.insert(output.name);
      for (const std::string_view name : inner) {
        if (!local.contains(name)) reads->insert(name);
      }
    }
  }
}

}  // namespace

GraphIndex::GraphIndex(const Graph& graph, const GraphIndex* outer)
    : graph_(&graph), outer_(outer) {
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const auto index = static_cast<std::int64_t>(i);
    for (const std::string& output : graph.nodes[i].outputs) {
      if (!output.empty()) producer_[output] = index;
    }
    Names reads;
    AddReads(graph.nodes[i], &reads);
    for (const std::string_view value : reads) consumers_[value].push_back(index);
  }
  for (const Initializer& initializer : graph.initializers) {
    initializers_[initializer.name] = &initializer;
  }
  for (const ValueInfo& input : graph.inputs) borders_[input.name] |= kInputBit;
  for (const ValueInfo& output : graph.outputs) borders_[output.name] |= kOutputBit;
}

std::int64_t GraphIndex::ProducerIndex(std::string_view value) const {
  const auto found = producer_.find(value);
  return found == producer_.end() ? -1 : found->second;
}

const Node* GraphIndex::Producer(std::string_view value) const {
  const std::int64_t index = ProducerIndex(value);
  return index < 0 ? nullptr : &graph_->nodes[static_cast<std::size_t>(index)];
}

std::span<const std::int64_t> GraphIndex::Consumers(std::string_view value) const {
  const auto found = consumers_.find(value);
  if (found == consumers_.end()) return {};
  return found->second;
}

const Initializer* GraphIndex::FindInitializer(std::string_view name) const {
  // What a body is given replaces an initializer of that name.
  if (outer_ != nullptr && IsGraphInput(name)) return nullptr;
  const auto found = initializers_.find(name);
  if (found != initializers_.end()) return found->second;
  return outer_ == nullptr || Defines(name) ? nullptr : outer_->FindInitializer(name);
}

bool GraphIndex::Defines(std::string_view value) const {
  const auto& sparse = graph_->sparse_initializers;
  return initializers_.contains(value) || producer_.contains(value) || IsGraphInput(value) ||
         std::find(sparse.begin(), sparse.end(), value) != sparse.end();
}

bool GraphIndex::IsGraphOutput(std::string_view value) const {
  const auto found = borders_.find(value);
  return found != borders_.end() && (found->second & kOutputBit) != 0;
}

bool GraphIndex::IsGraphInput(std::string_view value) const {
  const auto found = borders_.find(value);
  return found != borders_.end() && (found->second & kInputBit) != 0;
}

}  // namespace quantbench
