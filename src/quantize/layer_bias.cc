// The bias of a layer as it is added to a float product.
#include "quantize/layer_bias.h"

namespace quantbench {

Result<std::string> AddedBias(const Node& node, const WeightedLayer& layer, Emitter* emitter) {
  if (layer.bias == nullptr) return std::string();
  const bool is_convolution = node.Is("Conv");
  const bool is_one_each = Elements(*layer.bias) == layer.outputs;
  if (!is_convolution && layer.bias_factor == 1 && is_one_each) return layer.bias->name;
  QB_TRY(const FloatValues values, FloatValues::Of(*layer.bias));
  std::vector<float> bias = values.All();
  for (float& value : bias) value = static_cast<float>(value * layer.bias_factor);
  bias.resize(static_cast<std::size_t>(layer.outputs), bias[0]);
  const Shape shape = is_convolution ? Shape{1, layer.outputs, 1, 1} : Shape{layer.outputs};
  emitter->Replaced(layer.bias->name);
  return emitter->AddInitializer(layer.bias->name + "_added", Tensor::OfFloats(shape, bias));
}

}  // namespace quantbench
