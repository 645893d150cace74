// Layer costs: what a node is expected to take as floats and as integers.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "quantbench/graph.h"

#include "quantize/weighted_layer.h"

namespace quantbench {

// The shapes of a run with one sample: free first dimensions of inputs, and those of the same name,
// are 1. Of the outer graph.
class SampleShapes {
 public:
  explicit SampleShapes(const Model& model);

  // Null: not known.
  [[nodiscard]] const Shape* Of(std::string_view tensor) const;
  // Of a tensor; absent when its shape is not known.
  [[nodiscard]] std::optional<double> ElementsOf(std::string_view tensor) const;

 private:
  std::unordered_map<std::string, Shape> shapes_;
};

// Nanoseconds, one thread, of the engine's kernels on x64 with AVX2 and without VNNI. Good to about
// a fifth: the formulas and what they were fitted to are in docs/quantization.md, "What pays".
struct ExpectedCost {
  double as_float = 0;
  double as_integers = 0;
};

// Of a Conv, MatMul or Gemm, the bias and Relu behind it included; absent when a shape is not known
// or nothing like it was measured (groups, other than depthwise).
[[nodiscard]] std::optional<ExpectedCost> CostOfLayer(const Node& node, const WeightedLayer& layer,
                                                      const SampleShapes& shapes,
                                                      bool reads_graph_input);
// Of an operator that can lie between them (rules.h); absent when a shape is not known. With what
// is around it, as far as that decides which kernels it gets.
struct Surroundings {
  bool reads_constant = false;
  bool is_clamped = false;  // a Relu or Clip follows, which integers absorb
};
[[nodiscard]] std::optional<ExpectedCost> CostBetween(const Node& node, const SampleShapes& shapes,
                                                      const Surroundings& around);

// Of making codes of a tensor, or floats of codes: with the change of layout that images take.
[[nodiscard]] double CostOfQuantizing(double elements, bool is_image);
[[nodiscard]] double CostOfDequantizing(double elements, bool is_image);

}  // namespace quantbench
