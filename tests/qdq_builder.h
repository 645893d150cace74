// QdqBuilder: graphs with QuantizeLinear and DequantizeLinear, written in tests.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine_runner.h"
#include "model_builder.h"

namespace quantbench::testing {

// Writes quantizers into a graph, with codes of one type.
class QdqBuilder {
 public:
  QdqBuilder(ModelBuilder* builder, DataType type) : builder_(builder), type_(type) {}
  ModelBuilder& operator*() { return *builder_; }
  [[nodiscard]] DataType type() const { return type_; }

  // floats -> QuantizeLinear -> DequantizeLinear. `zero`: of unsigned codes.
  std::string Around(const std::string& floats, float scale, int zero) {
    const std::vector<std::string> grid = Grid(floats, scale, zero);
    const std::string codes = builder_->Add("QuantizeLinear", floats + "_q", Join(floats, grid));
    return builder_->Add("DequantizeLinear", floats + "_dq", Join(codes, grid));
  }
  // A weight of int8 codes with small sums, one scale a channel of `axis`, or one for all (-1).
  std::string Weight(const std::string& name, const Shape& dims, std::int64_t axis) {
    std::vector<std::int8_t> codes;
    const std::int64_t count = Must(ElementCount(dims));
    for (std::int64_t i = 0; i < count; ++i) {
      codes.push_back(static_cast<std::int8_t>(i * 37 % 101 - 50));
    }
    const auto channels = axis < 0 ? 1U : static_cast<std::size_t>(dims[std::size_t(axis)]);
    for (std::size_t c = 0; c < channels; ++c) {
      scales_.push_back(0.004F * static_cast<float>(c % 3 + 1));
    }
    const Shape shape = axis < 0 ? Shape{} : Shape{static_cast<std::int64_t>(channels)};
    return builder_->Add(
        "DequantizeLinear", name,
        {builder_->Constant(name + "_codes", Tensor::Of(DataType::kInt8, dims, codes)),
         builder_->Constant(name + "_scale", Tensor::OfFloats(shape, scales_)),
         builder_->Constant(name + "_zero", Must(Tensor::Make(DataType::kInt8, shape)))},
        axis < 0 ? std::vector<Attribute>{} : std::vector{Attribute::Int("axis", axis)});
  }
  // The bias of the weight made last, for activations of that scale.
  std::string Bias(const std::string& name, std::int64_t channels, float input_scale) {
    std::vector<std::int32_t> codes;
    for (std::int64_t c = 0; c < channels; ++c) {
      codes.push_back(static_cast<std::int32_t>(c * 211 % 900 - 400));
    }
    std::vector<float> scales;
    for (const float scale : scales_) scales.push_back(input_scale * scale);
    const Shape shape =
        scales.size() == 1 ? Shape{} : Shape{static_cast<std::int64_t>(scales.size())};
    return builder_->Add(
        "DequantizeLinear", name,
        {builder_->Constant(name + "_codes", Tensor::Of(DataType::kInt32, {channels}, codes)),
         builder_->Constant(name + "_scale", Tensor::OfFloats(shape, scales))},
        {Attribute::Int("axis", 0)});
  }

 private:
  [[nodiscard]] std::vector<std::string> Grid(const std::string& of, float scale, int zero) {
    const int shifted = type_ == DataType::kInt8 ? zero - 128 : zero;
    return {builder_->Constant(of + "_scale", Tensor::OfFloats({}, {scale})),
            builder_->Constant(of + "_zero", Tensor::Of<std::uint8_t>(
                                                 type_, {}, {static_cast<std::uint8_t>(shifted)}))};
  }
  static std::vector<std::string> Join(const std::string& first, std::vector<std::string> rest) {
    rest.insert(rest.begin(), first);
    return rest;
  }

  ModelBuilder* builder_;
  DataType type_;
  std::vector<float> scales_;  // of the weight made last
};

// Of the outer graph, in order.
inline std::vector<std::string> OperatorsOf(const Model& model) {
  std::vector<std::string> operators;
  for (const Node& node : model.graph.nodes) operators.push_back(node.op_type);
  return operators;
}

inline std::int64_t CountOf(const Model& model, std::string_view op_type) {
  const std::vector<std::string> operators = OperatorsOf(model);
  return std::count(operators.begin(), operators.end(), op_type);
}

}  // namespace quantbench::testing
