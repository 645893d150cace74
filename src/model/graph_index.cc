// GraphIndex: who makes and who reads each value of a graph.
#include <functional>

#include "quantbench/model.h"

namespace quantbench {
namespace {

constexpr int kInputBit = 1;
constexpr int kOutputBit = 2;

// Every value name that the node reads, those read inside its subgraphs included.
void ForEachRead(const Node& node, const std::function<void(std::string_view)>& visit) {
  for (const std::string& input : node.inputs) {
    if (!input.empty()) visit(input);
  }
  for (const Attribute& attribute : node.attributes) {
    for (const Graph& body : attribute.graphs) {
      for (const Node& inner : body.nodes) ForEachRead(inner, visit);
      for (const ValueInfo& output : body.outputs) visit(output.name);
    }
  }
}

}  // namespace

GraphIndex::GraphIndex(const Graph& graph) : graph_(&graph) {
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const auto index = static_cast<std::int64_t>(i);
    for (const std::string& output : graph.nodes[i].outputs) producer_[output] = index;
    ForEachRead(graph.nodes[i], [&](std::string_view value) {
      std::vector<std::int64_t>& readers = consumers_[value];
      if (readers.empty() || readers.back() != index) readers.push_back(index);
    });
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
  const auto found = initializers_.find(name);
  return found == initializers_.end() ? nullptr : found->second;
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
