// Reading a QDQ graph: which floats are codes seen through DequantizeLinear, which become codes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "quantbench/graph.h"
#include "quantbench/model.h"

namespace quantbench {

// A float tensor that has codes: real = scale * (code - zero point).
struct CodedTensor {
  std::string codes;                      // names
  std::string scale;                      // an initializer
  std::string zero_point;                 // an initializer; empty: none, which means zero
  DataType type = DataType::kUndefined;   // of the codes
  std::int64_t axis = 0;                  // of the scales, where there are several; may be negative
  std::vector<float> scales;              // one, or one a channel
  std::vector<std::int64_t> zero_points;  // as many, or none

  [[nodiscard]] bool IsWhole() const { return scales.size() == 1; }  // one scale for all of it
  // Whether equal codes mean equal numbers.
  [[nodiscard]] bool SameGrid(const CodedTensor& other) const;
};

// Quantizers are QuantizeLinear and DequantizeLinear of ONNX's domain or of the engine's. What is
// no plain form of theirs (scales that are computed, blocks, float8) counts as no code.
class QdqView {
 public:
  // Both are viewed: rebuild after edits.
  explicit QdqView(const Model& model);

  // The codes behind a float that a DequantizeLinear makes.
  [[nodiscard]] std::optional<CodedTensor> Dequantized(const std::string& tensor) const;
  // The codes that a float becomes, when a QuantizeLinear is all that reads it.
  [[nodiscard]] std::optional<CodedTensor> Quantized(const std::string& tensor) const;
  // Index of that QuantizeLinear.
  [[nodiscard]] std::int64_t QuantizerOf(const std::string& tensor) const;

  [[nodiscard]] const GraphIndex& index() const { return index_; }
  [[nodiscard]] std::int64_t opset() const { return opset_; }

 private:
  [[nodiscard]] std::optional<CodedTensor> ParametersOf(const Node& quantizer) const;
  const Graph* graph_;
  GraphIndex index_;
  std::int64_t opset_;
};

// Whether it is of that type, in ONNX's domain or the engine's.
[[nodiscard]] bool IsQuantizer(const Node& node, std::string_view op_type);

}  // namespace quantbench
