// Convolutions whose numbers are constants.
#include "graph/constant_conv.h"

#include <algorithm>

#include "quantbench/graph.h"

namespace quantbench {

const Initializer* FloatConstant(const GraphIndex& index, std::string_view name) {
  const Initializer* tensor = index.FindInitializer(name);
  if (tensor == nullptr || tensor->type != DataType::kFloat32 || index.IsGraphInput(name)) {
    return nullptr;
  }
  return Elements(*tensor) > 0 ? tensor : nullptr;
}

std::optional<ConstantConv> ConstantConvOf(const GraphIndex& index, const Node& node,
                                           std::string_view op_type) {
  if (!node.Is(op_type) || node.inputs.size() < 2 || node.outputs.size() != 1) return std::nullopt;
  ConstantConv conv;
  conv.groups = node.IntAttribute("group", 1);
  conv.weight = FloatConstant(index, node.inputs[1]);
  if (conv.groups < 1 || conv.weight == nullptr || conv.rank() < 3) return std::nullopt;
  if (node.inputs.size() > 2 && !node.inputs[2].empty()) {
    conv.bias = FloatConstant(index, node.inputs[2]);
    if (conv.bias == nullptr || conv.bias->dims.size() != 1) return std::nullopt;
  }
  return conv;
}

Result<Initializer> WithZeros(const Initializer& tensor, std::int64_t rows, std::int64_t columns,
                              std::string name) {
  QB_TRY(const FloatValues values, FloatValues::Of(tensor));
  Shape dims = tensor.dims;
  const std::int64_t before = values.size() / dims[0];  // a row
  dims[0] += rows;
  if (dims.size() > 1) dims[1] += columns;
  QB_TRY(Tensor padded, Tensor::Make(DataType::kFloat32, dims));
  const std::int64_t after = padded.elements() / dims[0];
  const std::span<float> to = padded.As<float>();
  values.Read(0, values.size(), [&](std::span<const float> from) {
    for (std::int64_t row = 0; row < tensor.dims[0]; ++row) {
      std::copy_n(from.begin() + row * before, before, to.begin() + row * after);
    }
  });
  return Initializer::Of(std::move(name), std::move(padded));
}

}  // namespace quantbench
