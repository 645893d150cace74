// Another batch for a model that fixes it.
#include <algorithm>
#include <cstring>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "quantbench/graph.h"

namespace quantbench {
namespace {

// The input of an operator that says what shape its output has, its batch first; -1: none.
std::int64_t TargetInput(const Node& node) {
  if (node.Is("Reshape") || node.Is("Expand")) return 1;
  return node.Is("Resize") ? 3 : -1;
}

class BatchChange {
 public:
  BatchChange(Model* model, std::int64_t old, std::int64_t batch)
      : graph_(model->graph), names_(model->graph), old_(old), batch_(batch) {
    for (const Initializer& initializer : graph_.initializers) {
      constants_.emplace(initializer.name, &initializer);
    }
    for (const ValueInfo& input : graph_.inputs) {
      if (!constants_.contains(input.name)) computed_.insert(input.name);
    }
    for (const Node& node : graph_.nodes) {
      const Attribute* value = node.Is("Constant") ? node.FindAttribute("value") : nullptr;
      if (value == nullptr || value->tensors.size() != 1 || node.outputs.empty()) continue;
      constants_.emplace(node.outputs.front(), &value->tensors.front());
    }
  }

  void Run() {
    for (Node& node : graph_.nodes) {
      const bool flows =
          std::any_of(node.inputs.begin(), node.inputs.end(),
                      [&](const std::string& input) { return computed_.contains(input); });
      if (!flows) continue;
      computed_.insert(node.outputs.begin(), node.outputs.end());
      ChangeTarget(&node);
    }
    // Only now: constants_ points into the graph.
    for (Initializer& target : targets_) graph_.initializers.push_back(std::move(target));
    for (ValueInfo& input : graph_.inputs) {
      if (computed_.contains(input.name)) ChangePort(&input);
    }
    for (ValueInfo& output : graph_.outputs) ChangePort(&output);
    graph_.value_infos.clear();
  }

 private:
  void ChangePort(ValueInfo* port) const {
    if (port->dims.empty() || port->dims.front().value != old_) return;
    port->dims.front() = {batch_, ""};
  }

  void ChangeTarget(Node* node) {
    const std::int64_t input = TargetInput(*node);
    if (input < 0 || std::ssize(node->inputs) <= input) return;
    if (!computed_.contains(node->inputs.front())) return;
    std::string& target = node->inputs[static_cast<std::size_t>(input)];
    const auto found = constants_.find(target);
    if (found == constants_.end() || found->second->type != DataType::kInt64) return;
    auto read = ReadTensor(*found->second);
    if (!read.ok() || read.value().bytes.size() < sizeof(std::int64_t)) return;
    Tensor changed = std::move(read).value();
    std::int64_t first = 0;
    std::memcpy(&first, changed.bytes.data(), sizeof(first));
    if (first != old_) return;
    std::memcpy(changed.bytes.data(), &batch_, sizeof(batch_));
    target = names_.Fresh(target + "_batch");
    targets_.push_back(Initializer::Of(target, std::move(changed)));
  }

  Graph& graph_;
  NameSource names_;
  std::int64_t old_;
  std::int64_t batch_;
  std::unordered_map<std::string, const Initializer*> constants_;
  std::unordered_set<std::string> computed_;  // values that depend on an input
  std::vector<Initializer> targets_;
};

}  // namespace

Model WithBatch(const Model& model, std::int64_t old, std::int64_t batch) {
  Model changed = model;
  BatchChange(&changed, old, batch).Run();
  return changed;
}

}  // namespace quantbench
