// Removing idle nodes: renaming what reads them.
#include "graph/remove_idle.h"

#include <algorithm>
#include <optional>

#include "quantbench/base/format.h"
#include "quantbench/graph.h"

#include "graph/remove_nodes.h"

namespace quantbench {
namespace {

class IdleNodes {
 public:
  explicit IdleNodes(const Model& model)
      : opset_(OnnxOpset(model)), index_(model.graph), types_(InferElementTypes(model.graph)) {}

  // The value that the node hands on; absent when it does something.
  std::optional<std::string> SourceOf(const Node& node) const {
    if (node.inputs.empty() || node.inputs[0].empty() || node.outputs.empty()) return std::nullopt;
    for (std::size_t i = 1; i < node.outputs.size(); ++i) {
      if (IsRead(node.outputs[i])) return std::nullopt;
    }
    if (index_.IsGraphOutput(node.outputs[0])) return std::nullopt;
    if (node.Is("Identity") || IsIdleDropout(node) || IsIdleCast(node)) return node.inputs[0];
    if (node.Is("Transpose")) return UndoneBy(node);
    return std::nullopt;
  }

 private:
  bool IsRead(const std::string& value) const {
    return !value.empty() && (index_.IsGraphOutput(value) || !index_.Consumers(value).empty());
  }

  // Before version 7 an attribute says whether it trains, from 12 on a constant that is absent or
  // false   [ONNX Dropout].
  bool IsIdleDropout(const Node& node) const {
    if (!node.Is("Dropout")) return false;
    if (opset_ < 7) return node.IntAttribute("is_test", 0) != 0;
    if (node.inputs.size() < 3 || node.inputs[2].empty()) return true;
    const Initializer* training = index_.FindInitializer(node.inputs[2]);
    if (training == nullptr || training->type != DataType::kBool) return false;
    const auto payload = PayloadOf(*training);
    return payload.ok() && payload.value().size() == 1 && payload.value().view[0] == std::byte{0};
  }

  bool IsIdleCast(const Node& node) const {
    if (!node.Is("Cast")) return false;
    const auto type = types_.find(node.inputs[0]);
    return type != types_.end() &&
           static_cast<std::int64_t>(type->second) == node.IntAttribute("to", 0);
  }

  // The order of a Transpose of `rank` axes; without an attribute it reverses them.
  static Shape OrderOf(const Node& transpose, std::size_t rank) {
    if (const Attribute* perm = transpose.FindAttribute("perm")) return perm->ints;
    Shape order;
    for (std::size_t i = rank; i-- > 0;) order.push_back(static_cast<std::int64_t>(i));
    return order;
  }

  // What goes into the Transpose before, when the two together change nothing.
  std::optional<std::string> UndoneBy(const Node& node) const {
    const Node* before = index_.Producer(node.inputs[0]);
    if (before == nullptr || !before->Is("Transpose") || before->inputs.empty()) {
      return std::nullopt;
    }
    const Attribute* first_perm = before->FindAttribute("perm");
    const Attribute* second_perm = node.FindAttribute("perm");
    if (first_perm == nullptr && second_perm == nullptr) return before->inputs[0];
    const std::size_t rank = (first_perm != nullptr ? first_perm : second_perm)->ints.size();
    const Shape first = OrderOf(*before, rank);
    const Shape second = OrderOf(node, rank);
    if (first.size() != rank || second.size() != rank) return std::nullopt;
    for (std::size_t i = 0; i < rank; ++i) {
      const std::int64_t axis = second[i];
      const bool kept = axis >= 0 && axis < static_cast<std::int64_t>(rank) &&
                        first[static_cast<std::size_t>(axis)] == static_cast<std::int64_t>(i);
      if (!kept) return std::nullopt;
    }
    return before->inputs[0];
  }

  std::int64_t opset_;
  const GraphIndex index_;
  const ElementTypes types_;
};

}  // namespace

void RemoveIdle(Model* model, std::vector<std::string>* notes) {
  Graph& graph = model->graph;
  std::map<std::string, std::string, std::less<>> renames;
  std::vector<bool> gone(graph.nodes.size(), false);
  {
    const IdleNodes idle(*model);
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      const auto source = idle.SourceOf(graph.nodes[i]);
      if (!source) continue;
      const auto before = renames.find(*source);
      renames.emplace(graph.nodes[i].outputs[0],
                      before == renames.end() ? *source : before->second);
      gone[i] = true;
    }
  }
  if (renames.empty()) return;
  RenameReads(renames, &graph);
  RemoveNodes(gone, &graph);
  RemoveUnread({}, &graph);
  notes->push_back(
      Format("{} Identity, idle Dropout, Cast or pairs of Transpose removed", renames.size()));
}

}  // namespace quantbench
