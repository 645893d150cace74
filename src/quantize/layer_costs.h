// Layer costs: what a node is expected to take as floats and as integers.
#pragma once

#include <optional>

#include "quantbench/graph.h"

#include "quantize/kernel_costs.h"
#include "quantize/sample_shapes.h"
#include "quantize/weighted_layer.h"

namespace quantbench {

// Of a Conv, MatMul or Gemm, the bias and Relu behind it included; absent when a shape is not known
// or nothing like it was measured (groups, other than depthwise).
[[nodiscard]] std::optional<ExpectedCost> CostOfLayer(const KernelCosts& kernels, const Node& node,
                                                      const WeightedLayer& layer,
                                                      const SampleShapes& shapes,
                                                      bool reads_graph_input);
// Of an operator that can lie between them (rules.h); absent when a shape is not known. With what
// is around it, as far as that decides which kernels it gets.
struct Surroundings {
  bool reads_constant = false;
  bool is_clamped = false;  // a Relu or Clip follows, which integers absorb
};
[[nodiscard]] std::optional<ExpectedCost> CostBetween(const KernelCosts& kernels, const Node& node,
                                                      const SampleShapes& shapes,
                                                      const Surroundings& around);

// Of making codes of a tensor, or floats of codes: with the change of layout that images take.
[[nodiscard]] double CostOfQuantizing(double elements, bool is_image);
[[nodiscard]] double CostOfDequantizing(double elements, bool is_image);

}  // namespace quantbench
