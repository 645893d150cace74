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

}  // namespace

std::optional<Shape> KnownTensor::ConstantShape() const {
  return Constants(shape);
}

std::optional<std::vector<std::int64_t>> KnownTensor::ConstantElements() const {
  return Constants(elements);
}

ShapeValues::ShapeValues(const Graph& graph, std::int64_t opset) {
  for (const ValueInfo& input : graph.inputs) AddInput(input);
  for (const Initializer& initializer : graph.initializers) AddInitializer(initializer);
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

void ShapeValues::AddInput(const ValueInfo& input) {
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

void ShapeValues::AddInitializer(const Initializer& initializer) {
  KnownTensor& known = known_[initializer.name];
  known = {};
  known.shape.emplace(initializer.dims.begin(), initializer.dims.end());
  const bool is_integer = initializer.type == DataType::kInt64 ||
                          initializer.type == DataType::kInt32 ||
                          initializer.type == DataType::kBool;
  if (!is_integer || Elements(initializer) > KnownTensor::kMostElements) return;
  const auto payload = PayloadOf(initializer);
  if (!payload.ok()) return;
  const std::span<const std::byte> bytes = payload.value().view;
  known.type = initializer.type;
  switch (initializer.type) {
    case DataType::kInt64: known.elements = Widened<std::int64_t>(bytes); break;
    case DataType::kInt32: known.elements = Widened<std::int32_t>(bytes); break;
    default: known.elements = Widened<std::uint8_t>(bytes); break;
  }
}

void ShapeValues::AddOutputs(const Node& node, std::int64_t opset) {
  const ShapeRule rule = node.domain.empty() ? FindShapeRule(node.op_type) : nullptr;
  if (rule == nullptr) return;
  RuleContext context(node, opset, &algebra_);
  for (const std::string& input : node.inputs) context.inputs.push_back(&Of(input));
  rule(&context);
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (!node.outputs[i].empty()) known_[node.outputs[i]] = std::move(context.outputs[i]);
  }
}

}  // namespace quantbench
