// Finding the narrow start of a network.
#include "quantbench/graph.h"

#include "graph/constant_conv.h"

namespace quantbench {
namespace {

// The only reader of a value; null where there is none or several, or where it leaves the graph.
const Node* OnlyReader(const Graph& graph, const GraphIndex& index, const std::string& value) {
  const auto readers = index.Consumers(value);
  if (readers.size() != 1 || index.IsGraphOutput(value)) return nullptr;
  return &graph.nodes[static_cast<std::size_t>(readers[0])];
}

}  // namespace

std::optional<NarrowStart> FindNarrowStart(const Graph& graph, const GraphIndex& index,
                                           const Node& stem) {
  const auto is_narrow = [](const std::optional<ConstantConv>& conv) {
    return conv && conv->rank() == 4 && conv->weight->dims[0] < kNarrowChannels;
  };
  if (!stem.Is("Conv") || stem.inputs.empty() || !index.IsGraphInput(stem.inputs[0])) return {};
  const std::optional<ConstantConv> first = ConstantConvOf(index, stem);
  if (!is_narrow(first) || first->groups != 1) return {};
  const Node* reader = OnlyReader(graph, index, stem.outputs[0]);
  if (reader != nullptr && (reader->Is("Relu") || reader->Is("Clip"))) {
    reader = OnlyReader(graph, index, reader->outputs[0]);
  }
  if (reader == nullptr || !reader->Is("Conv")) return {};
  const std::optional<ConstantConv> second = ConstantConvOf(index, *reader);
  if (!is_narrow(second) || !second->depthwise()) return {};
  return NarrowStart{&stem, reader};
}

}  // namespace quantbench
