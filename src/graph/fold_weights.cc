// Folding weights: first which nodes fold, then their results in the order of the nodes, so that
// chains fold too.
#include "graph/fold_weights.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "quantbench/base/format.h"
#include "quantbench/graph.h"

#include "graph/remove_nodes.h"
#include "graph/weight_operators.h"

namespace quantbench {
namespace {

constexpr std::int64_t kLarge = 4096;  // elements

using NodeIndex = std::size_t;

std::int64_t ElementsIn(const Shape& dims) {
  const auto count = ElementCount(dims);
  return count.ok() ? count.value() : 0;
}

// A node that makes its outputs of constants alone.
struct Foldable {
  NodeIndex first = 0;               // the first node that makes the same of the same
  std::vector<std::string> sources;  // as the first nodes of their kind name them
  MovedWeights moved;
  std::int64_t elements = 0;  // of all outputs
};

class Folder {
 public:
  explicit Folder(Model* model)
      : graph_(model->graph), index_(model->graph), operators_(model->graph, OnnxOpset(*model)) {}

  Status Run(std::vector<std::string>* notes) {
    for (NodeIndex i = 0; i < graph_.nodes.size(); ++i) Describe(i);
    RefuseGrowth();
    if (!shared_.empty()) {
      notes->push_back(
          Format("{} weights read in more than one form left as they are", shared_.size()));
    }
    if (foldable_.empty()) return Ok();
    for (const auto& [i, node] : foldable_) QB_OK(Fold(i, node));
    Apply();
    notes->push_back(
        Format("{} Cast, Transpose, Reshape or such of weights computed ahead", foldable_.size()));
    return Ok();
  }

 private:
  // --- what could fold ---

  void Describe(NodeIndex i) {
    const Node& node = graph_.nodes[i];
    const auto inputs = WeightOperators::SourcesOf(node);
    const auto stays = [&](const std::string& output) {
      return output.empty() || index_.IsGraphOutput(output);
    };
    if (inputs.empty() || std::any_of(node.outputs.begin(), node.outputs.end(), stays)) return;
    Foldable foldable;
    std::vector<Promise> sources;
    for (const std::string& input : inputs) {
      std::optional<Promise> source = DescriptionOf(NameOf(input));
      if (!source) return;
      foldable.sources.push_back(source->name);
      sources.push_back(std::move(*source));
    }
    auto moved = operators_.Of(node, sources);
    if (!moved) return;
    foldable.moved = std::move(*moved);
    for (const Promise& result : foldable.moved.results) {
      foldable.elements += ElementsIn(result.dims);
    }
    foldable.first = first_.try_emplace({foldable.moved.Form(), foldable.sources}, i).first->second;
    for (std::size_t k = 0; k < node.outputs.size(); ++k) {
      const std::string& name = graph_.nodes[foldable.first].outputs[k];
      if (foldable.first == i) made_of_.emplace(name, foldable.moved.results[k]);
      same_as_.emplace(node.outputs[k], name);
      names_of_[name].push_back(node.outputs[k]);
    }
    foldable_.emplace(i, std::move(foldable));
  }

  // The name under which the first node makes what others make too.
  const std::string& NameOf(const std::string& value) const {
    const auto same = same_as_.find(value);
    return same == same_as_.end() ? value : same->second;
  }

  std::optional<Promise> DescriptionOf(const std::string& name) const {
    if (const auto made = made_of_.find(name); made != made_of_.end()) return made->second;
    const Initializer* tensor = index_.FindInitializer(name);
    if (tensor == nullptr || !ElementCount(tensor->dims).ok()) return std::nullopt;
    return Promise{name, tensor->type, tensor->dims};
  }

  // --- what must not ---

  // Large weights that would be stored more than once are left, with all that is made of them.
  void RefuseGrowth() {
    for (const auto& [i, foldable] : foldable_) {
      pending_.insert(foldable.sources.begin(), foldable.sources.end());
    }
    while (!pending_.empty()) {
      const std::string name = std::move(pending_.extract(pending_.begin()).value());
      if (refused_.contains(name) || IsUsedUp(name)) continue;
      refused_.insert(name);
      const std::int64_t elements = ElementsOf(name);
      std::vector<NodeIndex> readers;
      for (const NodeIndex reader : ReadersOf(name)) {
        const auto found = foldable_.find(reader);
        if (found == foldable_.end()) continue;
        if (std::max(elements, found->second.elements) >= kLarge) readers.push_back(reader);
      }
      if (elements >= kLarge && !readers.empty()) shared_.insert(name);
      Refuse(std::move(readers));
    }
  }

  // Whether all that reads a constant folds, and stores no more numbers than it has.
  bool IsUsedUp(const std::string& name) const {
    std::unordered_set<NodeIndex> counted;
    std::int64_t stored = 0;
    for (const NodeIndex reader : ReadersOf(name)) {
      const auto found = foldable_.find(reader);
      if (found == foldable_.end()) return false;
      const Foldable& foldable = found->second;
      const auto reads = std::count(foldable.sources.begin(), foldable.sources.end(), name);
      if (reads == 0) return false;
      if (!counted.insert(foldable.first).second) continue;
      const bool joins = foldable.moved.kind == MovedWeights::Kind::kJoin;
      stored += joins ? reads * ElementsOf(name) : foldable.elements;
    }
    return stored <= ElementsOf(name) && !index_.IsGraphOutput(name);
  }

  // With them goes what is made of their results; their other sources have to be looked at again.
  void Refuse(std::vector<NodeIndex> nodes) {
    while (!nodes.empty()) {
      const NodeIndex i = nodes.back();
      nodes.pop_back();
      const auto refused = foldable_.extract(i);
      if (refused.empty()) continue;
      const std::vector<std::string>& sources = refused.mapped().sources;
      pending_.insert(sources.begin(), sources.end());
      for (const std::string& output : graph_.nodes[i].outputs) {
        const auto readers = ReadersOf(NameOf(output));
        nodes.insert(nodes.end(), readers.begin(), readers.end());
      }
    }
  }

  std::int64_t ElementsOf(const std::string& name) const {
    const auto source = DescriptionOf(name);
    return source ? ElementsIn(source->dims) : 0;
  }

  // Of a constant under all its names.
  std::vector<NodeIndex> ReadersOf(const std::string& name) const {
    std::vector<NodeIndex> readers;
    const auto add = [&](const std::string& value) {
      for (const std::int64_t reader : index_.Consumers(value)) {
        readers.push_back(static_cast<NodeIndex>(reader));
      }
    };
    const auto names = names_of_.find(name);
    if (names == names_of_.end()) {
      add(name);
    } else {
      std::for_each(names->second.begin(), names->second.end(), add);
    }
    return readers;
  }

  // --- folding ---

  Status Fold(NodeIndex i, const Foldable& foldable) {
    const Node& node = graph_.nodes[i];
    sources_.insert(node.inputs.begin(), node.inputs.end());
    if (foldable.first != i) {
      for (const std::string& output : node.outputs) renames_.emplace(output, NameOf(output));
      return Ok();
    }
    std::vector<Initializer> sources;
    for (const std::string& name : foldable.sources) {
      const auto made = made_.find(name);
      sources.push_back(made == made_.end() ? *index_.FindInitializer(name) : made->second);
    }
    QB_TRY(std::vector<Initializer> results, MoveWeights(foldable.moved, sources));
    for (Initializer& result : results) {
      order_.push_back(result.name);
      made_.emplace(result.name, std::move(result));
    }
    return Ok();
  }

  // Whether some node that stays reads it.
  bool IsStillRead(const std::string& name) const {
    const auto readers = ReadersOf(name);
    return std::any_of(readers.begin(), readers.end(),
                       [&](NodeIndex reader) { return !foldable_.contains(reader); });
  }

  void Apply() {
    std::erase_if(order_, [&](const std::string& name) { return !IsStillRead(name); });
    std::vector<bool> gone(graph_.nodes.size(), false);
    for (const auto& [i, foldable] : foldable_) gone[i] = true;
    RemoveNodes(gone, &graph_);
    for (const std::string& name : order_) graph_.initializers.push_back(made_.at(name));
    RenameReads(renames_, &graph_);
    RemoveUnread(sources_, &graph_);
  }

  Graph& graph_;
  const GraphIndex index_;
  WeightOperators operators_;
  std::map<NodeIndex, Foldable> foldable_;  // in the order of the nodes
  std::map<std::pair<std::string, std::vector<std::string>>, NodeIndex> first_;  // by form, sources
  std::unordered_map<std::string, Promise> made_of_;  // what first nodes make
  std::unordered_map<std::string, std::string> same_as_;
  std::unordered_map<std::string, std::vector<std::string>> names_of_;
  std::set<std::string> pending_;  // sources to look at
  std::unordered_set<std::string> refused_;
  std::unordered_set<std::string> shared_;  // large ones among them
  std::unordered_map<std::string, Initializer> made_;
  std::vector<std::string> order_;
  std::map<std::string, std::string, std::less<>> renames_;
  std::unordered_set<std::string> sources_;
};

}  // namespace

Status FoldWeights(Model* model, std::vector<std::string>* notes) {
  return Folder(model).Run(notes);
}

}  // namespace quantbench
