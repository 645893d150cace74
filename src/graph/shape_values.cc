// Symbolic evaluation: one pass over the nodes, in the order in which they run.
#include "graph/shape_values.h"

#include <algorithm>

#include "quantbench/graph.h"

#include "graph/shape_rules.h"

namespace quantbench {
namespace {

// A hostile graph must not fill the memory with unknowns.
constexpr std::size_t kMostUnknowns = 2'000'000;

std::optional<std::vector<std::int64_t>> Constants(
    const std::optional<std::vector<Expr>>& expressions) {
  if (!expressions) return std::nullopt;
  std::vector<std::int64_t> constants;
  for (const Expr& expression : *expressions) {
    const auto constant = expression.constant();
    if (!constant) return std::nullopt;
    constants.push_back(*constant);
  }
  return constants;
}

// Bools lie as bytes that are 0 or 1.
template <typename T>
std::vector<Expr> Widened(std::span<const std::byte> bytes) {
  std::vector<Expr> elements;
  for (std::size_t i = 0; i + sizeof(T) <= bytes.size(); i += sizeof(T)) {
    T value{};
    std::memcpy(&value, bytes.data() + i, sizeof(T));
    elements.emplace_back(static_cast<std::int64_t>(value));
  }
  return elements;
}

// Empty when they cannot be read.
std::vector<float> FloatsOf(const Initializer& initializer) {
  const auto payload = PayloadOf(initializer);
  if (!payload.ok()) return {};
  std::vector<float> floats(payload.value().size() / sizeof(float));
  if (!floats.empty()) {
    std::memcpy(floats.data(), payload.value().view.data(), floats.size() * sizeof(float));
  }
  return floats;
}

// What of a tensor is the same whatever the unknowns of its algebra are.
KnownTensor OnlyConstants(const KnownTensor& tensor) {
  KnownTensor result;
  const auto keep = [](const std::optional<std::vector<std::int64_t>>& values) {
    return values ? std::optional<Exprs>(std::in_place, values->begin(), values->end())
                  : std::nullopt;
  };
  result.shape = keep(tensor.ConstantShape());
  result.elements = keep(tensor.ConstantElements());
  result.type = tensor.type;
  result.floats = tensor.floats;
  return result;
}

}  // namespace

std::optional<Shape> KnownTensor::ConstantShape() const {
  return Constants(shape);
}

std::optional<std::vector<std::int64_t>> KnownTensor::ConstantElements() const {
  return Constants(elements);
}

ShapeValues::ShapeValues(const Graph& graph, std::int64_t opset)
    : ShapeValues(graph, opset, GivenInputs()) {}

ShapeValues::ShapeValues(const Graph& graph, std::int64_t opset, const GivenInputs& given) {
  for (const ValueInfo& input : graph.inputs) AddInput(input, given);
  AddNodes(graph, opset);
}

ShapeValues::ShapeValues(const Graph& graph, std::int64_t opset, const ShapeValues& outer)
    : outer_(&outer) {
  for (const ValueInfo& input : graph.inputs) AddInput(input, {});
  AddNodes(graph, opset);
}

void ShapeValues::AddNodes(const Graph& graph, std::int64_t opset) {
  for (const Initializer& initializer : graph.initializers) {
    AddInitializer(initializer.name, initializer);
  }
  for (const Node& node : graph.nodes) {
    if (algebra_.unknowns() > kMostUnknowns) return;
    AddOutputs(node, opset);
  }
}

const KnownTensor& ShapeValues::Of(std::string_view name) const {
  static const KnownTensor nothing;
  const auto found = known_.find(name);
  return found == known_.end() ? nothing : found->second;
}

const ShapeValues::Branch* ShapeValues::BranchOf(const Node& node) const {
  const auto found = branches_.find(&node);
  return found == branches_.end() ? nullptr : found->second.get();
}

void ShapeValues::AddInput(const ValueInfo& input, const GivenInputs& given) {
  if (const auto found = given.find(input.name); found != given.end()) {
    KnownTensor& known = known_[input.name];
    const GivenInput& what = found->second;
    known.shape.emplace(what.shape.begin(), what.shape.end());
    if (!what.elements || what.elements->size() > KnownTensor::kMostElements) return;
    known.type = input.type;
    known.elements.emplace(what.elements->begin(), what.elements->end());
    return;
  }
  if (!input.is_tensor || !input.has_shape) return;
  std::vector<Expr> shape;
  for (const Dimension& dim : input.dims) {
    if (dim.value >= 0) {
      shape.emplace_back(dim.value);
    } else {
      shape.push_back(dim.name.empty() ? algebra_.AnySize() : algebra_.NamedSize(dim.name));
    }
  }
  known_[input.name].shape = std::move(shape);
}

void ShapeValues::AddInitializer(std::string_view name, const Initializer& initializer) {
  KnownTensor& known = known_[name];
  known = {};
  known.shape.emplace(initializer.dims.begin(), initializer.dims.end());
  known.type = initializer.type;
  if (initializer.type == DataType::kFloat32 && Elements(initializer) <= KnownTensor::kMostFloats) {
    known.floats = FloatsOf(initializer);
  }
  const bool is_integer = initializer.type == DataType::kInt64 ||
                          initializer.type == DataType::kInt32 ||
                          initializer.type == DataType::kBool;
  if (!is_integer || Elements(initializer) > KnownTensor::kMostElements) return;
  const auto payload = PayloadOf(initializer);
  if (!payload.ok()) return;
  const std::span<const std::byte> bytes = payload.value().view;
  switch (initializer.type) {
    case DataType::kInt64: known.elements = Widened<std::int64_t>(bytes); break;
    case DataType::kInt32: known.elements = Widened<std::int32_t>(bytes); break;
    default: known.elements = Widened<std::uint8_t>(bytes); break;
  }
}

void ShapeValues::AddConstant(const Node& node) {
  if (node.outputs.empty()) return;
  const Attribute* tensor = node.FindAttribute("value");
  if (tensor != nullptr && tensor->tensors.size() == 1) {
    return AddInitializer(node.outputs[0], tensor->tensors[0]);
  }
  KnownTensor& known = known_[node.outputs[0]];
  const auto count = [](std::size_t size) { return Expr(static_cast<std::int64_t>(size)); };
  if (node.FindAttribute("value_float") != nullptr) known.shape.emplace();
  if (const Attribute* values = node.FindAttribute("value_floats")) {
    known.shape = {count(values->floats.size())};
  }
  const auto hold = [&](const std::vector<std::int64_t>& values) {
    if (values.size() > KnownTensor::kMostElements) return;
    known.type = DataType::kInt64;
    known.elements.emplace(values.begin(), values.end());
  };
  if (const Attribute* value = node.FindAttribute("value_int")) {
    known.shape.emplace();
    hold({value->i});
  }
  if (const Attribute* values = node.FindAttribute("value_ints")) {
    known.shape = {count(values->ints.size())};
    hold(values->ints);
  }
}

void ShapeValues::AddBranch(const Node& node, std::int64_t opset) {
  const auto condition = node.inputs.empty() ? std::nullopt : Of(node.inputs[0]).ConstantElements();
  if (!condition || condition->size() != 1) return;
  const Attribute* branch =
      node.FindAttribute(condition->front() != 0 ? "then_branch" : "else_branch");
  if (branch == nullptr || branch->graphs.size() != 1) return;
  const Graph& graph = branch->graphs.front();
  auto [entry, is_new] = branches_.emplace(
      &node, std::shared_ptr<Branch>(new Branch{&graph, ShapeValues(graph, opset, *this)}));
  const ShapeValues& inside = entry->second->values;
  for (std::size_t i = 0; i < std::min(node.outputs.size(), graph.outputs.size()); ++i) {
    known_[node.outputs[i]] = OnlyConstants(inside.Of(graph.outputs[i].name));
  }
}

void ShapeValues::AddOutputs(const Node& node, std::int64_t opset) {
  for (const std::string& input : node.inputs) {
    if (outer_ == nullptr || known_.contains(input)) continue;
    for (const ShapeValues* around = outer_; around != nullptr; around = around->outer_) {
      const auto found = around->known_.find(input);
      if (found == around->known_.end()) continue;
      known_[input] = OnlyConstants(found->second);
      break;
    }
  }
  if (node.Is("Constant")) return AddConstant(node);
  if (node.Is("If")) return AddBranch(node, opset);
  const ShapeRule rule = FindShapeRule(node.domain, node.op_type);
  if (rule == nullptr) return;
  RuleContext context(node, opset, &algebra_);
  for (const std::string& input : node.inputs) context.inputs.push_back(&Of(input));
  rule(&context);
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (!node.outputs[i].empty()) known_[node.outputs[i]] = std::move(context.outputs[i]);
  }
}

}  // namespace quantbench
