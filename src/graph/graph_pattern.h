// Matching small patterns of nodes around a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/model.h"

#include "graph/shape_values.h"

namespace quantbench {

// Whether a node of the graph is of that operator.
[[nodiscard]] bool HasOperator(const Graph& graph, std::string_view op_type);

// Questions about a graph that patterns are made of. Views the model: rebuild after edits.
class Pattern {
 public:
  explicit Pattern(const Model& model);

  [[nodiscard]] const GraphIndex& index() const { return index_; }
  [[nodiscard]] const Node& NodeAt(std::int64_t i) const {
    return model_.graph.nodes[static_cast<std::size_t>(i)];
  }
  // The index of the only node that reads the value, which is no output of the graph; -1 otherwise.
  [[nodiscard]] std::int64_t OnlyReader(std::string_view value) const;
  // The same, when it is a node of that operator with one output.
  [[nodiscard]] std::int64_t OnlyReader(std::string_view value, std::string_view op_type) const;
  // The operand of a node of two that is not `value`; absent when it is none, or when both are.
  [[nodiscard]] std::optional<std::string> OtherOperand(const Node& node,
                                                        std::string_view value) const;
  // What is known of its shape; see ShapeValues.
  [[nodiscard]] const std::optional<std::vector<Expr>>& ShapeOf(std::string_view value) const {
    return shapes_.Of(value).shape;
  }
  // The integers it holds in every run, when they are known; see ShapeValues.
  [[nodiscard]] std::optional<std::vector<std::int64_t>> ElementsOf(std::string_view value) const {
    return shapes_.Of(value).ConstantElements();
  }
  // All that is known of it; see ShapeValues.
  [[nodiscard]] const KnownTensor& Known(std::string_view value) const { return shapes_.Of(value); }
  // Whether `value` is an initializer of one number (float32, int64 or int32) that is `wanted`, up
  // to the rounding of a few float32 operations, and that leaves the shape of `beside` as it is
  // when the two are broadcast.
  [[nodiscard]] bool IsNumber(std::string_view value, double wanted, std::string_view beside) const;
  // That number; absent for others.
  [[nodiscard]] std::optional<double> Number(std::string_view value, std::string_view beside) const;

 private:
  const Model& model_;
  const GraphIndex index_;
  const ShapeValues shapes_;
};

}  // namespace quantbench
