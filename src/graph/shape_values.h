// Shapes of all values of a graph, and the contents of its small integer ones, as far as they
// follow from the graph alone: symbolic evaluation, without ONNX's own shape inference.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "quantbench/graph.h"
#include "quantbench/model.h"

#include "graph/symbolic.h"

namespace quantbench {

// What is known of a tensor in every run that does not fail.
struct KnownTensor {
  std::optional<std::vector<Expr>> shape;     // absent: not even the rank
  DataType type = DataType::kUndefined;       // of an initializer, or int64, int32 or bool
  std::optional<std::vector<Expr>> elements;  // row-major, at most kMostElements; shape is constant
  std::vector<float> floats;                  // of a float32 initializer of at most kMostFloats

  static constexpr std::int64_t kMostFloats = 8;  // scales of Resize
  static constexpr std::int64_t kMostElements = 64;
  // The shape, when all of it is constant.
  [[nodiscard]] std::optional<Shape> ConstantShape() const;
  // The elements, when all of them are constant.
  [[nodiscard]] std::optional<std::vector<std::int64_t>> ConstantElements() const;
};

// Free dimensions of inputs are unknowns; those of one name are one unknown. Dimensions are taken
// to be below 2^31. One exception to "in every run": where a computed element of a Reshape's target
// is 0 in a run in which the dimension it stands for is not, that dimension is copied; then either
// the element counts differ and the run fails, or the tensor has no elements either way.
class ShapeValues {
 public:
  // The graph must outlive it, unedited. Of graphs inside nodes only the branch of an If whose
  // condition is constant is evaluated.
  ShapeValues(const Graph& graph, std::int64_t opset);
  // The same where more is given of inputs than the graph says of them.
  ShapeValues(const Graph& graph, std::int64_t opset, const GivenInputs& given);

  // Nothing known for a name that is not a value of the graph.
  [[nodiscard]] const KnownTensor& Of(std::string_view name) const;
  [[nodiscard]] Algebra& algebra() { return algebra_; }

  // The branch that an If takes, and what is known in it; null where that is not known.
  struct Branch;
  [[nodiscard]] const Branch* BranchOf(const Node& node) const;

 private:
  // Of a graph inside a node of `outer`'s, of which only constants are known in here: an unknown
  // belongs to its algebra.
  ShapeValues(const Graph& graph, std::int64_t opset, const ShapeValues& outer);
  void AddInput(const ValueInfo& input, const GivenInputs& given);
  void AddInitializer(std::string_view name, const Initializer& initializer);
  void AddNodes(const Graph& graph, std::int64_t opset);
  void AddOutputs(const Node& node, std::int64_t opset);
  void AddConstant(const Node& node);
  void AddBranch(const Node& node, std::int64_t opset);

  Algebra algebra_;
  const ShapeValues* outer_ = nullptr;
  std::unordered_map<std::string_view, KnownTensor> known_;
  std::unordered_map<const Node*, std::shared_ptr<Branch>> branches_;
};

struct ShapeValues::Branch {
  const Graph* graph = nullptr;
  ShapeValues values;
};

}  // namespace quantbench
