// What each operator does to shapes and to the contents of small integer tensors.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "quantbench/model.h"

#include "graph/shape_values.h"
#include "graph/symbolic.h"

namespace quantbench {

using Exprs = std::vector<Expr>;
using Integers = std::vector<std::int64_t>;

// A node in front of its rule. A rule fills `outputs`; what it leaves is not known. Malformed nodes
// (missing inputs, wrong ranks) must not make it crash.
struct RuleContext {
  RuleContext(const Node& its_node, std::int64_t its_opset, Algebra* its_algebra)
      : node(its_node), opset(its_opset), algebra(*its_algebra), outputs(its_node.outputs.size()) {}

  const Node& node;
  std::int64_t opset;
  Algebra& algebra;
  std::vector<const KnownTensor*> inputs;  // pointers into a map: valid while the rule runs
  std::vector<std::size_t> places;  // where the rule's inputs stand among the node's; empty: there
  std::vector<KnownTensor> outputs;

  [[nodiscard]] std::size_t PlaceOf(std::size_t input) const;
  [[nodiscard]] bool Has(std::size_t input) const;
  // Nothing known when the node has no such input.
  [[nodiscard]] const KnownTensor& Input(std::size_t input) const;
  // An attribute of integers, or else the constant elements of that input. Absent when neither is
  // there or the input is not constant.
  [[nodiscard]] std::optional<Integers> IntsOf(std::string_view attribute, std::size_t input) const;
  // As an index into `rank` dimensions; absent when it is none.
  [[nodiscard]] std::optional<std::size_t> Axis(std::int64_t axis, std::size_t rank) const;
  [[nodiscard]] std::optional<std::size_t> AxisAttribute(std::int64_t fallback,
                                                         std::size_t rank) const;

  void SetShape(std::optional<Exprs> shape, std::size_t output = 0);
  // A tensor whose elements are known too; dropped when there are too many.
  void SetElements(DataType type, const Shape& shape, Exprs elements, std::size_t output = 0);
};

using ShapeRule = void (*)(RuleContext*);
struct ShapeRuleEntry {
  std::string_view op_type;
  ShapeRule rule = nullptr;
};

// Of the ONNX domain or of com.microsoft; null when there is none.
[[nodiscard]] ShapeRule FindShapeRule(std::string_view domain, std::string_view op_type);

// The table, in parts.
[[nodiscard]] std::span<const ShapeRuleEntry> ElementwiseRules();
[[nodiscard]] std::span<const ShapeRuleEntry> SizeRules();    // read shapes, or make tensors of one
[[nodiscard]] std::span<const ShapeRuleEntry> LayoutRules();  // move elements
[[nodiscard]] std::span<const ShapeRuleEntry> PickRules();    // take or repeat some of them
[[nodiscard]] std::span<const ShapeRuleEntry> ComputeRules();  // compute new ones
[[nodiscard]] std::span<const ShapeRuleEntry> ResizeRules();
[[nodiscard]] std::span<const ShapeRuleEntry> QuantizedRules();    // ONNX's, of codes
[[nodiscard]] std::span<const ShapeRuleEntry> ContributedRules();  // com.microsoft's
[[nodiscard]] std::span<const ShapeRuleEntry> BlockedRules();      // com.microsoft.nchwc's

// --- for rules ---

// Of Conv, MatMul and Gemm: operators of codes and fused ones share them.
void ConvRule(RuleContext* context);
void MatMulRule(RuleContext* context);
void GemmRule(RuleContext* context);
void PoolRule(RuleContext* context);
void GlobalPoolRule(RuleContext* context);
void RecurrentRule(RuleContext* context);

// Whether dimensions and indices are computed in that type.
[[nodiscard]] inline bool IsIndexType(DataType type) {
  return type == DataType::kInt64 || type == DataType::kInt32;
}

[[nodiscard]] Exprs AnySizes(Algebra* algebra, std::size_t rank);
[[nodiscard]] Expr ProductOf(Algebra* algebra, std::span<const Expr> dims);
// The shape that two broadcast to   [ONNX Broadcasting].
[[nodiscard]] Exprs BroadcastShapes(Algebra* algebra, const Exprs& a, const Exprs& b);
[[nodiscard]] std::int64_t CountOf(const Shape& shape);  // at most kMostElements + 1
[[nodiscard]] Shape StridesOf(const Shape& shape);       // in elements, row-major
// The elements at offset + sum(index * stride), for all indices within `shape` in row-major order.
[[nodiscard]] Exprs View(const Exprs& elements, const Shape& shape, const Shape& strides,
                         std::int64_t offset);
// Elements of a tensor: the first at `offset`, and how they lie along each axis of the result.
struct TakenElements {
  Shape shape;
  Shape strides;  // in elements; negative where an axis is walked backwards
  std::int64_t offset = 0;
};
// What a Slice takes of a tensor of that shape; absent where starts, ends, axes or steps are not
// constant. The node's inputs must be in the context.   [ONNX Slice-13]
[[nodiscard]] std::optional<TakenElements> TakenBySlice(const RuleContext& context,
                                                        const Shape& from);
// The elements of a tensor as if it had been broadcast to `shape`; absent when they are not known,
// or when it cannot be.
[[nodiscard]] std::optional<Exprs> ElementsAs(const KnownTensor& tensor, const Shape& shape);

}  // namespace quantbench
