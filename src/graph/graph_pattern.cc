// Matching: who reads a value, and which numbers are constant.
#include "graph/graph_pattern.h"

#include <algorithm>
#include <cmath>

#include "quantbench/graph.h"

namespace quantbench {

bool HasOperator(const Graph& graph, std::string_view op_type) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(),
                     [&](const Node& node) { return node.Is(op_type); });
}

Pattern::Pattern(const Model& model)
    : model_(model), index_(model.graph), shapes_(model.graph, OnnxOpset(model)) {}

std::int64_t Pattern::OnlyReader(std::string_view value) const {
  const auto readers = index_.Consumers(value);
  return readers.size() == 1 && !index_.IsGraphOutput(value) ? readers[0] : -1;
}

std::int64_t Pattern::OnlyReader(std::string_view value, std::string_view op_type) const {
  const std::int64_t reader = OnlyReader(value);
  const bool fits = reader >= 0 && NodeAt(reader).Is(op_type) && NodeAt(reader).outputs.size() == 1;
  return fits ? reader : -1;
}

std::optional<std::string> Pattern::OtherOperand(const Node& node, std::string_view value) const {
  if (node.inputs.size() != 2) return std::nullopt;
  const bool first = node.inputs[0] == value;
  const bool second = node.inputs[1] == value;
  if (first == second) return std::nullopt;
  return node.inputs[first ? 1 : 0];
}

std::optional<double> Pattern::Number(std::string_view value, std::string_view beside) const {
  const Initializer* tensor = index_.FindInitializer(value);
  if (tensor == nullptr || Elements(*tensor) != 1) return std::nullopt;
  if (tensor->type != DataType::kFloat32 && tensor->type != DataType::kInt64 &&
      tensor->type != DataType::kInt32) {
    return std::nullopt;
  }
  const auto& shape = ShapeOf(beside);
  if (tensor->dims.size() > (shape ? shape->size() : 0)) return std::nullopt;
  const auto read = ReadTensor(*tensor);
  if (!read.ok()) return std::nullopt;
  const auto numbers = ToDoubles(read.value());
  return numbers.ok() ? std::optional(numbers.value()[0]) : std::nullopt;
}

bool Pattern::IsNumber(std::string_view value, double wanted, std::string_view beside) const {
  constexpr double kTolerance = 3e-7;  // of float32, relative: two and a half units
  const auto number = Number(value, beside);
  return number && std::abs(*number - wanted) <= kTolerance * std::abs(wanted);
}

}  // namespace quantbench
