// Scopes: every graph with its index, and the initializers as their readers resolve them.
#include "quantize/scopes.h"

#include <algorithm>

namespace quantbench {
namespace {

DataType TypeSeenFrom(const Scope* scope, std::string_view value) {
  for (; scope != nullptr; scope = scope->outer) {
    if (!scope->index.Defines(value)) continue;
    const auto found = scope->types.find(value);
    return found == scope->types.end() ? DataType::kUndefined : found->second;
  }
  return DataType::kUndefined;
}

}  // namespace

Scopes::Scopes(const Graph& graph) : nodes_(ListNodes(graph)), place_of_(nodes_.size()) {
  AddScope(graph, nullptr);
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const NodeRef& ref = nodes_[i];
    place_of_[static_cast<std::size_t>(ref.id)] = i;
    for (const std::string& input : ref.node->inputs) AddReads(Of(ref), input, ref.id);
  }
  for (const auto& scope : scopes_) {
    for (const ValueInfo& output : scope->graph->outputs) {
      if (const Initializer* tensor = scope->index.FindInitializer(output.name)) {
        outputs_.insert(tensor);
      }
    }
  }
}

void Scopes::AddScope(const Graph& graph, const Scope* outer) {
  scopes_.push_back(std::make_unique<Scope>(Scope{
      &graph, outer, GraphIndex(graph, outer == nullptr ? nullptr : &outer->index),
      InferElementTypes(graph, [outer](std::string_view v) { return TypeSeenFrom(outer, v); })}));
  const Scope* scope = scopes_.back().get();
  by_graph_.emplace(&graph, scope);
  for (const Initializer& tensor : graph.initializers) {
    initializers_.push_back(&tensor);
    homes_.emplace(&tensor, scope);
    ++names_[tensor.name];
  }
  for (const Node& node : graph.nodes) {
    for (const Attribute& attribute : node.attributes) {
      for (const Graph& body : attribute.graphs) AddScope(body, scope);
    }
  }
}

void Scopes::AddReads(const Scope& scope, std::string_view value, std::int64_t reader) {
  const Initializer* tensor = value.empty() ? nullptr : scope.index.FindInitializer(value);
  if (tensor == nullptr) return;
  std::vector<std::int64_t>& readers = readers_[tensor];
  if (readers.empty() || readers.back() != reader) readers.push_back(reader);
}

std::span<const std::int64_t> Scopes::ReadersOf(const Initializer& tensor) const {
  const auto found = readers_.find(&tensor);
  if (found == readers_.end()) return {};
  return found->second;
}

const Initializer* Scopes::FindNamed(std::string_view name) const {
  const auto named = names_.find(name);
  if (named == names_.end() || named->second != 1) return nullptr;
  const auto found = std::find_if(initializers_.begin(), initializers_.end(),
                                  [&](const Initializer* tensor) { return tensor->name == name; });
  return *found;
}

bool Scopes::SeesToo(const Initializer& inner, const Initializer& outer) const {
  const Scope* home = homes_.at(&outer);
  for (const Scope* scope = homes_.at(&inner); scope != nullptr; scope = scope->outer) {
    if (scope == home) return true;
  }
  return false;
}

}  // namespace quantbench
