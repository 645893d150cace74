// Reading BatchNormalization.
#include "graph/batchnorm.h"

#include <array>
#include <cmath>

#include "quantbench/graph.h"

namespace quantbench {
namespace {

bool IsInference(const Node& node) {
  for (std::size_t i = 1; i < node.outputs.size(); ++i) {
    if (!node.outputs[i].empty()) return false;
  }
  return node.Is("BatchNormalization") && node.inputs.size() == 5 && !node.outputs.empty() &&
         node.IntAttribute("training_mode", 0) == 0 && node.IntAttribute("spatial", 1) == 1;
}

}  // namespace

const Initializer* FloatVector(const GraphIndex& index, std::string_view name,
                               std::int64_t length) {
  const Initializer* tensor = index.FindInitializer(name);
  if (tensor == nullptr || tensor->type != DataType::kFloat32) return nullptr;
  return tensor->dims == Shape{length} ? tensor : nullptr;
}

Result<std::optional<ChannelAffine>> AffineOf(const GraphIndex& index, const Node& node,
                                              std::int64_t channels) {
  if (!IsInference(node)) return std::optional<ChannelAffine>();
  std::array<std::vector<float>, 4> parameters;  // scale, bias, mean, variance
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Initializer* tensor = FloatVector(index, node.inputs[i + 1], channels);
    if (tensor == nullptr) return std::optional<ChannelAffine>();
    QB_TRY(const FloatValues values, FloatValues::Of(*tensor));
    parameters[i] = values.All();
  }
  const auto& [scale, bias, mean, variance] = parameters;
  const double epsilon = node.FloatAttribute("epsilon", 1e-5F);
  ChannelAffine affine;
  for (std::size_t c = 0; c < scale.size(); ++c) {
    const double factor = scale[c] / std::sqrt(variance[c] + epsilon);
    if (!std::isfinite(factor)) return std::optional<ChannelAffine>();
    affine.factor.push_back(factor);
    affine.shift.push_back(bias[c] - mean[c] * factor);
  }
  return std::optional<ChannelAffine>(std::move(affine));
}

Result<Initializer> AffineBias(const Initializer* bias, const ChannelAffine& affine,
                               std::string name) {
  std::vector<float> shifted(affine.shift.begin(), affine.shift.end());
  if (bias != nullptr) {
    QB_TRY(const FloatValues values, FloatValues::Of(*bias));
    const std::vector<float> before = values.All();
    for (std::size_t c = 0; c < shifted.size(); ++c) {
      shifted[c] = static_cast<float>(before[c] * affine.factor[c] + affine.shift[c]);
    }
  }
  const auto channels = static_cast<std::int64_t>(shifted.size());
  return Initializer::Of(std::move(name), Tensor::OfFloats({channels}, shifted));
}

}  // namespace quantbench
