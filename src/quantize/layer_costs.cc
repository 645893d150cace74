// Expected costs, fitted to profiles of whole networks.
#include "quantize/layer_costs.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

namespace quantbench {
namespace {

constexpr double kVector = 16;  // channels that integer kernels take at once

double RoundedUp(double value, double unit) {
  return std::ceil(value / unit) * unit;
}

// A dense convolution as its weight [outputs, channels, window] and the places it is computed at.
struct Window {
  double channels = 0;
  double outputs = 0;
  double rows = 1;  // of the kernel: all its dimensions but the last
  double taps = 1;
  double positions = 0;

  [[nodiscard]] double macs() const { return positions * channels * taps * outputs; }
  [[nodiscard]] double weights() const { return channels * taps * outputs; }
};

// Multiply-accumulates a nanosecond: few channels leave the vectors of blocked kernels empty.
double FloatConvRate(const KernelCosts& kernels, const Window& window) {
  return std::min(kernels.float_rate, kernels.float_rate_of_few +
                                          kernels.float_rate_an_output * window.outputs +
                                          kernels.float_rate_an_input * window.channels);
}

ExpectedCost DenseCost(const KernelCosts& kernels, const Window& window, bool is_widened) {
  ExpectedCost cost = kernels.call;
  const double outputs = window.positions * window.outputs;
  cost.as_float += window.macs() / FloatConvRate(kernels, window) +
                   outputs * kernels.output.as_float + window.weights() * kernels.weight.as_float;
  const double channels = is_widened ? 4 : window.channels;
  const double filled = RoundedUp(window.outputs, kVector);
  cost.as_integers +=
      window.positions * RoundedUp(channels * window.taps, 4) * filled / kernels.integer_rate +
      window.positions * filled * kernels.output.as_integers +
      window.weights() * kernels.weight.as_integers;
  if (window.taps > 1) {
    const bool is_aligned = std::fmod(channels, 4) == 0;
    cost.as_integers += window.positions * (is_aligned ? window.taps * kernels.gather_pixel
                                                       : window.rows * kernels.gather_row);
  }
  return cost;
}

ExpectedCost DepthwiseCost(const KernelCosts& kernels, const Window& window) {
  ExpectedCost cost = kernels.call;
  const double outputs = window.positions * window.outputs;
  const bool is_odd = std::fmod(window.outputs, kVector) != 0;
  const bool is_odd_float = std::fmod(window.outputs, 4) != 0;
  const ExpectedCost& output = kernels.depthwise_output;
  const ExpectedCost& tap = kernels.depthwise_tap;
  cost.as_float += outputs * (output.as_float + tap.as_float * window.taps) *
                   (is_odd_float ? kernels.odd_float_depthwise : 1);
  cost.as_integers += outputs * (output.as_integers + tap.as_integers * window.taps) *
                      (is_odd ? kernels.odd_integer_depthwise : 1);
  return cost;
}

std::optional<ExpectedCost> ConvCost(const KernelCosts& kernels, const Node& node,
                                     const Shape& weight, double outputs, bool reads_graph_input) {
  Window window;
  window.outputs = static_cast<double>(weight[0]);
  window.channels = static_cast<double>(weight[1]);
  for (std::size_t i = 2; i < weight.size(); ++i) {
    window.taps *= static_cast<double>(weight[i]);
    if (i + 1 < weight.size()) window.rows *= static_cast<double>(weight[i]);
  }
  window.positions = outputs / window.outputs;
  const std::int64_t groups = node.IntAttribute("group", 1);
  if (groups == weight[0] && weight[1] == 1 && groups > 1) return DepthwiseCost(kernels, window);
  if (groups != 1) return std::nullopt;
  // LowerForIntegers gives such a first convolution a fourth channel.
  const bool is_widened =
      reads_graph_input && weight[1] == 3 && weight.size() == 4 && weight[2] == 3 && weight[3] == 3;
  return DenseCost(kernels, window, is_widened);
}

ExpectedCost ProductCost(const KernelCosts& kernels, double weights, double columns,
                         double outputs) {
  ExpectedCost cost = kernels.call;
  const double macs = outputs * weights / columns;
  cost.as_float += macs / kernels.float_rate + outputs * kernels.output.as_float +
                   weights * kernels.product_weight.as_float;
  cost.as_integers += macs / kernels.integer_rate + outputs * kernels.output.as_integers +
                      weights * kernels.product_weight.as_integers;
  return cost;
}

// An element that an operator puts out, or that it reads.
struct ElementRule {
  std::string_view op_type;
  ExpectedCost element;
  bool of_input = false;
};
constexpr auto kElementRules = std::to_array<ElementRule>({
    {"Add", {0.05, 0.25}},  // of floats, part of the convolution before it
    {"Where", {0.3, 0.3}},
    {"Concat", {0.3, 0.15}},
    {"AveragePool", {0.15, 0.2}, true},
    {"GlobalAveragePool", {0.15, 0.2}, true},
    {"LeakyRelu", {0.05, 0.4}},  // of floats, part of the convolution
    {"Sigmoid", {1, 0.4}},
    {"Softmax", {2, 2}},
    {"MaxPool", {0.9, 0.9}},
    {"Reshape", {0, 0}},
    {"Flatten", {0, 0}},
    {"Squeeze", {0, 0}},
    {"Unsqueeze", {0, 0}},
});
constexpr ExpectedCost kMoved = {0.3, 0.12};    // by all others
constexpr ExpectedCost kSimple = {0.25, 0.25};  // an Add or a clamp on its own

// Null: none of its own.
const ElementRule* ElementRuleOf(const Node& node) {
  const auto* const found =
      std::find_if(kElementRules.begin(), kElementRules.end(),
                   [&](const ElementRule& rule) { return rule.op_type == node.op_type; });
  return found == kElementRules.end() ? nullptr : &*found;
}

// Of all these tensors; absent when a shape is not known.
std::optional<double> ElementsOf(const std::vector<std::string>& tensors,
                                 const SampleShapes& shapes) {
  double elements = 0;
  for (const std::string& tensor : tensors) {
    if (tensor.empty()) continue;
    const auto count = shapes.ElementsOf(tensor);
    if (!count) return std::nullopt;
    elements += *count;
  }
  return elements;
}

// Of an image whose every pixel is multiplied by the same row of channels, as
// squeeze-and-excitation does: its pixels; else 0.
double RowsOf(const Node& node, const SampleShapes& shapes) {
  const Shape* image = shapes.Of(node.outputs[0]);
  if (image == nullptr || image->size() != 4) return 0;
  const double pixels = static_cast<double>((*image)[2]) * static_cast<double>((*image)[3]);
  for (const std::string& input : node.inputs) {
    const Shape* row = shapes.Of(input);
    if (row != nullptr && pixels > 1 && *row == Shape{(*image)[0], (*image)[1], 1, 1}) {
      return pixels;
    }
  }
  return 0;
}

}  // namespace

std::optional<ExpectedCost> CostOfLayer(const KernelCosts& kernels, const Node& node,
                                        const WeightedLayer& layer, const SampleShapes& shapes,
                                        bool reads_graph_input) {
  const auto outputs = shapes.ElementsOf(node.outputs[0]);
  if (!outputs || layer.weight == nullptr || layer.outputs < 1) return std::nullopt;
  const Shape& weight = layer.weight->dims;
  if (node.Is("Conv")) return ConvCost(kernels, node, weight, *outputs, reads_graph_input);
  return ProductCost(kernels, NumbersIn(weight), static_cast<double>(layer.outputs), *outputs);
}

std::optional<ExpectedCost> CostBetween(const KernelCosts& kernels, const Node& node,
                                        const SampleShapes& shapes, const Surroundings& around) {
  const ElementRule* rule = ElementRuleOf(node);
  const bool of_input = rule != nullptr && rule->of_input;
  const auto counted = ElementsOf(of_input ? std::vector{node.inputs[0]} : node.outputs, shapes);
  if (!counted) return std::nullopt;
  const double elements = *counted;
  ExpectedCost element = rule != nullptr ? rule->element : kMoved;
  const bool is_sum = node.Is("Add") && !around.reads_constant;
  if (node.Is("Add") && !is_sum) element = kSimple;
  if (node.Is("Mul")) element = kernels.multiplied;
  const ExpectedCost& call = kernels.call_between;
  ExpectedCost cost = {call.as_float + elements * element.as_float,
                       call.as_integers + elements * element.as_integers};
  if (node.Is("Mul")) cost.as_integers += RowsOf(node, shapes) * kernels.multiplied_row;
  if (around.is_clamped && node.Is("Add") && !is_sum) {
    cost.as_float = kernels.gate_call + elements * kernels.gate;
  } else if (around.is_clamped && !is_sum) {
    cost.as_float += call.as_float + elements * kSimple.as_float;
  }
  return cost;
}

double CostOfQuantizing(double elements, bool is_image) {
  return is_image ? 3000 + 0.75 * elements : 1500 + 0.35 * elements;
}

double CostOfDequantizing(double elements, bool is_image) {
  return is_image ? 2000 + 0.5 * elements : 1200 + 0.2 * elements;
}

}  // namespace quantbench
