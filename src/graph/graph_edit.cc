// Editing graphs: names, reads and removals, subgraphs included.
#include <algorithm>

#include "quantbench/base/format.h"
#include "quantbench/graph.h"

namespace quantbench {
namespace {

std::string UniqueName(const Node& node, std::unordered_set<std::string>* taken) {
  if (!node.name.empty() && taken->insert(node.name).second) return node.name;
  std::string base = node.name.empty() ? node.op_type : node.name;
  for (const std::string& output : node.outputs) {
    if (output.empty()) continue;
    if (taken->insert(output).second) return output;
    base = output;
    break;
  }
  for (int number = 2;; ++number) {
    std::string name = Format("{}#{}", base, number);
    if (taken->insert(name).second) return name;
  }
}

// Lists the nodes of a graph and of those inside it.
class NodeLister {
 public:
  explicit NodeLister(const Graph& graph)
      : next_id_(static_cast<std::int64_t>(graph.nodes.size())) {
    List(graph, false);
  }
  [[nodiscard]] std::vector<NodeRef> Take() { return std::move(list_); }

 private:
  void List(const Graph& graph, bool nested) {
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      const Node& node = graph.nodes[i];
      const std::int64_t index = nested ? -1 : static_cast<std::int64_t>(i);
      list_.push_back(
          {&node, index, UniqueName(node, &taken_), &graph, nested ? next_id_++ : index});
      for (const Attribute& attribute : node.attributes) {
        for (const Graph& body : attribute.graphs) List(body, true);
      }
    }
  }

  std::unordered_set<std::string> taken_;
  std::vector<NodeRef> list_;
  std::int64_t next_id_;
};

// Every name a graph defines or reads.
void ForEachName(const Graph& graph, const std::function<void(const std::string&)>& visit) {
  for (const ValueInfo& input : graph.inputs) visit(input.name);
  for (const ValueInfo& output : graph.outputs) visit(output.name);
  for (const Initializer& initializer : graph.initializers) visit(initializer.name);
  for (const std::string& sparse : graph.sparse_initializers) visit(sparse);
  for (const Node& node : graph.nodes) {
    visit(node.name);
    for (const std::string& input : node.inputs) visit(input);
    for (const std::string& output : node.outputs) visit(output);
  }
}

std::unordered_set<std::string_view> NamesRead(const Graph& graph) {
  std::unordered_set<std::string_view> read;
  ForEachGraph(graph, [&](const Graph& each) {
    for (const ValueInfo& output : each.outputs) read.insert(output.name);
    for (const Node& node : each.nodes) read.insert(node.inputs.begin(), node.inputs.end());
  });
  return read;
}

}  // namespace

std::vector<NodeRef> ListNodes(const Graph& graph) {
  return NodeLister(graph).Take();
}

void ForEachGraph(const Graph& graph, const std::function<void(const Graph&)>& visit) {
  visit(graph);
  for (const Node& node : graph.nodes) {
    for (const Attribute& attribute : node.attributes) {
      for (const Graph& body : attribute.graphs) ForEachGraph(body, visit);
    }
  }
}

void ForEachGraph(Graph* graph, const std::function<void(Graph*)>& visit) {
  visit(graph);
  for (Node& node : graph->nodes) {
    for (Attribute& attribute : node.attributes) {
      for (Graph& body : attribute.graphs) ForEachGraph(&body, visit);
    }
  }
}

NameSource::NameSource(const Graph& graph) {
  ForEachGraph(graph, [&](const Graph& each) {
    ForEachName(each, [&](const std::string& name) { taken_.insert(name); });
  });
}

std::string NameSource::Fresh(std::string_view wanted) {
  std::string name(wanted);
  for (int number = 2; !taken_.insert(name).second; ++number)
    name = Format("{}_{}", wanted, number);
  return name;
}

Node MakeNode(std::string_view op_type, std::string name, std::vector<std::string> inputs,
              std::vector<std::string> outputs, std::vector<Attribute> attributes,
              std::string_view domain) {
  Node node;
  node.op_type = op_type;
  node.name = std::move(name);
  node.inputs = std::move(inputs);
  node.outputs = std::move(outputs);
  node.attributes = std::move(attributes);
  node.domain = domain;
  return node;
}

void RenameReads(const std::map<std::string, std::string, std::less<>>& renames, Graph* graph) {
  if (renames.empty()) return;
  const auto rename = [&](std::string* name) {
    if (const auto found = renames.find(*name); found != renames.end()) *name = found->second;
  };
  ForEachGraph(graph, [&](Graph* each) {
    for (Node& node : each->nodes) {
      for (std::string& input : node.inputs) rename(&input);
    }
    if (each == graph) return;
    for (ValueInfo& output : each->outputs) rename(&output.name);
  });
}

void RemoveUnread(const std::unordered_set<std::string>& candidates, Graph* graph) {
  const std::unordered_set<std::string_view> read = NamesRead(*graph);
  std::unordered_set<std::string> removed;
  for (const Initializer& initializer : graph->initializers) {
    const std::string& name = initializer.name;
    if (candidates.contains(name) && !read.contains(name)) removed.insert(name);
  }
  std::erase_if(graph->initializers,
                [&](const Initializer& tensor) { return removed.contains(tensor.name); });
  std::erase_if(graph->inputs,
                [&](const ValueInfo& input) { return removed.contains(input.name); });
  std::unordered_set<std::string_view> defined;
  ForEachName(*graph, [&](const std::string& name) { defined.insert(name); });
  std::erase_if(graph->value_infos,
                [&](const ValueInfo& value) { return !defined.contains(value.name); });
}

}  // namespace quantbench
