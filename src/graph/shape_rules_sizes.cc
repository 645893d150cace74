// Shape rules of operators that read shapes, and of those that make tensors of a size.
#include <algorithm>

#include "graph/shape_rules.h"

namespace quantbench {
namespace {

void ShapeOf(RuleContext* context) {
  const std::optional<Exprs>& shape = context->Input(0).shape;
  if (!shape) return context->SetShape(Exprs{context->algebra.AnySize()});
  const auto rank = static_cast<std::int64_t>(shape->size());
  const auto clamp = [&](std::int64_t axis) {
    return std::clamp<std::int64_t>(axis < 0 ? axis + rank : axis, 0, rank);
  };
  const std::int64_t start = clamp(context->node.IntAttribute("start", 0));
  const std::int64_t end = std::max(start, clamp(context->node.IntAttribute("end", rank)));
  context->SetElements(DataType::kInt64, {end - start},
                       Exprs(shape->begin() + start, shape->begin() + end));
}

void Size(RuleContext* context) {
  context->SetShape(Exprs());
  const std::optional<Exprs>& shape = context->Input(0).shape;
  if (!shape) return;
  context->SetElements(DataType::kInt64, {}, {ProductOf(&context->algebra, *shape)});
}

void ConstantOfShape(RuleContext* context) {
  const KnownTensor& target = context->Input(0);
  if (!target.elements) {
    const auto length = target.ConstantShape();
    if (length && length->size() == 1 && (*length)[0] >= 0) {
      context->SetShape(AnySizes(&context->algebra, static_cast<std::size_t>((*length)[0])));
    }
    return;
  }
  context->SetShape(target.elements);
  const auto shape = target.ConstantElements();
  const Attribute* value = context->node.FindAttribute("value");
  if (!shape || CountOf(*shape) > KnownTensor::kMostElements || value == nullptr ||
      value->tensors.size() != 1 || value->tensors[0].type != DataType::kInt64) {
    return;
  }
  const auto payload = PayloadOf(value->tensors[0]);
  std::int64_t element = 0;
  if (!payload.ok() || payload.value().size() != sizeof(element)) return;
  std::memcpy(&element, payload.value().view.data(), sizeof(element));
  context->SetElements(DataType::kInt64, *shape,
                       Exprs(static_cast<std::size_t>(CountOf(*shape)), element));
}

// max(0, ceil((limit - start) / delta)) numbers   [ONNX Range-11].
void Range(RuleContext* context) {
  context->SetShape(Exprs{context->algebra.AnySize()});
  for (std::size_t i = 0; i < 3; ++i) {
    const KnownTensor& input = context->Input(i);
    if (!input.elements || input.elements->size() != 1 || !IsIndexType(input.type)) return;
  }
  const Expr& start = (*context->Input(0).elements)[0];
  const Expr& limit = (*context->Input(1).elements)[0];
  const auto delta = (*context->Input(2).elements)[0].constant();
  if (!delta || *delta < 1) return;
  Algebra& algebra = context->algebra;
  const Expr distance = algebra.Difference(limit, start);
  const Expr count =
      algebra.Maximum(0, algebra.FloorQuotient(algebra.Sum(distance, *delta - 1), *delta));
  context->SetShape(Exprs{count});
  const auto length = count.constant();
  if (!length || *length > KnownTensor::kMostElements) return;
  Exprs elements;
  for (std::int64_t i = 0; i < *length; ++i) {
    elements.push_back(algebra.Sum(start, algebra.Product(i, *delta)));
  }
  context->SetElements(context->Input(0).type, {*length}, std::move(elements));
}

constexpr auto kSizesRules = std::to_array<ShapeRuleEntry>({
    {"Shape", ShapeOf},
    {"Size", Size},
    {"ConstantOfShape", ConstantOfShape},
    {"Range", Range},
});

}  // namespace

std::span<const ShapeRuleEntry> SizeRules() {
  return kSizesRules;
}

}  // namespace quantbench
