// Convolutions whose numbers are constants, and those numbers with zeros appended.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "quantbench/model.h"

namespace quantbench {

// The float32 initializer of that name that no caller can replace; null when there is none, or when
// it holds no elements.
[[nodiscard]] const Initializer* FloatConstant(const GraphIndex& index, std::string_view name);

// Conv or ConvTranspose with constant numbers; views into the graph.
struct ConstantConv {
  const Initializer* weight = nullptr;  // rank at least 3
  const Initializer* bias = nullptr;    // rank 1; null: none
  std::int64_t groups = 1;

  [[nodiscard]] std::int64_t rank() const { return static_cast<std::int64_t>(weight->dims.size()); }
  // Every channel has a filter of its own.
  [[nodiscard]] bool depthwise() const {
    return groups > 1 && groups == weight->dims[0] && weight->dims[1] == 1;
  }
};

// Absent for other nodes, for weights made at run time and for other element types.
[[nodiscard]] std::optional<ConstantConv> ConstantConvOf(const GraphIndex& index, const Node& node,
                                                         std::string_view op_type = "Conv");

// The tensor with `rows` zeros appended along its first axis and `columns` along its second (0 for
// a vector). kMalformed when its numbers do not fit its shape.
[[nodiscard]] Result<Initializer> WithZeros(const Initializer& tensor, std::int64_t rows,
                                            std::int64_t columns, std::string name);

}  // namespace quantbench
