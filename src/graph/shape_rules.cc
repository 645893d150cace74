// The table of shape rules, and what rules are made of.
#include "graph/shape_rules.h"

#include <algorithm>
#include <unordered_map>

#include "quantbench/graph.h"

namespace quantbench {
namespace {

using Table = std::unordered_map<std::string_view, ShapeRule>;

Table OnnxTable() {
  Table table;
  for (const auto& part : {ElementwiseRules(), SizeRules(), LayoutRules(), PickRules(),
                           ComputeRules(), ResizeRules(), QuantizedRules()}) {
    for (const ShapeRuleEntry& entry : part) table.emplace(entry.op_type, entry.rule);
  }
  return table;
}

Table TableOf(std::span<const ShapeRuleEntry> rules) {
  Table table;
  for (const ShapeRuleEntry& entry : rules) table.emplace(entry.op_type, entry.rule);
  return table;
}

}  // namespace

ShapeRule FindShapeRule(std::string_view domain, std::string_view op_type) {
  static const Table onnx = OnnxTable();
  static const Table contributed = TableOf(ContributedRules());
  static const Table blocked = TableOf(BlockedRules());
  static const Table none;
  const Table& table = domain.empty()             ? onnx
                       : domain == kContribDomain ? contributed
                       : domain == kBlockedDomain ? blocked
                                                  : none;
  const auto found = table.find(op_type);
  return found == table.end() ? nullptr : found->second;
}

bool RuleContext::Has(std::size_t input) const {
  const std::size_t place = PlaceOf(input);
  return place < node.inputs.size() && !node.inputs[place].empty();
}

const KnownTensor& RuleContext::Input(std::size_t input) const {
  static const KnownTensor nothing;
  return Has(input) ? *inputs[PlaceOf(input)] : nothing;
}

std::size_t RuleContext::PlaceOf(std::size_t input) const {
  if (places.empty()) return input;
  return input < places.size() ? places[input] : node.inputs.size();
}

std::optional<Integers> RuleContext::IntsOf(std::string_view attribute, std::size_t input) const {
  if (const Attribute* found = node.FindAttribute(attribute)) return found->ints;
  return Input(input).ConstantElements();
}

std::optional<std::size_t> RuleContext::Axis(std::int64_t axis, std::size_t rank) const {
  const auto dims = static_cast<std::int64_t>(rank);
  if (axis < -dims || axis >= dims) return std::nullopt;
  return static_cast<std::size_t>(axis < 0 ? axis + dims : axis);
}

std::optional<std::size_t> RuleContext::AxisAttribute(std::int64_t fallback,
                                                      std::size_t rank) const {
  return Axis(node.IntAttribute("axis", fallback), rank);
}

void RuleContext::SetShape(std::optional<Exprs> shape, std::size_t output) {
  if (output < outputs.size()) outputs[output].shape = std::move(shape);
}

void RuleContext::SetElements(DataType type, const Shape& shape, Exprs elements,
                              std::size_t output) {
  if (output >= outputs.size()) return;
  KnownTensor& known = outputs[output];
  known.shape.emplace(shape.begin(), shape.end());
  const auto count = static_cast<std::int64_t>(elements.size());
  if (count > KnownTensor::kMostElements || count != CountOf(shape)) return;
  known.type = type;
  known.elements = std::move(elements);
}

Exprs AnySizes(Algebra* algebra, std::size_t rank) {
  constexpr std::size_t kHighestRank = 64;
  Exprs sizes;
  for (std::size_t i = 0; i < std::min(rank, kHighestRank); ++i)
    sizes.push_back(algebra->AnySize());
  return sizes;
}

Expr ProductOf(Algebra* algebra, std::span<const Expr> dims) {
  Expr product = 1;
  for (const Expr& dim : dims) product = algebra->Product(product, dim);
  return product;
}

Exprs BroadcastShapes(Algebra* algebra, const Exprs& a, const Exprs& b) {
  Exprs result(std::max(a.size(), b.size()));
  const auto dim_of = [&](const Exprs& shape, std::size_t i) {
    const std::size_t missing = result.size() - shape.size();
    return i < missing ? Expr(1) : shape[i - missing];
  };
  for (std::size_t i = 0; i < result.size(); ++i) {
    result[i] = algebra->Broadcast(dim_of(a, i), dim_of(b, i));
  }
  return result;
}

std::int64_t CountOf(const Shape& shape) {
  const auto count = ElementCount(shape);
  constexpr std::int64_t kTooMany = KnownTensor::kMostElements + 1;
  return count.ok() ? std::min(count.value(), kTooMany) : kTooMany;
}

Shape StridesOf(const Shape& shape) {
  Shape strides(shape.size(), 0);
  if (CountOf(shape) == 0) return strides;
  std::int64_t stride = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

Exprs View(const Exprs& elements, const Shape& shape, const Shape& strides, std::int64_t offset) {
  Exprs result;
  const std::int64_t count = CountOf(shape);
  if (count > KnownTensor::kMostElements) return result;
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t rest = i;
    std::int64_t place = offset;
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      place += rest % shape[axis] * strides[axis];
      rest /= shape[axis];
    }
    QB_CHECK(place >= 0 && place < static_cast<std::int64_t>(elements.size()), "view within");
    result.push_back(elements[static_cast<std::size_t>(place)]);
  }
  return result;
}

std::optional<Exprs> ElementsAs(const KnownTensor& tensor, const Shape& shape) {
  const std::optional<Shape> from = tensor.ConstantShape();
  if (!from || !tensor.elements || from->size() > shape.size()) return std::nullopt;
  if (CountOf(shape) > KnownTensor::kMostElements) return std::nullopt;
  const Shape own = StridesOf(*from);
  Shape strides(shape.size(), 0);
  const std::size_t missing = shape.size() - from->size();
  for (std::size_t i = 0; i < from->size(); ++i) {
    if ((*from)[i] == 1) continue;
    if ((*from)[i] != shape[missing + i]) return std::nullopt;
    strides[missing + i] = own[i];
  }
  return View(*tensor.elements, shape, strides, 0);
}

}  // namespace quantbench
