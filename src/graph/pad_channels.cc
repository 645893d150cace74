// Padding the channels of depthwise convolutions with zeros.
#include "graph/pad_channels.h"

#include <map>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "quantbench/base/format.h"
#include "quantbench/graph.h"

#include "graph/channel_groups.h"
#include "graph/constant_conv.h"

namespace quantbench {
namespace {

constexpr std::int64_t kMultiple = 16;  // channels that the kernel computes at once
constexpr std::int64_t kWorth = 4;      // channels there must be for one added

// Plans all edits on the graph as it is, then makes them.
class Padding {
 public:
  explicit Padding(Model* model)
      : model_(*model), index_(model->graph), groups_(*model, index_), names_(model->graph) {}

  Result<std::int64_t> Run() {
    FindAdded();
    if (added_.empty()) return 0;
    for (std::size_t i = 0; i < model_.graph.nodes.size(); ++i) QB_OK(Plan(i));
    const ChangedValues changed = FindChanged();
    Graph& graph = model_.graph;
    for (auto& [place, node] : edited_) graph.nodes[place] = std::move(node);
    for (Initializer& tensor : made_) graph.initializers.push_back(std::move(tensor));
    std::erase_if(graph.value_infos,
                  [&](const ValueInfo& value) { return changed.contains(value.name); });
    RemoveUnread(replaced_, &graph);
    return padded_;
  }

 private:
  using ChangedValues = std::unordered_set<std::string>;

  // The channels to add to each set that has a depthwise Conv which asks for them.
  void FindAdded() {
    for (const Node& node : model_.graph.nodes) {
      const std::optional<ConstantConv> conv = ConstantConvOf(index_, node);
      if (!conv || !conv->depthwise()) continue;
      const std::optional<std::size_t> group = groups_.ClosedGroupOf(node.inputs[0]);
      const std::int64_t missing = kMultiple - conv->groups % kMultiple;
      if (!group || missing == kMultiple || missing * kWorth > conv->groups) continue;
      added_.emplace(*group, missing);
    }
  }

  std::int64_t AddedTo(std::string_view value) const {
    const std::optional<std::size_t> group = groups_.ClosedGroupOf(value);
    const auto found = group ? added_.find(*group) : added_.end();
    return found == added_.end() ? 0 : found->second;
  }

  Status Plan(std::size_t place) {
    const Node& node = model_.graph.nodes[place];
    const std::optional<ConstantConv> conv = ConstantConvOf(index_, node);
    if (!conv) return Ok();
    const std::int64_t rows = AddedTo(node.outputs[0]);
    const std::int64_t columns = conv->groups == 1 ? AddedTo(node.inputs[0]) : 0;
    if (rows == 0 && columns == 0) return Ok();
    Node wider = node;
    QB_TRY(wider.inputs[1], Padded(*conv->weight, rows, columns));
    if (rows > 0 && conv->bias != nullptr) {
      QB_TRY(wider.inputs[2], Padded(*conv->bias, rows, 0));
    }
    if (conv->depthwise()) {
      for (Attribute& attribute : wider.attributes) {
        if (attribute.name == "group") attribute.i += rows;
      }
      ++padded_;
    }
    edited_.emplace_back(place, std::move(wider));
    return Ok();
  }

  // The name of a copy with zeros; nodes that share a tensor share the copy.
  Result<std::string> Padded(const Initializer& tensor, std::int64_t rows, std::int64_t columns) {
    const auto [copy, added] = copies_.emplace(std::tuple(&tensor, rows, columns), "");
    if (!added) return copy->second;
    copy->second = names_.Fresh(tensor.name + "_padded");
    QB_TRY(Initializer padded, WithZeros(tensor, rows, columns, copy->second));
    made_.push_back(std::move(padded));
    replaced_.insert(tensor.name);
    return copy->second;
  }

  // Descriptions of these are out of date.
  ChangedValues FindChanged() const {
    ChangedValues changed;
    for (const ValueInfo& value : model_.graph.value_infos) {
      if (AddedTo(value.name) > 0) changed.insert(value.name);
    }
    return changed;
  }

  Model& model_;
  GraphIndex index_;
  ChannelGroups groups_;
  NameSource names_;
  std::unordered_map<std::size_t, std::int64_t> added_;
  std::map<std::tuple<const Initializer*, std::int64_t, std::int64_t>, std::string> copies_;
  std::vector<std::pair<std::size_t, Node>> edited_;
  std::vector<Initializer> made_;
  std::unordered_set<std::string> replaced_;
  std::int64_t padded_ = 0;
};

}  // namespace

Result<std::int64_t> PadDepthwiseChannels(Model* model) {
  return Padding(model).Run();
}

}  // namespace quantbench
