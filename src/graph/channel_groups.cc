// Activations tied to one channel count: union-find over the values of a graph.
#include "graph/channel_groups.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "quantbench/graph.h"

#include "graph/constant_conv.h"

namespace quantbench {
namespace {

enum class Tie : std::uint8_t { kNone, kUnary, kClip, kBinary };

// How the operator ties its output's channels to its inputs': each output channel is made of the
// same channels of the inputs alone.
Tie TieOf(const Node& node) {
  constexpr std::array kUnary = {"Relu",      "LeakyRelu",         "Sigmoid",
                                 "HardSwish", "HardSigmoid",       "AveragePool",
                                 "MaxPool",   "GlobalAveragePool", "GlobalMaxPool"};
  const auto is = [&](std::string_view type) { return node.Is(type); };
  if (node.outputs.size() != 1 || node.inputs.empty()) return Tie::kNone;
  if (node.inputs.size() == 1 && std::any_of(kUnary.begin(), kUnary.end(), is)) return Tie::kUnary;
  if (is("Clip")) return Tie::kClip;
  if (node.inputs.size() == 2 && (is("Add") || is("Mul"))) return Tie::kBinary;
  return Tie::kNone;
}

// One finite number, whatever its rank up to `rank`.
bool IsScalar(const Initializer& tensor, std::int64_t rank) {
  if (Elements(tensor) != 1 || static_cast<std::int64_t>(tensor.dims.size()) > rank) return false;
  const auto values = FloatValues::Of(tensor);
  return values.ok() && std::isfinite(values.value().All()[0]);
}

}  // namespace

ChannelGroups::ChannelGroups(const Model& model, const GraphIndex& index) {
  const Graph& graph = model.graph;
  for (const ValueInfo& input : graph.inputs) Open(input.name);
  for (const Node& node : graph.nodes) {
    if (node.Is("Conv")) {
      AddConv(index, node);
    } else if (TieOf(node) != Tie::kNone) {
      AddTie(index, node);
    } else {
      OpenAll(node);
    }
  }
  for (const ValueInfo& output : graph.outputs) Open(output.name);
  for (std::size_t id = 0; id < parent_.size(); ++id) {
    parent_[id] = RootOf(id);
    if (open_[id] || !layouts_[id]) open_[parent_[id]] = true;
  }
}

std::optional<std::size_t> ChannelGroups::ClosedGroupOf(std::string_view value) const {
  const auto found = ids_.find(value);
  if (found == ids_.end()) return std::nullopt;
  const std::size_t root = parent_[found->second];
  return open_[root] ? std::nullopt : std::optional(root);
}

void ChannelGroups::AddConv(const GraphIndex& index, const Node& node) {
  const std::optional<ConstantConv> conv = ConstantConvOf(index, node);
  if (!conv || node.inputs.size() > 3) {
    OpenAll(node);
    return;
  }
  const Shape& dims = conv->weight->dims;
  const bool sound = (conv->groups == 1 || conv->depthwise()) &&
                     (conv->bias == nullptr || conv->bias->dims[0] == dims[0]);
  if (!sound) {
    OpenAll(node);
    return;
  }
  const std::size_t input = IdOf(node.inputs[0]);
  const Layout read{dims[1] * conv->groups, conv->rank()};
  if (layouts_[input] != read) open_[input] = true;
  const std::size_t output = IdOf(node.outputs[0]);
  layouts_[output] = {dims[0], conv->rank()};
  if (conv->depthwise()) Join(input, output);
}

void ChannelGroups::AddTie(const GraphIndex& index, const Node& node) {
  const Tie tie = TieOf(node);
  std::vector<std::size_t> tied;
  std::vector<const Initializer*> constants;
  bool sound = true;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    if (node.inputs[i].empty()) continue;
    if (const Initializer* constant = FloatConstant(index, node.inputs[i])) {
      constants.push_back(constant);
    } else {
      tied.push_back(IdOf(node.inputs[i]));
      sound = sound && (tie == Tie::kBinary || i == 0);
    }
  }
  if (tied.empty() || !sound || !layouts_[tied[0]]) {
    OpenAll(node);
    return;
  }
  const Layout layout = *layouts_[tied[0]];
  for (const std::size_t id : tied) sound = sound && layouts_[id] == layout;
  for (const Initializer* constant : constants) {
    sound = sound && IsScalar(*constant, layout.rank);
  }
  if (!sound) {
    OpenAll(node);
    return;
  }
  const std::size_t output = IdOf(node.outputs[0]);
  layouts_[output] = layout;
  for (const std::size_t id : tied) Join(id, output);
}

void ChannelGroups::OpenAll(const Node& node) {
  for (const std::string& input : node.inputs) Open(input);
  for (const std::string& output : node.outputs) Open(output);
  for (const Attribute& attribute : node.attributes) {
    for (const Graph& body : attribute.graphs) {
      ForEachGraph(body, [&](const Graph& graph) { OpenReads(graph); });
    }
  }
}

void ChannelGroups::OpenReads(const Graph& body) {
  for (const Node& node : body.nodes) {
    for (const std::string& input : node.inputs) Open(input);
  }
  for (const ValueInfo& output : body.outputs) Open(output.name);
}

std::size_t ChannelGroups::IdOf(std::string_view value) {
  const auto [place, added] = ids_.emplace(value, parent_.size());
  if (added) {
    parent_.push_back(place->second);
    layouts_.emplace_back();
    open_.push_back(false);
  }
  return place->second;
}

std::size_t ChannelGroups::RootOf(std::size_t id) {
  while (parent_[id] != id) {
    parent_[id] = parent_[parent_[id]];
    id = parent_[id];
  }
  return id;
}

}  // namespace quantbench
