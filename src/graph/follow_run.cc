// What a run on given inputs executes: nodes with the shapes and types of what they read and write.
#include <algorithm>

#include "quantbench/graph.h"

#include "graph/shape_values.h"

namespace quantbench {
namespace {

using NamesOfNodes = std::unordered_map<const Node*, std::string>;
using ConstantsByName = std::unordered_map<std::string_view, const Initializer*>;

// One graph of the run, within the graph around it.
struct Scope {
  const Graph* graph = nullptr;
  const ShapeValues* shapes = nullptr;
  const Scope* outer = nullptr;
  ElementTypes types;
  ConstantsByName constants;

  [[nodiscard]] DataType TypeOf(std::string_view name) const {
    const auto found = types.find(name);
    if (found != types.end()) return found->second;
    return outer == nullptr ? DataType::kUndefined : outer->TypeOf(name);
  }
  [[nodiscard]] const Initializer* ConstantOf(std::string_view name) const {
    const auto found = constants.find(name);
    if (found != constants.end()) return found->second;
    return outer == nullptr ? nullptr : outer->ConstantOf(name);
  }
};

void AddConstants(const Graph& graph, ConstantsByName* constants) {
  for (const Initializer& initializer : graph.initializers) {
    (*constants)[initializer.name] = &initializer;
  }
  for (const Node& node : graph.nodes) {
    if (!node.Is("Constant") || node.outputs.empty()) continue;
    const Attribute* value = node.FindAttribute("value");
    if (value == nullptr || value->tensors.size() != 1) continue;
    (*constants)[node.outputs[0]] = &value->tensors[0];
  }
}

ValueFacts FactsOf(const std::string& name, const Scope& scope) {
  ValueFacts facts;
  if (name.empty()) return facts;
  facts.constant = scope.ConstantOf(name);
  if (facts.constant != nullptr) {
    facts.type = facts.constant->type;
    facts.shape = facts.constant->dims;
    return facts;
  }
  facts.type = scope.TypeOf(name);
  facts.shape = scope.shapes->Of(name).ConstantShape();
  return facts;
}

bool HasGraphs(const Node& node) {
  return std::any_of(node.attributes.begin(), node.attributes.end(),
                     [](const Attribute& attribute) { return !attribute.graphs.empty(); });
}

void Follow(const Scope& scope, const NamesOfNodes& names, std::vector<RunNode>* run) {
  for (const Node& node : scope.graph->nodes) {
    RunNode entry;
    entry.node = &node;
    entry.name = names.at(&node);
    for (const std::string& input : node.inputs) entry.inputs.push_back(FactsOf(input, scope));
    for (const std::string& output : node.outputs) entry.outputs.push_back(FactsOf(output, scope));
    const ShapeValues::Branch* branch = scope.shapes->BranchOf(node);
    entry.hides_work = branch == nullptr && HasGraphs(node);
    run->push_back(std::move(entry));
    if (branch == nullptr) continue;
    Scope inside{branch->graph, &branch->values, &scope, {}, {}};
    inside.types = InferElementTypes(*branch->graph,
                                     [&](std::string_view value) { return scope.TypeOf(value); });
    AddConstants(*branch->graph, &inside.constants);
    Follow(inside, names, run);
  }
}

}  // namespace

std::vector<RunNode> FollowRun(const Model& model, const GivenInputs& given) {
  NamesOfNodes names;
  for (NodeRef& ref : ListNodes(model.graph)) names.emplace(ref.node, std::move(ref.name));
  const ShapeValues shapes(model.graph, OnnxOpset(model), given);
  Scope scope{&model.graph, &shapes, nullptr, InferElementTypes(model.graph), {}};
  AddConstants(model.graph, &scope.constants);
  std::vector<RunNode> run;
  Follow(scope, names, &run);
  return run;
}

}  // namespace quantbench
