// Folding BatchNormalization backwards: new weights and bias, one node less.
#include "graph/fold_batchnorm.h"

#include <optional>

#include "quantbench/base/format.h"
#include "quantbench/graph.h"

#include "graph/batchnorm.h"
#include "graph/graph_pattern.h"
#include "graph/remove_nodes.h"
#include "graph/shape_values.h"

namespace quantbench {
namespace {

// Which output channel an element of a weight belongs to.
struct OutputChannels {
  std::int64_t count = 0;           // of all groups
  std::int64_t inner = 1;           // elements that follow each other in one channel
  std::int64_t in_group = 0;        // channels of a group
  std::int64_t rows_per_group = 1;  // rows of in_group * inner elements

  [[nodiscard]] std::size_t Of(std::size_t element) const {
    const auto i = static_cast<std::int64_t>(element);
    const std::int64_t group = i / (in_group * inner) / rows_per_group;
    return static_cast<std::size_t>(group * in_group + i / inner % in_group);
  }
};

// A layer and the normalization that alone reads it.
struct Pair {
  std::size_t layer = 0;
  std::size_t add = 0;  // of a MatMul's bias; the layer itself when there is none
  std::size_t normalization = 0;
  const Initializer* weight = nullptr;
  const Initializer* bias = nullptr;  // may be null
  OutputChannels channels;
};

std::int64_t Product(const Shape& dims, std::size_t begin) {
  std::int64_t product = 1;
  for (std::size_t i = begin; i < dims.size(); ++i) product *= dims[i];
  return product;
}

// Weights [O, I / groups, ..], [I, O / groups, ..], [K, N] or, transposed, [N, K].
std::optional<OutputChannels> ChannelsOf(const Node& layer, const Shape& dims) {
  if (layer.Is("Conv") && dims.size() >= 3) {
    return OutputChannels{dims[0], Product(dims, 1), dims[0], 1};
  }
  if (layer.Is("ConvTranspose") && dims.size() >= 3) {
    const std::int64_t groups = layer.IntAttribute("group", 1);
    if (groups < 1 || dims[0] % groups != 0) return std::nullopt;
    return OutputChannels{dims[1] * groups, Product(dims, 2), dims[1], dims[0] / groups};
  }
  if (dims.size() != 2) return std::nullopt;
  if (layer.Is("MatMul")) return OutputChannels{dims[1], 1, dims[1], dims[0]};
  if (!layer.Is("Gemm") || layer.FloatAttribute("alpha", 1) != 1 ||
      layer.FloatAttribute("beta", 1) != 1) {
    return std::nullopt;
  }
  return layer.IntAttribute("transB", 0) != 0 ? OutputChannels{dims[0], dims[1], dims[0], 1}
                                              : OutputChannels{dims[1], 1, dims[1], dims[0]};
}

class Finder {
 public:
  explicit Finder(const Model& model)
      : graph_(model.graph), index_(model.graph), shapes_(model.graph, OnnxOpset(model)) {}

  [[nodiscard]] const GraphIndex& index() const { return index_; }

  [[nodiscard]] std::optional<Pair> PairAt(std::size_t normalization) const {
    const Node& node = graph_.nodes[normalization];
    if (!node.Is("BatchNormalization") || node.inputs.size() != 5) return std::nullopt;
    const std::int64_t before = index_.ProducerIndex(node.inputs[0]);
    if (before < 0 || !IsReadOnce(node.inputs[0])) return std::nullopt;
    Pair pair;
    pair.normalization = normalization;
    pair.add = static_cast<std::size_t>(before);
    std::string_view bias;
    std::optional<std::size_t> layer = pair.add;
    if (graph_.nodes[pair.add].Is("Add")) {
      layer = ProductBefore(graph_.nodes[pair.add], &bias);
    }
    if (!layer) return std::nullopt;
    pair.layer = *layer;
    return Complete(pair, bias);
  }

 private:
  [[nodiscard]] bool IsReadOnce(std::string_view value) const {
    return index_.Consumers(value).size() == 1 && !index_.IsGraphOutput(value);
  }

  // The MatMul to which an Add adds a constant.
  std::optional<std::size_t> ProductBefore(const Node& add, std::string_view* bias) const {
    if (add.inputs.size() != 2) return std::nullopt;
    for (const std::size_t i : {0U, 1U}) {
      const std::int64_t product = index_.ProducerIndex(add.inputs[i]);
      if (product < 0 || index_.FindInitializer(add.inputs[1 - i]) == nullptr) continue;
      const auto place = static_cast<std::size_t>(product);
      if (!graph_.nodes[place].Is("MatMul") || !IsReadOnce(add.inputs[i])) continue;
      *bias = add.inputs[1 - i];
      return place;
    }
    return std::nullopt;
  }

  // With weight, bias and channels; absent when they are not constant or have other shapes.
  std::optional<Pair> Complete(Pair pair, std::string_view bias) const {
    const Node& layer = graph_.nodes[pair.layer];
    if (layer.inputs.size() < 2) return std::nullopt;
    pair.weight = index_.FindInitializer(layer.inputs[1]);
    if (pair.weight == nullptr || pair.weight->type != DataType::kFloat32 ||
        Elements(*pair.weight) == 0) {
      return std::nullopt;
    }
    const auto channels = ChannelsOf(layer, pair.weight->dims);
    if (!channels) return std::nullopt;
    pair.channels = *channels;
    if (layer.Is("MatMul")) {  // axis 1, the channels, must be the last: a matrix
      const auto& shape = shapes_.Of(layer.outputs[0]).shape;
      if (!shape || shape->size() != 2) return std::nullopt;
    } else if (layer.inputs.size() > 2) {
      bias = layer.inputs[2];
    }
    if (bias.empty()) return pair;
    pair.bias = FloatVector(index_, bias, pair.channels.count);
    return pair.bias == nullptr ? std::nullopt : std::optional(pair);
  }

  const Graph& graph_;
  const GraphIndex index_;
  const ShapeValues shapes_;
};

// The numbers of each output channel times its factor.
Result<Tensor> Scaled(const Initializer& weight, const OutputChannels& channels,
                      const std::vector<double>& factors) {
  QB_TRY(const FloatValues values, FloatValues::Of(weight));
  QB_TRY(Tensor tensor, Tensor::Make(DataType::kFloat32, weight.dims));
  const std::span<float> to = tensor.As<float>();
  values.Read(0, values.size(), [&](std::span<const float> from) {
    for (std::size_t i = 0; i < from.size(); ++i) {
      to[i] = static_cast<float>(from[i] * factors[channels.Of(i)]);
    }
  });
  return tensor;
}

// Made whenever it is read: folded weights together are as large as the model.
Initializer ScaledWeight(const Pair& pair, const ChannelAffine& affine, std::string name) {
  return Initializer::Deferred(
      std::move(name), DataType::kFloat32, pair.weight->dims,
      [weight = *pair.weight, channels = pair.channels, factors = affine.factor] {
        return Scaled(weight, channels, factors);
      });
}

// What becomes of the graph; written when all is found, since the index views the graph.
struct Edits {
  std::vector<std::pair<std::size_t, Node>> nodes;
  std::vector<bool> gone;
  std::vector<Initializer> made;
  std::unordered_set<std::string> replaced;
};

Status Fold(const Graph& graph, const Pair& pair, const ChannelAffine& affine, NameSource* names,
            Edits* edits) {
  const Node& normalization = graph.nodes[pair.normalization];
  Node layer = graph.nodes[pair.layer];
  Initializer weight = ScaledWeight(pair, affine, names->Fresh(pair.weight->name + "_folded"));
  QB_TRY(Initializer bias,
         AffineBias(pair.bias, affine, names->Fresh(normalization.inputs[2] + "_folded")));
  edits->replaced.insert(layer.inputs.begin() + 1, layer.inputs.end());
  edits->replaced.insert(normalization.inputs.begin() + 1, normalization.inputs.end());
  if (pair.bias != nullptr) edits->replaced.insert(pair.bias->name);
  layer.inputs[1] = weight.name;
  if (layer.Is("MatMul")) {  // the normalization's place takes the Add
    Node add =
        MakeNode("Add", normalization.name, {layer.outputs[0], bias.name}, normalization.outputs);
    if (pair.add != pair.layer) {
      add.name = graph.nodes[pair.add].name;
      edits->gone[pair.add] = true;
    }
    edits->nodes.emplace_back(pair.normalization, std::move(add));
  } else {
    layer.inputs = {layer.inputs[0], weight.name, bias.name};
    layer.outputs = {normalization.outputs[0]};
    edits->gone[pair.normalization] = true;
  }
  edits->nodes.emplace_back(pair.layer, std::move(layer));
  edits->made.push_back(std::move(weight));
  edits->made.push_back(std::move(bias));
  return Ok();
}

}  // namespace

Status FoldBatchNorms(Model* model, std::vector<std::string>* notes) {
  Graph& graph = model->graph;
  if (!HasOperator(graph, "BatchNormalization")) return Ok();
  const Finder finder(*model);
  NameSource names(graph);
  Edits edits;
  edits.gone.assign(graph.nodes.size(), false);
  std::int64_t folded = 0;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const std::optional<Pair> pair = finder.PairAt(i);
    if (!pair) continue;
    QB_TRY(const auto affine, AffineOf(finder.index(), graph.nodes[i], pair->channels.count));
    if (!affine) continue;
    QB_OK(Fold(graph, *pair, *affine, &names, &edits));
    ++folded;
  }
  if (folded == 0) return Ok();
  for (auto& [place, node] : edits.nodes) graph.nodes[place] = std::move(node);
  RemoveNodes(edits.gone, &graph);
  for (Initializer& tensor : edits.made) graph.initializers.push_back(std::move(tensor));
  RemoveUnread(edits.replaced, &graph);
  notes->push_back(Format("BatchNormalization folded into {} Conv, Gemm or such", folded));
  return Ok();
}

}  // namespace quantbench
