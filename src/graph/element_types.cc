// Element types: what is declared, and what simple rules carry forward.
#include <algorithm>
#include <array>

#include "quantbench/graph.h"

namespace quantbench {
namespace {

constexpr std::array<std::string_view, 6> kToIndices = {"Shape",  "Size",   "NonZero",
                                                        "ArgMax", "ArgMin", "NonMaxSuppression"};
constexpr std::array<std::string_view, 11> kToBool = {
    "Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "And",
    "Or",    "Xor",     "Not",  "IsNaN",          "IsInf"};

template <std::size_t kCount>
bool Contains(const std::array<std::string_view, kCount>& list, std::string_view op_type) {
  return std::find(list.begin(), list.end(), op_type) != list.end();
}

DataType TypeOfTensorAttribute(const Node& node, DataType fallback) {
  const Attribute* value = node.FindAttribute("value");
  return value == nullptr || value->tensors.empty() ? fallback : value->tensors.front().type;
}

// What further outputs hold, where it is not what the first holds; undefined when it does not
// follow.
DataType TypeOfFurther(const Node& node, DataType first) {
  if (node.op_type == "TopK" || node.op_type == "MaxPool") return DataType::kInt64;  // indices
  return node.op_type == "Dropout" ? DataType::kUndefined : first;                   // a mask
}

// The type of a node's first output; undefined when it does not follow.
DataType TypeOfFirst(const Node& node, const ElementTypes& types) {
  const auto input = [&](std::size_t i) {
    if (node.inputs.size() <= i) return DataType::kUndefined;
    const auto found = types.find(node.inputs[i]);
    return found == types.end() ? DataType::kUndefined : found->second;
  };
  if (Contains(kToIndices, node.op_type)) return DataType::kInt64;
  if (Contains(kToBool, node.op_type)) return DataType::kBool;
  if (node.op_type == "Cast") return static_cast<DataType>(node.IntAttribute("to", 0));
  if (node.op_type == "Constant") return TypeOfTensorAttribute(node, DataType::kUndefined);
  if (node.op_type == "ConstantOfShape") return TypeOfTensorAttribute(node, DataType::kFloat32);
  if (node.op_type == "Where" || node.op_type == "DequantizeLinear" || node.op_type == "CastLike") {
    return input(1);
  }
  if (node.op_type == "QuantizeLinear") return input(2);
  if (node.op_type == "OneHot") return input(2);
  const auto has_graph = [](const Attribute& attribute) { return !attribute.graphs.empty(); };
  if (std::any_of(node.attributes.begin(), node.attributes.end(), has_graph)) {
    return DataType::kUndefined;  // an If: its first input is the condition
  }
  return input(0);
}

}  // namespace

ElementTypes InferElementTypes(const Graph& graph) {
  ElementTypes types;
  const auto declare = [&](std::string_view name, DataType type) {
    if (type != DataType::kUndefined) types.emplace(name, type);
  };
  for (const Initializer& initializer : graph.initializers) {
    declare(initializer.name, initializer.type);
  }
  for (const auto* list : {&graph.inputs, &graph.outputs, &graph.value_infos}) {
    for (const ValueInfo& value : *list) declare(value.name, value.type);
  }
  for (const Node& node : graph.nodes) {
    const DataType first = TypeOfFirst(node, types);
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      declare(node.outputs[i], i == 0 ? first : TypeOfFurther(node, first));
    }
  }
  return types;
}

}  // namespace quantbench
