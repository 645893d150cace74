// Shape rules of operators that take some of the elements, or repeat them.
#include <algorithm>
#include <limits>

#include "graph/shape_rules.h"

namespace quantbench {
namespace {

// One axis of a Slice.
struct SliceSpan {
  std::size_t axis = 0;
  Expr start;
  Expr end;
  std::int64_t step = 1;
};

// start or end of a forward Slice as an index within [0, dim]: negative ones count from the end.
Expr Clamped(Algebra* algebra, const Expr& index, const Expr& dim) {
  if (algebra->IsAtLeast(index, 0)) return algebra->Minimum(index, dim);
  const auto high = algebra->High(index);
  if (high && *high < 0) return algebra->Maximum(0, algebra->Sum(index, dim));
  return algebra->AnySize();
}

// The indices that a Slice takes of a constant dimension: the first, and how many.
struct Taken {
  std::int64_t first = 0;
  std::int64_t count = 0;
};

// [ONNX Slice-13]; absent where start or end is not constant.
std::optional<Taken> TakenOf(const SliceSpan& span, std::int64_t dim) {
  const auto start = span.start.constant();
  const auto end = span.end.constant();
  if (!start || !end) return std::nullopt;
  if (dim == 0) return Taken();
  const bool forward = span.step > 0;
  const auto clamp = [&](std::int64_t index, bool is_start) {
    if (index < 0) index += dim;
    const std::int64_t lowest = forward ? 0 : (is_start ? 0 : -1);
    return std::clamp(index, lowest, std::max(lowest, forward ? dim : dim - 1));
  };
  const std::int64_t first = clamp(*start, true);
  const std::int64_t distance = forward ? clamp(*end, false) - first : first - clamp(*end, false);
  const std::int64_t step = forward ? span.step : -span.step;
  return Taken{first, distance <= 0 ? 0 : (distance - 1) / step + 1};
}

Expr SlicedDim(Algebra* algebra, const SliceSpan& span, const Expr& dim) {
  if (const auto constant = dim.constant()) {
    if (const auto taken = TakenOf(span, *constant)) return taken->count;
  }
  if (span.step != 1) return algebra->AnySize();
  const Expr start = Clamped(algebra, span.start, dim);
  const Expr end = Clamped(algebra, span.end, dim);
  return algebra->Maximum(0, algebra->Difference(end, start));
}

// start, end or such: attributes before version 10, then inputs.
std::optional<Exprs> Operand(const RuleContext& context, std::string_view attribute,
                             std::size_t input) {
  if (context.opset >= 10) return context.Input(input).elements;
  const Attribute* found = context.node.FindAttribute(attribute);
  if (found == nullptr) return std::nullopt;
  return Exprs(found->ints.begin(), found->ints.end());
}

// Absent when the operands are malformed or axes and steps are not constant.
std::optional<std::vector<SliceSpan>> SpansOf(const RuleContext& context, std::size_t rank) {
  const auto starts = Operand(context, "starts", 1);
  const auto ends = Operand(context, "ends", 2);
  if (!starts || !ends || starts->size() != ends->size()) return std::nullopt;
  const bool has_axes = context.Has(3) || context.node.FindAttribute("axes") != nullptr;
  const auto axes = context.IntsOf("axes", 3);
  const auto steps = context.IntsOf("steps", 4);
  if ((has_axes && (!axes || axes->size() != starts->size())) ||
      (context.Has(4) && (!steps || steps->size() != starts->size()))) {
    return std::nullopt;
  }
  std::vector<SliceSpan> spans;
  std::vector<bool> seen(rank, false);
  for (std::size_t i = 0; i < starts->size(); ++i) {
    const auto axis = context.Axis(has_axes ? (*axes)[i] : static_cast<std::int64_t>(i), rank);
    const std::int64_t step = context.Has(4) ? (*steps)[i] : 1;
    if (!axis || seen[*axis] || step == 0 || step == std::numeric_limits<std::int64_t>::min()) {
      return std::nullopt;
    }
    seen[*axis] = true;
    spans.push_back({*axis, (*starts)[i], (*ends)[i], step});
  }
  return spans;
}

void Slice(RuleContext* context) {
  const KnownTensor& data = context->Input(0);
  if (!data.shape) return;
  const auto spans = SpansOf(*context, data.shape->size());
  if (!spans) return context->SetShape(AnySizes(&context->algebra, data.shape->size()));
  Exprs dims = *data.shape;
  for (const SliceSpan& span : *spans) {
    dims[span.axis] = SlicedDim(&context->algebra, span, dims[span.axis]);
  }
  context->SetShape(std::move(dims));
  const auto from = data.ConstantShape();
  if (!data.elements || !from) return;
  const auto taken = TakenBySlice(*context, *from);
  if (!taken) return;
  context->SetElements(data.type, taken->shape,
                       View(*data.elements, taken->shape, taken->strides, taken->offset));
}

// Elements data[.., indices[..], ..] of small tensors; the shape is set already.
void GatherElementsOf(RuleContext* context, std::size_t axis) {
  const KnownTensor& data = context->Input(0);
  const auto indices = context->Input(1).ConstantElements();
  const auto from = data.ConstantShape();
  const auto shape = context->outputs.empty() ? std::nullopt : context->outputs[0].ConstantShape();
  if (!data.elements || !indices || !from || !shape || data.elements->empty()) return;
  const std::int64_t inner = StridesOf(*from)[axis];
  const std::int64_t dim = (*from)[axis];
  const std::int64_t outer = static_cast<std::int64_t>(data.elements->size()) / (inner * dim);
  if (CountOf(*shape) > KnownTensor::kMostElements) return;
  Exprs elements;
  for (std::int64_t row = 0; row < outer; ++row) {
    for (std::int64_t index : *indices) {
      if (index < 0) index += dim;
      if (index < 0 || index >= dim) return;
      const auto begin = data.elements->begin() + (row * dim + index) * inner;
      elements.insert(elements.end(), begin, begin + inner);
    }
  }
  context->SetElements(data.type, *shape, std::move(elements));
}

void Gather(RuleContext* context) {
  const std::optional<Exprs>& data = context->Input(0).shape;
  const std::optional<Exprs>& indices = context->Input(1).shape;
  if (!data || !indices) return;
  const auto axis = context->AxisAttribute(0, data->size());
  if (!axis) return;
  const auto place = data->begin() + static_cast<std::ptrdiff_t>(*axis);
  Exprs dims(data->begin(), place);
  dims.insert(dims.end(), indices->begin(), indices->end());
  dims.insert(dims.end(), place + 1, data->end());
  context->SetShape(std::move(dims));
  GatherElementsOf(context, *axis);
}

void GatherElements(RuleContext* context) {
  context->SetShape(context->Input(1).shape);
}

// indices.shape[:-1] + data.shape[batch_dims + indices.shape[-1]:]   [ONNX GatherND-13].
void GatherNd(RuleContext* context) {
  const std::optional<Exprs>& data = context->Input(0).shape;
  const std::optional<Exprs>& indices = context->Input(1).shape;
  if (!data || !indices || indices->empty()) return;
  const auto depth = indices->back().constant();
  const std::int64_t batch = context->node.IntAttribute("batch_dims", 0);
  const auto rank = static_cast<std::int64_t>(data->size());
  if (!depth || *depth < 0 || *depth > rank || batch < 0 || batch > rank - *depth) return;
  Exprs dims(indices->begin(), indices->end() - 1);
  dims.insert(dims.end(), data->begin() + batch + *depth, data->end());
  context->SetShape(std::move(dims));
}

void Expand(RuleContext* context) {
  const KnownTensor& data = context->Input(0);
  const KnownTensor& target = context->Input(1);
  if (!data.shape || !target.elements) return;
  Exprs dims;
  for (const Expr& element : *target.elements) {
    const bool is_size = context->algebra.IsAtLeast(element, 0);
    dims.push_back(is_size ? element : context->algebra.AnySize());
  }
  context->SetShape(BroadcastShapes(&context->algebra, *data.shape, dims));
  const auto shape = context->outputs.empty() ? std::nullopt : context->outputs[0].ConstantShape();
  if (!shape) return;
  if (auto elements = ElementsAs(data, *shape)) {
    context->SetElements(data.type, *shape, std::move(*elements));
  }
}

void Tile(RuleContext* context) {
  const std::optional<Exprs>& shape = context->Input(0).shape;
  const std::optional<Exprs>& repeats = context->Input(1).elements;
  if (!shape || context->opset < 6) return;
  Exprs dims = AnySizes(&context->algebra, shape->size());
  if (repeats && repeats->size() == shape->size()) {
    for (std::size_t i = 0; i < dims.size(); ++i) {
      dims[i] = context->algebra.Product((*shape)[i], (*repeats)[i]);
    }
  }
  context->SetShape(std::move(dims));
}

// The sizes of a Split's parts.
Exprs PartSizes(RuleContext* context, const Expr& dim) {
  const std::size_t count = context->node.outputs.size();
  const bool given = context->Has(1) || context->node.FindAttribute("split") != nullptr;
  if (given) {
    const Attribute* attribute = context->node.FindAttribute("split");
    Exprs sizes = attribute != nullptr ? Exprs(attribute->ints.begin(), attribute->ints.end())
                                       : context->Input(1).elements.value_or(Exprs());
    return sizes.size() == count ? sizes : AnySizes(&context->algebra, count);
  }
  // Equal ones; from version 18 on the last may be smaller.
  const auto equal = Expr::ExactQuotient(dim, static_cast<std::int64_t>(count));
  return equal ? Exprs(count, *equal) : AnySizes(&context->algebra, count);
}

void Split(RuleContext* context) {
  const KnownTensor& data = context->Input(0);
  if (!data.shape || context->outputs.empty()) return;
  const auto axis = context->AxisAttribute(0, data.shape->size());
  if (!axis) return;
  const Exprs sizes = PartSizes(context, (*data.shape)[*axis]);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    Exprs dims = *data.shape;
    dims[*axis] = sizes[i];
    context->SetShape(std::move(dims), i);
  }
  const auto from = data.ConstantShape();
  if (!data.elements || !from) return;
  const Shape strides = StridesOf(*from);
  std::int64_t start = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto size = sizes[i].constant();
    if (!size || *size < 0 || *size > (*from)[*axis] - start) return;
    const Shape shape = *context->outputs[i].ConstantShape();
    context->SetElements(data.type, shape,
                         View(*data.elements, shape, strides, start * strides[*axis]), i);
    start += *size;
  }
}

// Begins of all axes, then ends   [ONNX Pad-13].
void Pad(RuleContext* context) {
  const std::optional<Exprs>& shape = context->Input(0).shape;
  if (!shape) return;
  const std::size_t rank = shape->size();
  Exprs dims = AnySizes(&context->algebra, rank);
  const auto pads = context->IntsOf("pads", 1);
  if (pads && pads->size() == 2 * rank && !context->Has(3)) {
    for (std::size_t i = 0; i < rank; ++i) {
      Algebra& algebra = context->algebra;
      dims[i] = algebra.Sum((*shape)[i], algebra.Sum((*pads)[i], (*pads)[rank + i]));
    }
  }
  context->SetShape(std::move(dims));
}

constexpr auto kPickRules = std::to_array<ShapeRuleEntry>({
    {"Slice", Slice},
    {"Gather", Gather},
    {"GatherElements", GatherElements},
    {"GatherND", GatherNd},
    {"Expand", Expand},
    {"Tile", Tile},
    {"Split", Split},
    {"Pad", Pad},
});

}  // namespace

std::optional<TakenElements> TakenBySlice(const RuleContext& context, const Shape& from) {
  const auto spans = SpansOf(context, from.size());
  if (!spans) return std::nullopt;
  TakenElements result{from, StridesOf(from), 0};
  for (const SliceSpan& span : *spans) {
    const auto taken = TakenOf(span, from[span.axis]);
    if (!taken) return std::nullopt;
    result.offset += taken->first * result.strides[span.axis];
    result.strides[span.axis] *= taken->count > 1 ? span.step : 1;
    result.shape[span.axis] = taken->count;
  }
  return result;
}

std::span<const ShapeRuleEntry> PickRules() {
  return kPickRules;
}

}  // namespace quantbench
