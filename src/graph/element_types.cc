// Element types: what is declared, and what the operators' rules carry forward.
#include <algorithm>
#include <array>

#include "quantbench/graph.h"

namespace quantbench {
namespace {

struct Rule {
  std::string_view op_type;
  DataType fixed = DataType::kUndefined;  // or else
  int input = -1;                         // the type of that input; -1: does not follow
};

// Operators of ONNX whose first output has not simply the type of their first input.
constexpr auto kTypeRules = std::to_array<Rule>({
    {"Shape", DataType::kInt64},
    {"Size", DataType::kInt64},
    {"NonZero", DataType::kInt64},
    {"ArgMax", DataType::kInt64},
    {"ArgMin", DataType::kInt64},
    {"NonMaxSuppression", DataType::kInt64},
    {"Equal", DataType::kBool},
    {"Greater", DataType::kBool},
    {"Less", DataType::kBool},
    {"GreaterOrEqual", DataType::kBool},
    {"LessOrEqual", DataType::kBool},
    {"And", DataType::kBool},
    {"Or", DataType::kBool},
    {"Xor", DataType::kBool},
    {"Not", DataType::kBool},
    {"IsNaN", DataType::kBool},
    {"IsInf", DataType::kBool},
    {"ConvInteger", DataType::kInt32},
    {"MatMulInteger", DataType::kInt32},
    {"DynamicQuantizeLinear", DataType::kUint8},
    {"ImageDecoder", DataType::kUint8},
    {"Where", DataType::kUndefined, 1},
    {"CastLike", DataType::kUndefined, 1},
    {"DequantizeLinear", DataType::kUndefined, 1},
    {"QuantizeLinear", DataType::kUndefined, 2},
    {"OneHot", DataType::kUndefined, 2},
    {"QLinearConv", DataType::kUndefined, 7},
    {"QLinearMatMul", DataType::kUndefined, 7},
    // Typed by attributes, or not tensors.
    {"Bernoulli"},
    {"BitCast"},
    {"BlackmanWindow"},
    {"ConcatFromSequence"},
    {"EyeLike"},
    {"HammingWindow"},
    {"HannWindow"},
    {"MelWeightMatrix"},
    {"Multinomial"},
    {"Optional"},
    {"OptionalGetElement"},
    {"OptionalHasElement"},
    {"RandomNormal"},
    {"RandomNormalLike"},
    {"RandomUniform"},
    {"RandomUniformLike"},
    {"RegexFullMatch"},
    {"SequenceAt"},
    {"SequenceConstruct"},
    {"SequenceEmpty"},
    {"SequenceErase"},
    {"SequenceInsert"},
    {"SequenceLength"},
    {"SplitToSequence"},
    {"StringConcat"},
    {"StringNormalizer"},
    {"StringSplit"},
    {"TfIdfVectorizer"},
});

// Contributed operators of another type: that of an input.
constexpr auto kContributedRules = std::to_array<Rule>({
    {"DequantizeLinear", DataType::kUndefined, 1},
    {"DynamicQuantizeLSTM", DataType::kUndefined, 0},
    {"GatherBlockQuantized", DataType::kUndefined, 2},
    {"MatMulIntegerToFloat", DataType::kUndefined, 2},
    {"QAttention", DataType::kUndefined, 3},
    {"QLinearConv", DataType::kUndefined, 7},
    {"QLinearConcat", DataType::kUndefined, 1},
    {"QuantizeLinear", DataType::kUndefined, 2},
});

// Contributed operators whose first output has the type of their first input.
constexpr auto kContributedKinds =
    std::to_array<std::string_view>({"Attention",
                                     "BiasGelu",
                                     "BiasSoftmax",
                                     "DynamicQuantizeMatMul",
                                     "FastGelu",
                                     "FusedConv",
                                     "FusedGemm",
                                     "FusedMatMul",
                                     "Gelu",
                                     "GroupQueryAttention",
                                     "LayerNormalization",
                                     "MatMulNBits",
                                     "MultiHeadAttention",
                                     "QLinearAdd",
                                     "QLinearAveragePool",
                                     "QLinearGlobalAveragePool",
                                     "QLinearLeakyRelu",
                                     "QLinearMul",
                                     "QLinearSigmoid",
                                     "QLinearSoftmax",
                                     "QuickGelu",
                                     "RotaryEmbedding",
                                     "SimplifiedLayerNormalization",
                                     "SkipLayerNormalization",
                                     "SkipSimplifiedLayerNormalization"});

DataType TypeOfTensorAttribute(const Node& node, DataType fallback) {
  const Attribute* value = node.FindAttribute("value");
  return value == nullptr || value->tensors.empty() ? fallback : value->tensors.front().type;
}

DataType TypeOfConstant(const Node& node) {
  if (node.FindAttribute("value_int") != nullptr || node.FindAttribute("value_ints") != nullptr) {
    return DataType::kInt64;
  }
  if (node.FindAttribute("value_float") != nullptr ||
      node.FindAttribute("value_floats") != nullptr) {
    return DataType::kFloat32;
  }
  return TypeOfTensorAttribute(node, DataType::kUndefined);
}

// What further outputs hold, where the first holds `first`.
DataType TypeOfFurther(const Node& node, std::size_t output, DataType first) {
  if (node.op_type == "TopK" || node.op_type == "MaxPool" || node.op_type == "Unique") {
    return DataType::kInt64;  // indices
  }
  if (node.op_type == "DynamicQuantizeLinear") {
    return output == 1 ? DataType::kFloat32 : first;  // scale, zero point
  }
  const bool differs = node.op_type == "Dropout" || node.op_type == "LayerNormalization" ||
                       node.op_type == "BatchNormalization" || !node.domain.empty();
  return differs ? DataType::kUndefined : first;  // a mask; statistics
}

DataType TypeOfInput(const Node& node, int i, const ElementTypes& types) {
  const auto place = static_cast<std::size_t>(i);
  if (i < 0 || node.inputs.size() <= place) return DataType::kUndefined;
  const auto found = types.find(node.inputs[place]);
  return found == types.end() ? DataType::kUndefined : found->second;
}

// Of operators beyond ONNX's own.
DataType TypeOfContributed(const Node& node, const ElementTypes& types) {
  const bool keeps = node.domain == kBlockedDomain ||
                     (node.domain == kContribDomain &&
                      std::find(kContributedKinds.begin(), kContributedKinds.end(), node.op_type) !=
                          kContributedKinds.end());
  if (keeps) return TypeOfInput(node, 0, types);
  // QGemm puts out codes like its output's zero point, or floats without one.
  if (node.op_type == "QGemm") {
    const bool has_point = node.inputs.size() > 8 && !node.inputs[8].empty();
    return TypeOfInput(node, has_point ? 8 : 1, types);
  }
  const auto rule =
      std::find_if(kContributedRules.begin(), kContributedRules.end(),
                   [&](const Rule& candidate) { return candidate.op_type == node.op_type; });
  return rule == kContributedRules.end() ? DataType::kUndefined
                                         : TypeOfInput(node, rule->input, types);
}

// The type of a node's first output; undefined when it does not follow.
DataType TypeOfFirst(const Node& node, const ElementTypes& types) {
  const auto input = [&](int i) { return TypeOfInput(node, i, types); };
  if (!node.domain.empty()) return TypeOfContributed(node, types);
  if (node.op_type == "Cast") return static_cast<DataType>(node.IntAttribute("to", 0));
  if (node.op_type == "Constant") return TypeOfConstant(node);
  if (node.op_type == "ConstantOfShape") return TypeOfTensorAttribute(node, DataType::kFloat32);
  const auto rule = std::find_if(kTypeRules.begin(), kTypeRules.end(), [&](const Rule& candidate) {
    return candidate.op_type == node.op_type;
  });
  if (rule != kTypeRules.end()) {
    return rule->fixed != DataType::kUndefined ? rule->fixed : input(rule->input);
  }
  const auto has_graph = [](const Attribute& attribute) { return !attribute.graphs.empty(); };
  if (std::any_of(node.attributes.begin(), node.attributes.end(), has_graph)) {
    return DataType::kUndefined;  // an If: its first input is the condition
  }
  return input(0);
}

void Declare(std::string_view name, DataType type, ElementTypes* types) {
  if (type != DataType::kUndefined && !name.empty()) types->emplace(name, type);
}

// What the graph itself says.
ElementTypes DeclaredTypes(const Graph& graph) {
  ElementTypes types;
  for (const Initializer& initializer : graph.initializers) {
    Declare(initializer.name, initializer.type, &types);
  }
  for (const auto* list : {&graph.inputs, &graph.outputs, &graph.value_infos}) {
    for (const ValueInfo& value : *list) {
      if (value.is_tensor) Declare(value.name, value.type, &types);
    }
  }
  return types;
}

// Both branches of an If put out the types that they declare.
void DeclareBranch(const Node& node, const Attribute& branch, ElementTypes* types) {
  if (!node.Is("If") || branch.graphs.size() != 1) return;
  const std::vector<ValueInfo>& outputs = branch.graphs[0].outputs;
  for (std::size_t i = 0; i < std::min(outputs.size(), node.outputs.size()); ++i) {
    Declare(node.outputs[i], outputs[i].type, types);
  }
}

}  // namespace

ElementTypes InferElementTypes(const Graph& graph) {
  return InferElementTypes(graph, [](std::string_view) { return DataType::kUndefined; });
}

ElementTypes InferElementTypes(const Graph& graph, const TypeLookup& outer) {
  ElementTypes types = DeclaredTypes(graph);
  for (const Node& node : graph.nodes) {
    for (const std::string& input : node.inputs) {
      if (!types.contains(input)) Declare(input, outer(input), &types);
    }
    if (const Attribute* branch = node.FindAttribute("then_branch")) {
      DeclareBranch(node, *branch, &types);
      continue;
    }
    const DataType first = TypeOfFirst(node, types);
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      Declare(node.outputs[i], i == 0 ? first : TypeOfFurther(node, i, first), &types);
    }
  }
  return types;
}

}  // namespace quantbench
