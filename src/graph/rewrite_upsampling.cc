// Upsampling by ConvTranspose written as a Conv of points and DepthToSpace.
#include <algorithm>
#include <optional>

#include "quantbench/graph.h"

#include "graph/batchnorm.h"
#include "graph/permute.h"

namespace quantbench {
namespace {

bool AllAre(const Node& node, std::string_view name, std::int64_t value) {
  const Attribute* attribute = node.FindAttribute(name);
  return attribute == nullptr || std::all_of(attribute->ints.begin(), attribute->ints.end(),
                                             [&](std::int64_t x) { return x == value; });
}

// The block that a ConvTranspose makes of each pixel; absent when blocks overlap or leave gaps.
std::optional<std::int64_t> BlockOf(const Node& node, const Initializer& weight) {
  const Shape& dims = weight.dims;
  if (weight.type != DataType::kFloat32 || dims.size() != 4 || Elements(weight) == 0 ||
      dims[2] != dims[3] || dims[2] < 2) {
    return std::nullopt;
  }
  const Attribute* strides = node.FindAttribute("strides");
  const bool tiles = strides != nullptr && strides->ints == std::vector{dims[2], dims[2]};
  const Attribute* automatic = node.FindAttribute("auto_pad");
  const bool plain = node.FindAttribute("output_shape") == nullptr &&
                     (automatic == nullptr || automatic->s.empty() || automatic->s == "NOTSET") &&
                     node.IntAttribute("group", 1) == 1 && AllAre(node, "pads", 0) &&
                     AllAre(node, "output_padding", 0) && AllAre(node, "dilations", 1);
  return tiles && plain ? std::optional(dims[2]) : std::nullopt;
}

// The order of the Conv's outputs: of a channel all places of the block (CRD), or, before operator
// set 11, of a place all channels (DCR).   [ONNX DepthToSpace-13]
bool TakesChannelsFirst(const Model& model) {
  return OnnxOpset(model) >= 11;
}

// Weight [I, O, s, s] -> [O s s, I, 1, 1], or [s s O, I, 1, 1].
Result<Initializer> PointWeight(const Model& model, const Initializer& weight, std::string name) {
  const Shape order = TakesChannelsFirst(model) ? Shape{1, 2, 3, 0} : Shape{2, 3, 1, 0};
  QB_TRY(Initializer points, Permuted(model, weight, order, std::move(name)));
  const Shape& dims = weight.dims;
  points.dims = {dims[1] * dims[2] * dims[3], dims[0], 1, 1};
  return points;
}

Result<Initializer> PointBias(const Model& model, const Initializer& bias, std::int64_t block,
                              std::string name) {
  QB_TRY(const FloatValues values, FloatValues::Of(model, bias));
  const std::vector<float> before = values.All();
  const auto places = static_cast<std::size_t>(block * block);
  std::vector<float> points(before.size() * places);
  for (std::size_t i = 0; i < points.size(); ++i) {
    points[i] = before[TakesChannelsFirst(model) ? i / places : i % before.size()];
  }
  const auto count = static_cast<std::int64_t>(points.size());
  return Initializer::Of(std::move(name), Tensor::OfFloats({count}, points));
}

struct Rewritten {
  Node conv;
  Node shuffle;
  std::vector<Initializer> made;
};

Result<std::optional<Rewritten>> Rewrite(const Model& model, const GraphIndex& index,
                                         const Node& node, NameSource* names) {
  std::optional<Rewritten> result;
  if (!node.Is("ConvTranspose") || node.inputs.size() < 2 || node.outputs.size() != 1) {
    return result;
  }
  const Initializer* weight = index.FindInitializer(node.inputs[1]);
  if (weight == nullptr) return result;
  const auto block = BlockOf(node, *weight);
  if (!block) return result;
  const bool has_bias = node.inputs.size() > 2 && !node.inputs[2].empty();
  const Initializer* bias = nullptr;
  if (has_bias) {
    bias = FloatVector(index, node.inputs[2], weight->dims[1]);
    if (bias == nullptr) return result;
  }
  result.emplace();
  QB_TRY(Initializer points, PointWeight(model, *weight, names->Fresh(weight->name + "_points")));
  const std::string product = names->Fresh(node.outputs[0] + "_points");
  std::vector<std::string> inputs = {node.inputs[0], points.name};
  result->made.push_back(std::move(points));
  if (bias != nullptr) {
    QB_TRY(Initializer repeated,
           PointBias(model, *bias, *block, names->Fresh(bias->name + "_points")));
    inputs.push_back(repeated.name);
    result->made.push_back(std::move(repeated));
  }
  result->conv = MakeNode("Conv", node.name, std::move(inputs), {product},
                          {Attribute::Ints("kernel_shape", {1, 1})});
  std::vector<Attribute> attributes = {Attribute::Int("blocksize", *block)};
  if (TakesChannelsFirst(model)) attributes.push_back(Attribute::String("mode", "CRD"));
  result->shuffle = MakeNode(
      "DepthToSpace", names->Fresh(node.name.empty() ? "DepthToSpace" : node.name + "_to_space"),
      {product}, node.outputs, std::move(attributes));
  return result;
}

}  // namespace

Result<std::int64_t> RewriteUpsampling(Model* model) {
  Graph& graph = model->graph;
  NameSource names(graph);
  std::vector<Initializer> made;
  std::vector<std::pair<std::size_t, Rewritten>> found;
  std::unordered_set<std::string> replaced;
  {
    const GraphIndex index(graph);
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      QB_TRY(auto rewritten, Rewrite(*model, index, graph.nodes[i], &names));
      if (!rewritten) continue;
      replaced.insert(graph.nodes[i].inputs.begin() + 1, graph.nodes[i].inputs.end());
      found.emplace_back(i, std::move(*rewritten));
    }
  }
  if (found.empty()) return 0;
  std::vector<Node> nodes;
  auto next = found.begin();
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (next == found.end() || next->first != i) {
      nodes.push_back(std::move(graph.nodes[i]));
      continue;
    }
    nodes.push_back(std::move(next->second.conv));
    nodes.push_back(std::move(next->second.shuffle));
    for (Initializer& tensor : next->second.made) graph.initializers.push_back(std::move(tensor));
    ++next;
  }
  graph.nodes = std::move(nodes);
  RemoveUnread(replaced, &graph);
  return static_cast<std::int64_t>(found.size());
}

}  // namespace quantbench
