// The bias of a layer as it is added to a float product.
#include "quantize/layer_bias.h"

namespace quantbench {

Result<std::string> AddedBias(const Node& node, const WeightedLayer& layer,
                              std::span<const double> shift, Emitter* emitter) {
  if (layer.bias == nullptr && shift.empty()) return std::string();
  const bool is_convolution = node.Is("Conv");
  std::vector<float> bias(1, 0.0F);
  std::string base = layer.weight->name + "_bias";
  if (layer.bias != nullptr) {
    const bool is_one_each = Elements(*layer.bias) == layer.outputs;
    const bool is_as_wanted = !is_convolution && layer.bias_factor == 1 && is_one_each;
    if (is_as_wanted && shift.empty()) return layer.bias->name;
    QB_TRY(const FloatValues values, FloatValues::Of(*layer.bias));
    bias = values.All();
    base = layer.bias->name;
    emitter->Replaced(base);
  }
  for (float& value : bias) value = static_cast<float>(value * layer.bias_factor);
  bias.resize(static_cast<std::size_t>(layer.outputs), bias[0]);
  for (std::size_t i = 0; i < shift.size(); ++i) {
    bias[i] = static_cast<float>(bias[i] + layer.weight_factor * shift[i]);
  }
  const Shape shape = is_convolution ? Shape{1, layer.outputs, 1, 1} : Shape{layer.outputs};
  return emitter->AddInitializer(base + "_added", Tensor::OfFloats(shape, bias));
}

}  // namespace quantbench
