// Expected costs, fitted to profiles of whole networks.
#include "quantize/layer_costs.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <set>

#include "quantize/rules.h"

namespace quantbench {
namespace {

// A call, apart from its numbers.
constexpr ExpectedCost kLayerCall = {500, 2500};
constexpr ExpectedCost kCallBetween = {500, 1000};
// A multiply-accumulate. Floats reach it with many channels: see FloatConvRate.
constexpr double kFloatRate = 36;  // a nanosecond
constexpr double kIntegerRate = 100;
// An output: written; summed up, scaled and rounded.
constexpr ExpectedCost kOutput = {0.08, 0.3};
// A weight, read: of convolutions, and of products, which hardly use one twice.
constexpr ExpectedCost kWeight = {0.12, 0.04};
constexpr ExpectedCost kProductWeight = {0.2, 0.06};
// What a window gathers: a pixel of channels by four, else a row of the kernel, copied.
constexpr double kGatherPixel = 1.7;
constexpr double kGatherRow = 13;
// Depthwise: an output, and a tap of it.
constexpr ExpectedCost kDepthwiseOutput = {0.02, 0.2};
constexpr double kDepthwiseTap = 0.07;
// Depthwise with channels that do not fill vectors.
constexpr double kOddIntegerDepthwise = 2.1;  // no multiple of 16
constexpr double kOddFloatDepthwise = 4.5;    // no multiple of 4
constexpr double kVector = 16;

double RoundedUp(double value, double unit) {
  return std::ceil(value / unit) * unit;
}

double NumbersIn(const Shape& shape) {
  double count = 1;
  for (const std::int64_t dim : shape) count *= static_cast<double>(dim);
  return count;
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
double FloatConvRate(const Window& window) {
  return std::min(kFloatRate, 10 + 0.35 * window.outputs + 1.2 * window.channels);
}

ExpectedCost DenseCost(const Window& window, bool is_widened) {
  ExpectedCost cost = kLayerCall;
  const double outputs = window.positions * window.outputs;
  cost.as_float += window.macs() / FloatConvRate(window) + outputs * kOutput.as_float +
                   window.weights() * kWeight.as_float;
  const double channels = is_widened ? 4 : window.channels;
  const double filled = RoundedUp(window.outputs, kVector);
  cost.as_integers +=
      window.positions * RoundedUp(channels * window.taps, 4) * filled / kIntegerRate +
      window.positions * filled * kOutput.as_integers + window.weights() * kWeight.as_integers;
  if (window.taps > 1) {
    const bool is_aligned = std::fmod(channels, 4) == 0;
    cost.as_integers +=
        window.positions * (is_aligned ? window.taps * kGatherPixel : window.rows * kGatherRow);
  }
  return cost;
}

ExpectedCost DepthwiseCost(const Window& window) {
  ExpectedCost cost = kLayerCall;
  const double outputs = window.positions * window.outputs;
  const bool is_odd = std::fmod(window.outputs, kVector) != 0;
  const bool is_odd_float = std::fmod(window.outputs, 4) != 0;
  const double taps = kDepthwiseTap * window.taps;
  cost.as_float +=
      outputs * (kDepthwiseOutput.as_float + taps) * (is_odd_float ? kOddFloatDepthwise : 1);
  cost.as_integers +=
      outputs * (kDepthwiseOutput.as_integers + taps) * (is_odd ? kOddIntegerDepthwise : 1);
  return cost;
}

std::optional<ExpectedCost> ConvCost(const Node& node, const Shape& weight, double outputs,
                                     bool reads_graph_input) {
  Window window;
  window.outputs = static_cast<double>(weight[0]);
  window.channels = static_cast<double>(weight[1]);
  for (std::size_t i = 2; i < weight.size(); ++i) {
    window.taps *= static_cast<double>(weight[i]);
    if (i + 1 < weight.size()) window.rows *= static_cast<double>(weight[i]);
  }
  window.positions = outputs / window.outputs;
  const std::int64_t groups = node.IntAttribute("group", 1);
  if (groups == weight[0] && weight[1] == 1 && groups > 1) return DepthwiseCost(window);
  if (groups != 1) return std::nullopt;
  // LowerForIntegers gives such a first convolution a fourth channel.
  const bool is_widened =
      reads_graph_input && weight[1] == 3 && weight.size() == 4 && weight[2] == 3 && weight[3] == 3;
  return DenseCost(window, is_widened);
}

ExpectedCost ProductCost(double weights, double columns, double outputs) {
  ExpectedCost cost = kLayerCall;
  const double macs = outputs * weights / columns;
  cost.as_float +=
      macs / kFloatRate + outputs * kOutput.as_float + weights * kProductWeight.as_float;
  cost.as_integers +=
      macs / kIntegerRate + outputs * kOutput.as_integers + weights * kProductWeight.as_integers;
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
    {"Mul", {0.25, 0.25}},
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

GivenInputs OneSample(const Graph& graph) {
  std::set<std::string_view> constants;
  for (const Initializer& initializer : graph.initializers) constants.insert(initializer.name);
  std::set<std::string_view> batches;  // names of free first dimensions
  for (const ValueInfo& input : graph.inputs) {
    if (!input.dims.empty() && !input.dims[0].name.empty()) batches.insert(input.dims[0].name);
  }
  GivenInputs given;
  for (const ValueInfo& input : graph.inputs) {
    if (!input.is_tensor || !input.has_shape || constants.contains(input.name)) continue;
    Shape shape;
    for (const Dimension& dim : input.dims) {
      const bool is_batch = shape.empty() || batches.contains(dim.name);
      shape.push_back(dim.value < 0 && is_batch ? 1 : dim.value);
    }
    const bool is_known =
        std::all_of(shape.begin(), shape.end(), [](auto dim) { return dim >= 0; });
    if (is_known) given[input.name].shape = std::move(shape);
  }
  return given;
}

}  // namespace

SampleShapes::SampleShapes(const Model& model) {
  const auto add = [&](const std::vector<std::string>& names,
                       const std::vector<ValueFacts>& values) {
    for (std::size_t i = 0; i < names.size() && i < values.size(); ++i) {
      if (!names[i].empty() && values[i].shape) shapes_.emplace(names[i], *values[i].shape);
    }
  };
  const std::vector<Node>& nodes = model.graph.nodes;
  const std::less<> before;
  for (const RunNode& run : FollowRun(model, OneSample(model.graph))) {
    const bool is_outer =
        !before(run.node, nodes.data()) && before(run.node, nodes.data() + nodes.size());
    if (!is_outer) continue;
    add(run.node->inputs, run.inputs);
    add(run.node->outputs, run.outputs);
  }
}

const Shape* SampleShapes::Of(std::string_view tensor) const {
  const auto found = shapes_.find(std::string(tensor));
  if (found == shapes_.end()) return nullptr;
  const Shape& shape = found->second;
  const bool is_sound = std::all_of(shape.begin(), shape.end(), [](auto dim) { return dim > 0; });
  return is_sound ? &shape : nullptr;
}

std::optional<double> SampleShapes::ElementsOf(std::string_view tensor) const {
  const Shape* shape = Of(tensor);
  if (shape == nullptr) return std::nullopt;
  return NumbersIn(*shape);
}

std::optional<ExpectedCost> CostOfLayer(const Node& node, const WeightedLayer& layer,
                                        const SampleShapes& shapes, bool reads_graph_input) {
  const auto outputs = shapes.ElementsOf(node.outputs[0]);
  if (!outputs || layer.weight == nullptr || layer.outputs < 1) return std::nullopt;
  const Shape& weight = layer.weight->dims;
  if (node.Is("Conv")) return ConvCost(node, weight, *outputs, reads_graph_input);
  return ProductCost(NumbersIn(weight), static_cast<double>(layer.outputs), *outputs);
}

std::optional<ExpectedCost> CostBetween(const Node& node, const SampleShapes& shapes,
                                        const Surroundings& around) {
  const ElementRule* rule = nullptr;
  for (const ElementRule& known : kElementRules) {
    if (known.op_type == node.op_type) rule = &known;
  }
  double elements = 0;
  const bool of_input = rule != nullptr && rule->of_input;
  for (const std::string& tensor : of_input ? std::vector{node.inputs[0]} : node.outputs) {
    if (tensor.empty()) continue;
    const auto count = shapes.ElementsOf(tensor);
    if (!count) return std::nullopt;
    elements += *count;
  }
  ExpectedCost element = rule != nullptr ? rule->element : kMoved;
  const bool is_sum = node.Is("Add") && !around.reads_constant;
  if (node.Is("Add") && !is_sum) element = kSimple;
  ExpectedCost cost = {kCallBetween.as_float + elements * element.as_float,
                       kCallBetween.as_integers + elements * element.as_integers};
  if (around.is_clamped && !is_sum) {
    cost.as_float += kCallBetween.as_float + elements * kSimple.as_float;
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
