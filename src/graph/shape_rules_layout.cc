// Shape rules of operators that keep every element and move it at most.
#include <algorithm>
#include <numeric>

#include "graph/shape_rules.h"

namespace quantbench {
namespace {

void SetReshaped(RuleContext* context, Exprs dims) {
  const KnownTensor& data = context->Input(0);
  context->SetShape(std::move(dims));
  if (!data.elements || context->outputs.empty()) return;
  const auto shape = context->outputs[0].ConstantShape();
  if (shape) context->SetElements(data.type, *shape, *data.elements);
}

// total / rest, where it comes out; equal dimensions are cancelled first.
Expr Remaining(Algebra* algebra, Exprs total, Exprs rest) {
  std::erase_if(rest, [&](const Expr& dim) {
    const auto found = std::find(total.begin(), total.end(), dim);
    if (found == total.end()) return false;
    total.erase(found);
    return true;
  });
  const auto quotient = Expr::ExactQuotient(ProductOf(algebra, total), ProductOf(algebra, rest));
  return quotient ? *quotient : algebra->AnySize();
}

// A dimension that the target gives as an element. One that may be negative could be -1.
Expr TargetDim(const RuleContext& context, const Expr& element, std::size_t axis) {
  const std::optional<Exprs>& data = context.Input(0).shape;
  const bool copies = element.Is(0) && context.node.IntAttribute("allowzero", 0) == 0;
  if (copies && data && axis < data->size()) return (*data)[axis];
  const bool is_size = !copies && context.algebra.IsAtLeast(element, 0);
  return is_size ? element : context.algebra.AnySize();
}

// 0 copies the input's dimension unless allowzero, -1 stands for what remains   [ONNX Reshape-14].
void Reshape(RuleContext* context) {
  const KnownTensor& data = context->Input(0);
  const KnownTensor& target = context->Input(1);
  if (context->opset < 5) return;
  if (!target.elements) {
    const auto length = target.ConstantShape();
    if (length && length->size() == 1 && (*length)[0] >= 0) {
      context->SetShape(AnySizes(&context->algebra, static_cast<std::size_t>((*length)[0])));
    }
    return;
  }
  Exprs dims;
  for (const Expr& element : *target.elements) {
    dims.push_back(TargetDim(*context, element, dims.size()));
  }
  const auto inferred = std::find(target.elements->begin(), target.elements->end(), Expr(-1));
  if (inferred != target.elements->end() && data.shape) {
    const auto axis = inferred - target.elements->begin();
    Exprs rest = dims;
    rest.erase(rest.begin() + axis);
    dims[static_cast<std::size_t>(axis)] =
        Remaining(&context->algebra, *data.shape, std::move(rest));
  }
  SetReshaped(context, std::move(dims));
}

// Two dimensions: the product of those before the axis, and of those from it on.
void Flatten(RuleContext* context) {
  const std::optional<Exprs>& shape = context->Input(0).shape;
  if (!shape) return context->SetShape(AnySizes(&context->algebra, 2));
  std::int64_t axis = context->node.IntAttribute("axis", 1);
  if (axis < 0) axis += static_cast<std::int64_t>(shape->size());
  if (axis < 0 || axis > static_cast<std::int64_t>(shape->size())) return;
  const std::span<const Expr> dims = *shape;
  const auto split = static_cast<std::size_t>(axis);
  SetReshaped(context, {ProductOf(&context->algebra, dims.first(split)),
                        ProductOf(&context->algebra, dims.subspan(split))});
}

void Transpose(RuleContext* context) {
  const KnownTensor& data = context->Input(0);
  if (!data.shape) return;
  const std::size_t rank = data.shape->size();
  Integers order;
  if (const Attribute* perm = context->node.FindAttribute("perm")) {
    order = perm->ints;
  } else {
    for (std::size_t i = rank; i-- > 0;) order.push_back(static_cast<std::int64_t>(i));
  }
  Integers every_axis(rank);
  std::iota(every_axis.begin(), every_axis.end(), 0);
  if (!std::is_permutation(order.begin(), order.end(), every_axis.begin(), every_axis.end()))
    return;
  Exprs dims;
  for (const std::int64_t axis : order) {
    dims.push_back((*data.shape)[static_cast<std::size_t>(axis)]);
  }
  context->SetShape(std::move(dims));
  const auto from = data.ConstantShape();
  if (!from || !data.elements || context->outputs.empty()) return;
  const Shape own = StridesOf(*from);
  Shape strides;
  for (const std::int64_t axis : order) strides.push_back(own[static_cast<std::size_t>(axis)]);
  const Shape shape = *context->outputs[0].ConstantShape();
  context->SetElements(data.type, shape, View(*data.elements, shape, strides, 0));
}

void Squeeze(RuleContext* context) {
  const std::optional<Exprs>& shape = context->Input(0).shape;
  if (!shape) return;
  const bool has_axes = context->Has(1) || context->node.FindAttribute("axes") != nullptr;
  const std::optional<Integers> axes = context->IntsOf("axes", 1);
  std::vector<bool> removed(shape->size(), false);
  if (has_axes) {
    if (!axes) return;
    for (const std::int64_t axis : *axes) {
      const auto place = context->Axis(axis, shape->size());
      if (!place) return;
      removed[*place] = true;
    }
  } else {  // those that are 1: all must be known
    for (std::size_t i = 0; i < shape->size(); ++i) {
      const Expr is_one = context->algebra.Equal((*shape)[i], 1);
      if (!is_one.constant()) return;
      removed[i] = is_one.Is(1);
    }
  }
  Exprs dims;
  for (std::size_t i = 0; i < shape->size(); ++i) {
    if (!removed[i]) dims.push_back((*shape)[i]);
  }
  SetReshaped(context, std::move(dims));
}

void Unsqueeze(RuleContext* context) {
  const std::optional<Exprs>& shape = context->Input(0).shape;
  const std::optional<Integers> axes = context->IntsOf("axes", 1);
  if (!shape || !axes) return;
  const std::size_t rank = shape->size() + axes->size();
  std::vector<bool> added(rank, false);
  for (const std::int64_t axis : *axes) {
    const auto place = context->Axis(axis, rank);
    if (!place || added[*place]) return;
    added[*place] = true;
  }
  Exprs dims;
  auto next = shape->begin();
  for (std::size_t i = 0; i < rank; ++i) dims.push_back(added[i] ? Expr(1) : *next++);
  SetReshaped(context, std::move(dims));
}

// Elements of small tensors joined along an axis; the shape is set already.
void ConcatElements(RuleContext* context, std::size_t axis) {
  const auto shape = context->outputs[0].ConstantShape();
  if (!shape || CountOf(*shape) > KnownTensor::kMostElements || CountOf(*shape) == 0) return;
  std::int64_t outer = 1;
  for (std::size_t i = 0; i < axis; ++i) outer *= (*shape)[i];
  const DataType type = context->Input(0).type;
  Exprs elements;
  for (std::int64_t row = 0; row < outer; ++row) {
    for (std::size_t i = 0; i < context->node.inputs.size(); ++i) {
      const KnownTensor& input = context->Input(i);
      if (!input.elements || input.type != type) return;
      const auto length = static_cast<std::ptrdiff_t>(input.elements->size()) / outer;
      const auto begin = input.elements->begin() + row * length;
      elements.insert(elements.end(), begin, begin + length);
    }
  }
  context->SetElements(type, *shape, std::move(elements));
}

void Concat(RuleContext* context) {
  if (!context->Input(0).shape || context->outputs.empty()) return;
  Exprs dims = *context->Input(0).shape;
  const auto axis = context->AxisAttribute(1, dims.size());
  if (!axis) return;
  for (std::size_t i = 1; i < context->node.inputs.size(); ++i) {
    const std::optional<Exprs>& shape = context->Input(i).shape;
    if (!shape) return context->SetShape(AnySizes(&context->algebra, dims.size()));
    if (shape->size() != dims.size()) return;
    for (std::size_t d = 0; d < dims.size(); ++d) {
      if (d == *axis) {
        dims[d] = context->algebra.Sum(dims[d], (*shape)[d]);
      } else if (!dims[d].constant()) {  // they are equal: prefer what says more
        dims[d] = (*shape)[d].constant() ? (*shape)[d] : dims[d];
      }
    }
  }
  context->SetShape(std::move(dims));
  ConcatElements(context, *axis);
}

// Blocks of a x b pixels and channels change places.
void MoveBlocks(RuleContext* context, bool to_space) {
  const std::optional<Exprs>& shape = context->Input(0).shape;
  const std::int64_t block = context->node.IntAttribute("blocksize", 0);
  constexpr std::int64_t kLargestBlock = 1 << 15;
  if (!shape || shape->size() != 4 || block < 1 || block > kLargestBlock) return;
  Algebra& algebra = context->algebra;
  const std::int64_t area = block * block;
  const auto grow = [&](std::size_t i, std::int64_t by) {
    return algebra.Product((*shape)[i], by);
  };
  const auto shrink = [&](std::size_t i, std::int64_t by) {
    const auto quotient = Expr::ExactQuotient((*shape)[i], by);
    return quotient ? *quotient : algebra.AnySize();
  };
  if (to_space) {
    context->SetShape(Exprs{(*shape)[0], shrink(1, area), grow(2, block), grow(3, block)});
  } else {
    context->SetShape(Exprs{(*shape)[0], grow(1, area), shrink(2, block), shrink(3, block)});
  }
}

void DepthToSpace(RuleContext* context) {
  MoveBlocks(context, true);
}
void SpaceToDepth(RuleContext* context) {
  MoveBlocks(context, false);
}

constexpr auto kLayoutRules = std::to_array<ShapeRuleEntry>({
    {"Reshape", Reshape},
    {"Flatten", Flatten},
    {"Transpose", Transpose},
    {"Squeeze", Squeeze},
    {"Unsqueeze", Unsqueeze},
    {"Concat", Concat},
    {"DepthToSpace", DepthToSpace},
    {"SpaceToDepth", SpaceToDepth},
});

}  // namespace

std::span<const ShapeRuleEntry> LayoutRules() {
  return kLayoutRules;
}

}  // namespace quantbench
