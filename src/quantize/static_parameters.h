// Parameters of static layers: weights and biases as codes with DequantizeLinear.
#pragma once

#include <string>

#include "quantize/emitter.h"

namespace quantbench {

// Writes QuantizeLinear and DequantizeLinear in the domain that the model's opset calls for: before
// opset 13 ONNX has no scale per axis, before 21 no 16-bit codes, and the engine's own operators of
// the same names have.
class QdqWriter {
 public:
  explicit QdqWriter(Emitter* emitter);
  // `params`: names of scale and zero point (the latter may be absent).
  void Quantize(const std::string& from, const std::string& to, const Names& params,
                DataType codes);
  void Dequantize(const std::string& from, const std::string& to, const Names& params,
                  DataType codes, std::int64_t axis = -1);
  [[nodiscard]] Emitter& emitter() { return *emitter_; }

 private:
  void Write(std::string_view op_type, const std::string& from, const std::string& to,
             const Names& params, DataType codes, std::vector<Attribute> attributes);
  Emitter* emitter_;
  std::int64_t opset_;
};

// The scale of a layer's activation.
struct InputScale {
  float value = 0;
  // Its initializer, where the scales of a bias may be computed from it when the model is loaded;
  // empty: all scales are written, for who reads QuantizeLinear and DequantizeLinear as they stand.
  std::string name;
};

// Makes the weight and the bias of `node` (a copy of the planned Conv, Gemm or MatMul) dequantized
// codes. The bias is int32 with scale s_x s_w and zero point 0; where a bias would not fit, the
// channel's weight scale grows until it does. Gemm's alpha and beta go into codes and scales.
// `with_adder`: the bias that an Add behind a Conv holds becomes the Conv's own.
[[nodiscard]] Status QuantizeParameters(const PlannedNode& planned, const InputScale& input_scale,
                                        bool with_adder, QdqWriter* writer, Node* node);

// A MatMul whose output stays float, as the engine's own operator: codes in, float out, bias added
// inside. (As QuantizeLinear, DequantizeLinear, MatMul it would be right too, but where an Add
// follows and shapes are known, the engine joins the two to a float Gemm first and dequantizes the
// weight in every run.) `activation`: names of codes, scale and zero point.
[[nodiscard]] Status EmitFloatProduct(const PlannedNode& planned, const Names& activation,
                                      bool with_adder, const std::string& output,
                                      QdqWriter* writer);

// The smallest s_x s_w with which a bias fits int32, with room for rounding
// [ONNX Runtime _adjust_weight_scale_for_int32_bias].
[[nodiscard]] double SmallestBiasScale(double bias);

}  // namespace quantbench
