// Folding BatchNormalization: new weights and bias, one node less.
#include "graph/fold_batchnorm.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "quantbench/base/parallel.h"
#include "quantbench/graph.h"

#include "graph/remove_nodes.h"

namespace quantbench {
namespace {

// What BatchNormalization does to each channel: y = factor x + shift.
struct Affine {
  std::vector<double> factor;
  std::vector<double> shift;
};

const Initializer* FloatVector(const GraphIndex& index, std::string_view name,
                               std::int64_t length) {
  const Initializer* tensor = index.FindInitializer(name);
  if (tensor == nullptr || tensor->type != DataType::kFloat32) return nullptr;
  return tensor->dims == Shape{length} ? tensor : nullptr;
}

bool IsInference(const Node& node) {
  for (std::size_t i = 1; i < node.outputs.size(); ++i) {
    if (!node.outputs[i].empty()) return false;
  }
  return node.inputs.size() == 5 && !node.outputs.empty() &&
         node.IntAttribute("training_mode", 0) == 0 && node.IntAttribute("spatial", 1) == 1;
}

// Absent when the node is not a foldable normalization of `channels` channels.
Result<std::optional<Affine>> AffineOf(const GraphIndex& index, const Node& node,
                                       std::int64_t channels) {
  std::array<std::vector<float>, 4> parameters;  // scale, bias, mean, variance
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Initializer* tensor = FloatVector(index, node.inputs[i + 1], channels);
    if (tensor == nullptr) return std::optional<Affine>();
    QB_TRY(const FloatValues values, FloatValues::Of(*tensor));
    parameters[i] = values.All();
  }
  const auto& [scale, bias, mean, variance] = parameters;
  const double epsilon = node.FloatAttribute("epsilon", 1e-5F);
  Affine affine;
  for (std::size_t c = 0; c < scale.size(); ++c) {
    const double factor = scale[c] / std::sqrt(variance[c] + epsilon);
    if (!std::isfinite(factor)) return std::optional<Affine>();
    affine.factor.push_back(factor);
    affine.shift.push_back(bias[c] - mean[c] * factor);
  }
  return std::optional<Affine>(std::move(affine));
}

// The numbers of each channel times its factor.
Result<Tensor> Scaled(const Initializer& weight, const std::vector<double>& factors) {
  QB_TRY(const FloatValues values, FloatValues::Of(weight));
  QB_TRY(Tensor tensor, Tensor::Make(DataType::kFloat32, weight.dims));
  const std::span<float> to = tensor.As<float>();
  const auto channels = static_cast<std::int64_t>(factors.size());
  const std::int64_t each = values.size() / channels;
  constexpr std::int64_t kStretch = 1 << 18;
  ParallelFor(channels, std::max<std::int64_t>(1, kStretch / each), 0,
              [&](std::int64_t begin, std::int64_t end) {
                values.Read(begin * each, end * each, [&](std::span<const float> from) {
                  auto in = from.begin();
                  auto out = to.begin() + begin * each;
                  for (std::int64_t channel = begin; channel < end; ++channel, in += each) {
                    const double factor = factors[static_cast<std::size_t>(channel)];
                    out = std::transform(in, in + each, out, [factor](float value) {
                      return static_cast<float>(value * factor);
                    });
                  }
                });
              });
  return tensor;
}

// Made whenever it is read: folded weights together are as large as the model.
Initializer ScaledWeight(const Initializer& weight, const Affine& affine, std::string name) {
  return Initializer::Deferred(
      std::move(name), DataType::kFloat32, weight.dims,
      [weight, factors = affine.factor] { return Scaled(weight, factors); });
}

// `bias` may be null: zeros.
Result<Initializer> ShiftedBias(const Initializer* bias, const Affine& affine, std::string name) {
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

// A convolution and the normalization that alone reads it.
struct Pair {
  std::size_t convolution = 0;
  std::size_t normalization = 0;
  const Initializer* weight = nullptr;
  const Initializer* bias = nullptr;  // may be null
};

std::optional<Pair> PairAt(const Graph& graph, const GraphIndex& index, std::size_t normalization) {
  const Node& node = graph.nodes[normalization];
  if (!node.Is("BatchNormalization") || !IsInference(node)) return std::nullopt;
  const Node* convolution = index.Producer(node.inputs[0]);
  if (convolution == nullptr || !convolution->Is("Conv") || convolution->inputs.size() < 2) {
    return std::nullopt;
  }
  const bool alone =
      index.Consumers(node.inputs[0]).size() == 1 && !index.IsGraphOutput(node.inputs[0]);
  const Initializer* weight = index.FindInitializer(convolution->inputs[1]);
  if (!alone || weight == nullptr || weight->type != DataType::kFloat32 ||
      weight->dims.size() < 3 || Elements(*weight) == 0) {
    return std::nullopt;
  }
  Pair pair{static_cast<std::size_t>(index.ProducerIndex(node.inputs[0])), normalization, weight};
  if (convolution->inputs.size() > 2 && !convolution->inputs[2].empty()) {
    pair.bias = FloatVector(index, convolution->inputs[2], weight->dims[0]);
    if (pair.bias == nullptr) return std::nullopt;
  }
  return pair;
}

}  // namespace

Result<std::int64_t> FoldBatchNorms(Model* model) {
  Graph& graph = model->graph;
  const GraphIndex index(graph);
  NameSource names(graph);
  std::vector<Initializer> made;
  std::vector<bool> gone(graph.nodes.size(), false);
  std::unordered_set<std::string> replaced;
  std::vector<std::pair<std::size_t, Node>> edited;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const std::optional<Pair> pair = PairAt(graph, index, i);
    if (!pair) continue;
    const Node& normalization = graph.nodes[i];
    QB_TRY(const auto affine, AffineOf(index, normalization, pair->weight->dims[0]));
    if (!affine) continue;
    Node convolution = graph.nodes[pair->convolution];
    Initializer weight =
        ScaledWeight(*pair->weight, *affine, names.Fresh(pair->weight->name + "_folded"));
    QB_TRY(Initializer bias,
           ShiftedBias(pair->bias, *affine, names.Fresh(normalization.inputs[2] + "_folded")));
    replaced.insert(convolution.inputs.begin() + 1, convolution.inputs.end());
    replaced.insert(normalization.inputs.begin() + 1, normalization.inputs.end());
    convolution.inputs = {convolution.inputs[0], weight.name, bias.name};
    convolution.outputs = {normalization.outputs[0]};
    made.push_back(std::move(weight));
    made.push_back(std::move(bias));
    gone[i] = true;
    edited.emplace_back(pair->convolution, std::move(convolution));
  }
  const auto folded = static_cast<std::int64_t>(edited.size());
  if (folded == 0) return folded;
  // Only now: the index views the graph as it was.
  for (auto& [place, node] : edited) graph.nodes[place] = std::move(node);
  RemoveNodes(gone, &graph);
  for (Initializer& tensor : made) graph.initializers.push_back(std::move(tensor));
  RemoveUnread(replaced, &graph);
  return folded;
}

}  // namespace quantbench
