// Scopes: the graphs of a model, what each of them sees, and who reads which initializer.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "quantbench/graph.h"

namespace quantbench {

// A graph of the model: the outer one, or the body of an If, a Loop or a Scan.
struct Scope {
  const Graph* graph = nullptr;
  const Scope* outer = nullptr;  // the graph around it; null: this is the outer one
  GraphIndex index;              // sees the initializers around it
  ElementTypes types;
};

// Views the graph.
class Scopes {
 public:
  explicit Scopes(const Graph& graph);

  [[nodiscard]] const Scope& outermost() const { return *scopes_.front(); }
  [[nodiscard]] const Scope& Of(const NodeRef& node) const { return *by_graph_.at(node.graph); }
  // As ListNodes lists them.
  [[nodiscard]] const std::vector<NodeRef>& nodes() const { return nodes_; }
  [[nodiscard]] const NodeRef& NodeOf(std::int64_t id) const {
    return nodes_[place_of_[static_cast<std::size_t>(id)]];
  }
  // Of all graphs, those of a graph before those of its bodies.
  [[nodiscard]] const std::vector<const Initializer*>& initializers() const {
    return initializers_;
  }

  // Ids of the nodes that read it as an input, wherever they stand, each once.
  [[nodiscard]] std::span<const std::int64_t> ReadersOf(const Initializer& tensor) const;
  // Whether a graph puts it out as it is.
  [[nodiscard]] bool IsOutput(const Initializer& tensor) const {
    return outputs_.contains(&tensor);
  }
  // Whether no other graph has an initializer of its name.
  [[nodiscard]] bool IsNamedOnce(const Initializer& tensor) const {
    return names_.at(tensor.name) == 1;
  }
  // The initializer of that name where only one has it; null: none or several do.
  [[nodiscard]] const Initializer* FindNamed(std::string_view name) const;
  // Whether whoever sees `inner` sees `outer` too.
  [[nodiscard]] bool SeesToo(const Initializer& inner, const Initializer& outer) const;

 private:
  void AddScope(const Graph& graph, const Scope* outer);
  void AddReads(const Scope& scope, std::string_view value, std::int64_t reader);

  std::vector<std::unique_ptr<Scope>> scopes_;
  std::unordered_map<const Graph*, const Scope*> by_graph_;
  std::vector<NodeRef> nodes_;
  std::vector<std::size_t> place_of_;  // in nodes_, by id
  std::vector<const Initializer*> initializers_;
  std::unordered_map<const Initializer*, const Scope*> homes_;
  std::unordered_map<const Initializer*, std::vector<std::int64_t>> readers_;
  std::unordered_set<const Initializer*> outputs_;
  std::unordered_map<std::string_view, int> names_;  // how many initializers have them
};

}  // namespace quantbench
