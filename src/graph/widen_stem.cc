// Widening the first convolution.
#include "graph/widen_stem.h"

#include <map>
#include <unordered_set>

#include "quantbench/graph.h"

#include "graph/constant_conv.h"

namespace quantbench {
namespace {

constexpr std::int64_t kPadInputsOpset = 11;  // before, amounts are an attribute

bool IsStem(const GraphIndex& index, const Node& node, const ConstantConv& conv) {
  const Shape& dims = conv.weight->dims;
  return index.IsGraphInput(node.inputs[0]) && conv.groups == 1 && dims.size() == 4 &&
         dims[1] == 3 && dims[2] == 3 && dims[3] == 3;
}

}  // namespace

Result<std::int64_t> WidenStem(Model* model, const std::set<std::string, std::less<>>& floats) {
  if (OnnxOpset(*model) < kPadInputsOpset) return 0;
  Graph& graph = model->graph;
  const GraphIndex index(graph);
  NameSource names(graph);
  std::string amounts;
  std::map<std::string, std::string> wide;  // by input
  std::vector<Node> pads;
  std::vector<Initializer> made;
  std::vector<std::pair<std::size_t, Node>> edited;
  std::unordered_set<std::string> replaced;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    Node node = graph.nodes[i];
    const std::optional<ConstantConv> conv = ConstantConvOf(index, node);
    if (!conv || !IsStem(index, node, *conv) || floats.contains(node.outputs[0])) continue;
    if (FindNarrowStart(graph, index, graph.nodes[i])) continue;  // it is better left float
    const std::string& input = node.inputs[0];
    if (amounts.empty()) amounts = names.Fresh("one_channel");
    const auto [padded, added] = wide.emplace(input, "");
    if (added) {
      padded->second = names.Fresh(input + "_wide");
      pads.push_back(MakeNode("Pad", names.Fresh(input + "_pad"), {input, amounts},
                              {padded->second}, {Attribute::String("mode", "constant")}));
    }
    QB_TRY(Initializer weight,
           WithZeros(*conv->weight, 0, 1, names.Fresh(conv->weight->name + "_wide")));
    replaced.insert(node.inputs[1]);
    node.inputs[0] = padded->second;
    node.inputs[1] = weight.name;
    made.push_back(std::move(weight));
    edited.emplace_back(i, std::move(node));
  }
  if (edited.empty()) return 0;
  // Only now: the index views the graph as it was.
  for (auto& [place, node] : edited) graph.nodes[place] = std::move(node);
  graph.nodes.insert(graph.nodes.begin(), std::make_move_iterator(pads.begin()),
                     std::make_move_iterator(pads.end()));
  made.push_back(Initializer::Of(
      amounts,
      Tensor::Of(DataType::kInt64, {8}, std::vector<std::int64_t>{0, 0, 0, 0, 0, 1, 0, 0})));
  for (Initializer& tensor : made) graph.initializers.push_back(std::move(tensor));
  RemoveUnread(replaced, &graph);
  return static_cast<std::int64_t>(edited.size());
}

}  // namespace quantbench
