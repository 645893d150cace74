// The operators on codes: what a float operator between DequantizeLinear and QuantizeLinear is in
// the QOperator format.
#pragma once

#include <optional>

#include "quantize/qdq_view.h"

namespace quantbench {

// The operator that reads and writes codes in the place of `node`, a node of the graph that `view`
// reads; none where the engine has none, or where an input has no codes or the output becomes none.
// Its outputs are the codes (of a Gemm that nobody quantizes: the same float).
//   Conv, MatMul -> QLinearConv, QLinearMatMul             [ONNX QLinearConv-10, QLinearMatMul-10]
//   Add, Mul, Concat, AveragePool, GlobalAveragePool, LeakyRelu, Sigmoid, Softmax, Where, Gemm
//     -> QLinearAdd, ..., QGemm of com.microsoft           [ONNX Runtime ContribOperators.md]
//   Reshape, Transpose, MaxPool, ... -> themselves, where input and output have the same codes
// 8-bit codes only, inputs and output of one type, weights with zero points of their own.
[[nodiscard]] std::optional<Node> QLinearForm(const QdqView& view, const Node& node);

}  // namespace quantbench
