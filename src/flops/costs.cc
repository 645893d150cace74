// Operators that work element by element, and those that only move elements.
#include <algorithm>

#include "flops/rules.h"

namespace quantbench {
namespace {

// A sigmoid is 1 / (1 + exp(-x)): three operations and an exp. GELU is x / 2 (1 + erf(x / sqrt 2))
// [Hendrycks 2016]; FastGelu its form with tanh.
constexpr auto kElementCosts = std::to_array<ElementCost>({
    {"Abs", 1, 0},         {"Add", 1, 0},
    {"And", 1, 0},         {"BiasGelu", 5, 1},
    {"BitShift", 1, 0},    {"BitwiseAnd", 1, 0},
    {"BitwiseNot", 1, 0},  {"BitwiseOr", 1, 0},
    {"BitwiseXor", 1, 0},  {"Cast", 1, 0},
    {"CastLike", 1, 0},    {"Ceil", 1, 0},
    {"Celu", 5, 1},        {"Clip", 1, 0},
    {"Cos", 0, 1},         {"Cosh", 0, 1},
    {"Div", 1, 0},         {"Elu", 3, 1},
    {"Equal", 1, 0},       {"Erf", 0, 1},
    {"Exp", 0, 1},         {"FastGelu", 8, 1},
    {"Floor", 1, 0},       {"Gelu", 4, 1},
    {"Greater", 1, 0},     {"GreaterOrEqual", 1, 0},
    {"HardSigmoid", 4, 0}, {"HardSwish", 5, 0},
    {"IsInf", 1, 0},       {"IsNaN", 1, 0},
    {"LeakyRelu", 2, 0},   {"Less", 1, 0},
    {"LessOrEqual", 1, 0}, {"Log", 0, 1},
    {"Mish", 2, 3},        {"Mod", 1, 0},
    {"Mul", 1, 0},         {"Neg", 1, 0},
    {"Not", 1, 0},         {"Or", 1, 0},
    {"PRelu", 2, 0},       {"Pow", 0, 1},
    {"QuickGelu", 5, 1},   {"Reciprocal", 1, 0},
    {"Relu", 1, 0},        {"RotaryEmbedding", 3, 0},
    {"Round", 1, 0},       {"Selu", 4, 1},
    {"Shrink", 2, 0},      {"Sigmoid", 3, 1},
    {"Sign", 1, 0},        {"Sin", 0, 1},
    {"Sinh", 0, 1},        {"Softplus", 1, 2},
    {"Softsign", 3, 0},    {"Sqrt", 0, 1},
    {"Sub", 1, 0},         {"Tan", 0, 1},
    {"Tanh", 0, 1},        {"ThresholdedRelu", 1, 0},
    {"Where", 1, 0},       {"Xor", 1, 0},
});

struct TrafficEntry {
  std::string_view op_type;
  Traffic traffic;
};
constexpr auto kTraffic = std::to_array<TrafficEntry>({
    {"Constant", Traffic::kNothing},  {"Dropout", Traffic::kNothing},
    {"Flatten", Traffic::kNothing},   {"Identity", Traffic::kNothing},
    {"If", Traffic::kNothing},        {"Reshape", Traffic::kNothing},
    {"Shape", Traffic::kNothing},     {"Size", Traffic::kNothing},
    {"Squeeze", Traffic::kNothing},   {"Unsqueeze", Traffic::kNothing},
    {"Gather", Traffic::kPicks},      {"GatherElements", Traffic::kPicks},
    {"GatherND", Traffic::kPicks},    {"Slice", Traffic::kPicks},
    {"Concat", Traffic::kAll},        {"ConstantOfShape", Traffic::kAll},
    {"DepthToSpace", Traffic::kAll},  {"Expand", Traffic::kAll},
    {"EyeLike", Traffic::kAll},       {"NonZero", Traffic::kAll},
    {"OneHot", Traffic::kAll},        {"Pad", Traffic::kAll},
    {"Range", Traffic::kAll},         {"ReorderInput", Traffic::kAll},
    {"ReorderOutput", Traffic::kAll}, {"ScatterElements", Traffic::kAll},
    {"ScatterND", Traffic::kAll},     {"SpaceToDepth", Traffic::kAll},
    {"Split", Traffic::kAll},         {"Tile", Traffic::kAll},
    {"Transpose", Traffic::kAll},     {"Trilu", Traffic::kAll},
});

}  // namespace

const ElementCost* FindElementCost(std::string_view op_type) {
  const auto found = std::find_if(kElementCosts.begin(), kElementCosts.end(),
                                  [&](const ElementCost& cost) { return cost.op_type == op_type; });
  return found == kElementCosts.end() ? nullptr : &*found;
}

std::optional<Traffic> FindTraffic(std::string_view op_type) {
  const auto found = std::find_if(kTraffic.begin(), kTraffic.end(), [&](const TrafficEntry& entry) {
    return entry.op_type == op_type;
  });
  if (found == kTraffic.end()) return std::nullopt;
  return found->traffic;
}

}  // namespace quantbench
