// CheckModel: the structure of a graph, subgraphs included.
#include <string_view>
#include <unordered_set>

#include "quantbench/base/format.h"
#include "quantbench/model.h"

#include "model/payload.h"

namespace quantbench {
namespace {

std::string Title(const Node& node) {
  const std::string& name =
      node.name.empty() && !node.outputs.empty() ? node.outputs[0] : node.name;
  return Format("node \"{}\" ({})", Printable(name), Printable(node.op_type));
}

Error Malformed(std::string message) {
  return {ErrorCode::kMalformed, std::move(message)};
}

// The names visible in a graph: its own, and those of the graphs around it.
class Scope {
 public:
  explicit Scope(const Scope* outer) : outer_(outer) {}
  // False when this graph has the name already.
  bool Define(std::string_view name) { return names_.insert(name).second; }
  [[nodiscard]] bool Knows(std::string_view name) const {
    for (const Scope* scope = this; scope != nullptr; scope = scope->outer_) {
      if (scope->names_.contains(name)) return true;
    }
    return false;
  }

 private:
  const Scope* outer_;
  std::unordered_set<std::string_view> names_;
};

Status CheckPayload(const Initializer& tensor) {
  if (tensor.type == DataType::kString) return CheckStrings(tensor);
  if (tensor.type == DataType::kUndefined) {
    return Malformed(Format("initializer \"{}\" has no element type", Printable(tensor.name)));
  }
  if (!IsKnown(tensor.type)) return Ok();  // newer than we are: kept, and refused where it is read
  QB_TRY(const Bytes payload, PayloadOf(tensor));
  return Ok();
}

// Why a node cannot read a name: it comes later, or not at all.
Error Dangling(const Graph& graph, const Node& reader, std::string_view name) {
  for (const Node& node : graph.nodes) {
    for (const std::string& output : node.outputs) {
      if (output != name) continue;
      return Malformed(Format("{} reads \"{}\", which {} defines only later; nodes must be sorted",
                              Title(reader), Printable(name),
                              &node == &reader ? "it" : Title(node)));
    }
  }
  return Malformed(
      Format("{} reads \"{}\", which nothing defines", Title(reader), Printable(name)));
}

Status CheckGraph(const Graph& graph, const Scope* outer);

Status CheckAttributes(const Node& node, const Scope& scope) {
  for (const Attribute& attribute : node.attributes) {
    for (const Initializer& tensor : attribute.tensors) {
      if (const auto fits = CheckPayload(tensor); !fits.ok()) {
        return fits.error().Within(Title(node));
      }
    }
    for (const Graph& body : attribute.graphs) {
      if (const auto sound = CheckGraph(body, &scope); !sound.ok()) {
        return sound.error().Within(Title(node));
      }
    }
  }
  return Ok();
}

Status CheckNode(const Graph& graph, const Node& node, Scope* scope) {
  if (node.op_type.empty()) return Malformed(Format("{} names no operator", Title(node)));
  for (const std::string& input : node.inputs) {
    if (!input.empty() && !scope->Knows(input)) return Dangling(graph, node, input);
  }
  QB_OK(CheckAttributes(node, *scope));
  for (const std::string& output : node.outputs) {
    if (!output.empty() && !scope->Define(output)) {
      return Malformed(
          Format("{} defines \"{}\", which is defined already", Title(node), Printable(output)));
    }
  }
  return Ok();
}

// Initializers share the names of inputs: there they are the inputs' defaults.
Status DefineInitializers(const Graph& graph, Scope* scope) {
  std::unordered_set<std::string_view> seen;
  const auto define = [&](const std::string& name) -> Status {
    if (name.empty()) return Malformed("an initializer has no name");
    if (!seen.insert(name).second) {
      return Malformed(Format("initializer \"{}\" is defined twice", Printable(name)));
    }
    scope->Define(name);
    return Ok();
  };
  for (const Initializer& tensor : graph.initializers) {
    QB_OK(define(tensor.name));
    QB_OK(CheckPayload(tensor));
  }
  for (const std::string& name : graph.sparse_initializers) QB_OK(define(name));
  return Ok();
}

Status CheckGraph(const Graph& graph, const Scope* outer) {
  Scope scope(outer);
  for (const ValueInfo& input : graph.inputs) {
    if (!scope.Define(input.name)) {
      return Malformed(Format("input \"{}\" is listed twice", Printable(input.name)));
    }
  }
  QB_OK(DefineInitializers(graph, &scope));
  for (const Node& node : graph.nodes) QB_OK(CheckNode(graph, node, &scope));
  std::unordered_set<std::string_view> outputs;
  for (const ValueInfo& output : graph.outputs) {
    if (!scope.Knows(output.name)) {
      return Malformed(Format("output \"{}\" is defined by nothing", Printable(output.name)));
    }
    if (!outputs.insert(output.name).second) {
      return Malformed(Format("output \"{}\" is listed twice", Printable(output.name)));
    }
  }
  return Ok();
}

}  // namespace

Status CheckModel(const Model& model) {
  return CheckGraph(model.graph, nullptr);
}

}  // namespace quantbench
