// CheckModel: the structure of a graph, subgraphs included.
#include <string_view>
#include <unordered_set>

#include "quantbench/base/format.h"
#include "quantbench/model.h"

namespace quantbench {
namespace {

using Names = std::unordered_set<std::string_view>;

std::string Title(const Node& node) {
  return Format("node \"{}\" ({})",
                Printable(node.name.empty() && !node.outputs.empty() ? node.outputs[0] : node.name),
                Printable(node.op_type));
}

// The names visible in a graph: its own, and those of the graphs around it.
class Scope {
 public:
  explicit Scope(const Scope* outer) : outer_(outer) {}
  bool Define(std::string_view name) { return names_.insert(name).second; }
  [[nodiscard]] bool Knows(std::string_view name) const {
    for (const Scope* scope = this; scope != nullptr; scope = scope->outer_) {
      if (scope->names_.contains(name)) return true;
    }
    return false;
  }

 private:
  const Scope* outer_;
  Names names_;
};

Status CheckPayload(const Initializer& tensor) {
  if (tensor.type == DataType::kString) return Ok();
  if (!IsKnown(tensor.type)) {
    return Error(ErrorCode::kUnsupported, Format("initializer \"{}\" has unknown element {}",
                                                 Printable(tensor.name), Name(tensor.type)));
  }
  QB_TRY(const Bytes payload, PayloadOf(tensor));
  return Ok();
}

Status CheckGraph(const Graph& graph, const Scope* outer);

Status CheckNode(const Node& node, Scope* scope) {
  for (const std::string& input : node.inputs) {
    if (!input.empty() && !scope->Knows(input)) {
      return Error(ErrorCode::kMalformed, Format("{} reads \"{}\", which nothing before it defines",
                                                 Title(node), Printable(input)));
    }
  }
  for (const Attribute& attribute : node.attributes) {
    for (const Initializer& tensor : attribute.tensors) {
      if (auto fits = CheckPayload(tensor); !fits.ok()) return fits.error().Within(Title(node));
    }
    for (const Graph& body : attribute.graphs) {
      if (auto fine = CheckGraph(body, scope); !fine.ok()) return fine.error().Within(Title(node));
    }
  }
  for (const std::string& output : node.outputs) {
    if (!output.empty() && !scope->Define(output)) {
      return Error(ErrorCode::kMalformed,
                   Format("{} defines \"{}\" a second time", Title(node), Printable(output)));
    }
  }
  return Ok();
}

Status CheckGraph(const Graph& graph, const Scope* outer) {
  Scope scope(outer);
  for (const ValueInfo& input : graph.inputs) {
    if (!scope.Define(input.name)) {
      return Error(ErrorCode::kMalformed,
                   Format("input \"{}\" is listed twice", Printable(input.name)));
    }
  }
  Names initializers;
  for (const Initializer& tensor : graph.initializers) {
    if (!initializers.insert(tensor.name).second) {
      return Error(ErrorCode::kMalformed,
                   Format("initializer \"{}\" is defined twice", Printable(tensor.name)));
    }
    scope.Define(tensor.name);  // an input of the same name is its default: lawful before IR 4
    QB_OK(CheckPayload(tensor));
  }
  for (const Node& node : graph.nodes) {
    // Names from sparse initializers are not described by the door; engines judge them.
    QB_OK(CheckNode(node, &scope));
  }
  for (const ValueInfo& output : graph.outputs) {
    if (!scope.Knows(output.name)) {
      return Error(ErrorCode::kMalformed,
                   Format("output \"{}\" is defined by nothing", Printable(output.name)));
    }
  }
  return Ok();
}

}  // namespace

Status CheckModel(const Model& model) {
  return CheckGraph(model.graph, nullptr);
}

}  // namespace quantbench
