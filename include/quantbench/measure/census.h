// Which kernels work on the weights of a model.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/model.h"

namespace quantbench {

// With what kernel an operator multiplies by its weights.
enum class KernelKind : std::uint8_t {
  kFloat,
  kInteger,
  kIfFused,  // a float operator between codes: the engine makes it an integer kernel or not
};
[[nodiscard]] std::string_view Name(KernelKind kind);

// An operator that multiplies with, or looks up, constant numbers.
struct LayerKernel {
  std::string layer;  // the node's name, or its first output
  std::string op_type;
  std::string weight;
  DataType weight_type = DataType::kUndefined;  // as stored
  std::uint64_t weight_bytes = 0;
  std::string granularity;  // of its scales: "per channel, 64 scales"; empty for plain floats
  KernelKind kind = KernelKind::kFloat;
  bool decoded = false;  // its weight is turned back into float before the kernel sees it

  [[nodiscard]] bool is_product() const;  // not a table that is only looked up
};
// Of any model, ours or not, subgraphs included. Of the graph that the engine optimized
// (SessionOptions::optimized_model_path) it says what really runs.
[[nodiscard]] std::vector<LayerKernel> CensusOf(const Model& model);

}  // namespace quantbench
