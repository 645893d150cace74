// Shape rules of operators that work element by element.
#include <algorithm>
#include <limits>

#include "graph/shape_rules.h"

namespace quantbench {
namespace {

// As an int32 where the type is one and the value may not fit: its arithmetic wraps around.
Expr Wrapped(Algebra* algebra, DataType type, const Expr& value) {
  if (type != DataType::kInt32) return value;
  const auto high = algebra->High(value);
  const bool fits = algebra->IsAtLeast(value, std::numeric_limits<std::int32_t>::min()) && high &&
                    *high <= std::numeric_limits<std::int32_t>::max();
  return fits ? value : algebra->AnyInteger();
}

void SameShape(RuleContext* context) {
  context->SetShape(context->Input(0).shape);
}

// The shape of all inputs broadcast.
void BroadcastAll(RuleContext* context) {
  // Before version 7 the second operand was stretched to the first, by attributes.
  if (context->opset < 7) return SameShape(context);
  std::optional<Exprs> shape = context->Input(0).shape;
  for (std::size_t i = 1; i < context->node.inputs.size() && shape; ++i) {
    const std::optional<Exprs>& other = context->Input(i).shape;
    if (!other) return;
    shape = BroadcastShapes(&context->algebra, *shape, *other);
  }
  context->SetShape(std::move(shape));
}

using Combine = Expr (*)(Algebra*, const Expr&, const Expr&);

// Elements of two small tensors combined; the shape they broadcast to is set already.
void CombineElements(RuleContext* context, DataType type, Combine combine) {
  if (context->outputs.empty()) return;
  const std::optional<Shape> shape = context->outputs[0].ConstantShape();
  if (!shape) return;
  const auto left = ElementsAs(context->Input(0), *shape);
  const auto right = ElementsAs(context->Input(1), *shape);
  if (!left || !right) return;
  Exprs result;
  for (std::size_t i = 0; i < left->size(); ++i) {
    const Expr element = combine(&context->algebra, (*left)[i], (*right)[i]);
    result.push_back(Wrapped(&context->algebra, type, element));
  }
  context->SetElements(type, *shape, std::move(result));
}

template <Combine kCombine>
void Arithmetic(RuleContext* context) {
  BroadcastAll(context);
  const DataType type = context->Input(0).type;
  if (context->opset < 7 || context->node.inputs.size() != 2 || !IsIndexType(type)) return;
  if (context->Input(1).type == type) CombineElements(context, type, kCombine);
}

template <Combine kCombine>
void Comparison(RuleContext* context) {
  BroadcastAll(context);
  if (context->opset < 7 || context->node.inputs.size() != 2) return;
  CombineElements(context, DataType::kBool, kCombine);
}

Expr AddOf(Algebra* algebra, const Expr& a, const Expr& b) {
  return algebra->Sum(a, b);
}
Expr SubOf(Algebra* algebra, const Expr& a, const Expr& b) {
  return algebra->Difference(a, b);
}
Expr MulOf(Algebra* algebra, const Expr& a, const Expr& b) {
  return algebra->Product(a, b);
}
Expr DivOf(Algebra* algebra, const Expr& a, const Expr& b) {
  return algebra->Quotient(a, b);
}
Expr MinOf(Algebra* algebra, const Expr& a, const Expr& b) {
  return algebra->Minimum(a, b);
}
Expr MaxOf(Algebra* algebra, const Expr& a, const Expr& b) {
  return algebra->Maximum(a, b);
}
Expr EqualOf(Algebra* algebra, const Expr& a, const Expr& b) {
  return algebra->Equal(a, b);
}
Expr LessOf(Algebra* algebra, const Expr& a, const Expr& b) {
  return algebra->Less(a, b);
}
Expr GreaterOf(Algebra* algebra, const Expr& a, const Expr& b) {
  return algebra->Less(b, a);
}
Expr LessOrEqualOf(Algebra* algebra, const Expr& a, const Expr& b) {
  return algebra->Less(a, algebra->Sum(b, 1));
}
Expr GreaterOrEqualOf(Algebra* algebra, const Expr& a, const Expr& b) {
  return algebra->Less(b, algebra->Sum(a, 1));
}
// Of operands that are 0 or 1.
Expr AndOf(Algebra* algebra, const Expr& a, const Expr& b) {
  return algebra->Minimum(a, b);
}
Expr OrOf(Algebra* algebra, const Expr& a, const Expr& b) {
  return algebra->Maximum(a, b);
}

void Not(RuleContext* context) {
  SameShape(context);
  const KnownTensor& input = context->Input(0);
  const auto shape = input.ConstantShape();
  if (!shape || !input.elements || input.type != DataType::kBool) return;
  Exprs result;
  for (const Expr& element : *input.elements) {
    result.push_back(context->algebra.Difference(1, element));
  }
  context->SetElements(DataType::kBool, *shape, std::move(result));
}

void Identity(RuleContext* context) {
  if (!context->outputs.empty()) context->outputs[0] = context->Input(0);
}

void Cast(RuleContext* context) {
  SameShape(context);
  const KnownTensor& input = context->Input(0);
  const auto shape = input.ConstantShape();
  if (!shape || !input.elements) return;
  const auto to = static_cast<DataType>(context->node.IntAttribute("to", 0));
  if (!IsIndexType(to) && to != DataType::kBool) return;
  Exprs result;
  for (const Expr& element : *input.elements) {
    Algebra& algebra = context->algebra;
    result.push_back(to == DataType::kBool && input.type != to
                         ? algebra.Difference(1, algebra.Equal(element, 0))
                         : Wrapped(&algebra, to, element));
  }
  context->SetElements(to, *shape, std::move(result));
}

void Where(RuleContext* context) {
  BroadcastAll(context);
  const auto shape = context->outputs.empty() ? std::nullopt : context->outputs[0].ConstantShape();
  if (!shape || context->node.inputs.size() != 3) return;
  const auto condition = ElementsAs(context->Input(0), *shape);
  const auto chosen = ElementsAs(context->Input(1), *shape);
  const auto other = ElementsAs(context->Input(2), *shape);
  if (!condition || !chosen || !other) return;
  Exprs result;
  for (std::size_t i = 0; i < condition->size(); ++i) {
    const Expr& yes = (*chosen)[i];
    const Expr& no = (*other)[i];
    const auto constant = (*condition)[i].constant();
    if (constant) {
      result.push_back(*constant != 0 ? yes : no);
    } else {
      result.push_back(yes == no ? yes : context->algebra.AnyInteger());
    }
  }
  const DataType type = context->Input(1).type;
  if (type == context->Input(2).type) context->SetElements(type, *shape, std::move(result));
}

constexpr auto kElementwiseRules = std::to_array<ShapeRuleEntry>({
    {"Add", Arithmetic<AddOf>},
    {"Sub", Arithmetic<SubOf>},
    {"Mul", Arithmetic<MulOf>},
    {"Div", Arithmetic<DivOf>},
    {"Min", Arithmetic<MinOf>},
    {"Max", Arithmetic<MaxOf>},
    {"Equal", Comparison<EqualOf>},
    {"Less", Comparison<LessOf>},
    {"Greater", Comparison<GreaterOf>},
    {"LessOrEqual", Comparison<LessOrEqualOf>},
    {"GreaterOrEqual", Comparison<GreaterOrEqualOf>},
    {"And", Comparison<AndOf>},
    {"Or", Comparison<OrOf>},
    {"Not", Not},
    {"Where", Where},
    {"Cast", Cast},
    {"Identity", Identity},

    {"Pow", BroadcastAll},
    {"Xor", BroadcastAll},
    {"Mod", BroadcastAll},
    {"Sum", BroadcastAll},
    {"Mean", BroadcastAll},
    {"BitShift", BroadcastAll},
    {"BitwiseAnd", BroadcastAll},
    {"BitwiseOr", BroadcastAll},
    {"BitwiseXor", BroadcastAll},

    {"Abs", SameShape},
    {"Acos", SameShape},
    {"Asin", SameShape},
    {"Atan", SameShape},
    {"BatchNormalization", SameShape},
    {"BitwiseNot", SameShape},
    {"CastLike", SameShape},
    {"Ceil", SameShape},
    {"Celu", SameShape},
    {"Clip", SameShape},
    {"Cos", SameShape},
    {"Cosh", SameShape},
    {"CumSum", SameShape},
    {"DequantizeLinear", SameShape},
    {"Dropout", SameShape},
    {"Elu", SameShape},
    {"Erf", SameShape},
    {"Exp", SameShape},
    {"EyeLike", SameShape},
    {"Floor", SameShape},
    {"Gelu", SameShape},
    {"GroupNormalization", SameShape},
    {"HardSigmoid", SameShape},
    {"HardSwish", SameShape},
    {"Hardmax", SameShape},
    {"InstanceNormalization", SameShape},
    {"IsInf", SameShape},
    {"IsNaN", SameShape},
    {"LRN", SameShape},
    {"LayerNormalization", SameShape},
    {"LeakyRelu", SameShape},
    {"Log", SameShape},
    {"LogSoftmax", SameShape},
    {"LpNormalization", SameShape},
    {"MeanVarianceNormalization", SameShape},
    {"Mish", SameShape},
    {"Neg", SameShape},
    {"PRelu", SameShape},
    {"QuantizeLinear", SameShape},
    {"RMSNormalization", SameShape},
    {"Reciprocal", SameShape},
    {"Relu", SameShape},
    {"Round", SameShape},
    {"ScatterElements", SameShape},
    {"ScatterND", SameShape},
    {"Selu", SameShape},
    {"Shrink", SameShape},
    {"Sigmoid", SameShape},
    {"Sign", SameShape},
    {"Sin", SameShape},
    {"Sinh", SameShape},
    {"Softmax", SameShape},
    {"Softplus", SameShape},
    {"Softsign", SameShape},
    {"Sqrt", SameShape},
    {"Tan", SameShape},
    {"Tanh", SameShape},
    {"ThresholdedRelu", SameShape},
    {"Trilu", SameShape},
});

}  // namespace

std::span<const ShapeRuleEntry> ElementwiseRules() {
  return kElementwiseRules;
}

}  // namespace quantbench
