// Preparing bodies: names, weight operators, and the passes that look at one graph at a time.
#include "graph/bodies.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "quantbench/base/format.h"
#include "quantbench/graph.h"

#include "graph/fold_weights.h"
#include "graph/remove_idle.h"
#include "graph/remove_nodes.h"

namespace quantbench {
namespace {

bool PutsOut(const Graph& graph, std::string_view value) {
  return std::any_of(graph.outputs.begin(), graph.outputs.end(),
                     [&](const ValueInfo& output) { return output.name == value; });
}

bool TakesIn(const Graph& graph, std::string_view value) {
  return std::any_of(graph.inputs.begin(), graph.inputs.end(),
                     [&](const ValueInfo& input) { return input.name == value; });
}

bool IsOfFloats(DataType type) {
  return type == DataType::kFloat32 || type == DataType::kFloat16 || type == DataType::kBfloat16 ||
         type == DataType::kFloat64;
}

bool MovesNumbers(const Node& node) {
  return node.Is("Identity") || node.Is("Transpose") || node.Is("Reshape") || node.Is("Flatten") ||
         node.Is("Squeeze") || node.Is("Unsqueeze") || node.Is("Slice") || node.Is("Split") ||
         node.Is("Concat");
}

bool CastsToFloat(const Node& node) {
  return node.Is("Cast") &&
         node.IntAttribute("to", 0) == static_cast<std::int64_t>(DataType::kFloat32);
}

// Moves weight operators out of the bodies of one model.
class Hoister {
 public:
  explicit Hoister(Graph* graph) : names_(*graph) {
    ForEachGraph(*graph, [&](const Graph& each) {
      for (const Node& node : each.nodes) {
        for (const std::string& output : node.outputs) ++definitions_[output];
      }
    });
    Visit(graph);
  }
  [[nodiscard]] std::int64_t count() const { return count_; }

 private:
  // A constant that is seen where the walk stands.
  struct Seen {
    std::size_t depth = 0;  // of its graph in open_
    bool is_float = false;
    bool can_move = false;  // an initializer that its graph does not put out
  };
  struct Open {
    Graph* graph = nullptr;
    std::vector<Node> hoisted;
    std::vector<std::string> names;  // of the constants that it defines
  };

  void See(std::string name, Seen seen) {
    open_[seen.depth].names.push_back(name);
    seen_.insert_or_assign(std::move(name), seen);
  }

  void Visit(Graph* graph) {
    const std::size_t depth = open_.size();
    open_.push_back({graph, {}, {}});
    for (const Initializer& tensor : graph->initializers) {
      if (TakesIn(*graph, tensor.name)) continue;
      See(tensor.name, {depth, IsOfFloats(tensor.type), !PutsOut(*graph, tensor.name)});
    }
    std::vector<bool> gone(graph->nodes.size(), false);
    for (std::size_t i = 0; i < graph->nodes.size(); ++i) {
      Node& node = graph->nodes[i];
      gone[i] = depth > 0 && Hoist(&node);
      for (Attribute& attribute : node.attributes) {
        for (Graph& body : attribute.graphs) Visit(&body);
      }
    }
    RemoveNodes(gone, graph);
    Open& open = open_.back();
    graph->nodes.insert(graph->nodes.begin(), std::make_move_iterator(open.hoisted.begin()),
                        std::make_move_iterator(open.hoisted.end()));
    for (const std::string& name : open.names) seen_.erase(name);
    open_.pop_back();
  }

  const Seen* Find(const std::string& name) const {
    const auto found = seen_.find(name);
    return found == seen_.end() ? nullptr : &found->second;
  }

  // False: it stays. What it reads beside the weight moves with it.
  bool Hoist(Node* node) {
    if (!MovesNumbers(*node) && !CastsToFloat(*node)) return false;
    if (node->inputs.empty() || node->outputs.empty()) return false;
    const Seen* weight = Find(node->inputs[0]);
    const std::size_t here = open_.size() - 1;
    const auto is_put_out = [&](const std::string& output) {
      return output.empty() || PutsOut(*open_[here].graph, output);
    };
    if (weight == nullptr || weight->depth == here ||
        std::any_of(node->outputs.begin(), node->outputs.end(), is_put_out)) {
      return false;
    }
    if (!weight->is_float && !CastsToFloat(*node)) return false;
    const std::size_t depth = weight->depth;
    for (std::size_t i = 1; i < node->inputs.size(); ++i) {
      const Seen* other = Find(node->inputs[i]);
      if (other == nullptr || (other->depth > depth && !other->can_move)) return false;
    }
    for (std::size_t i = 1; i < node->inputs.size(); ++i) MoveInitializer(node->inputs[i], depth);
    GiveOwnNames(node);
    for (const std::string& output : node->outputs) See(output, {depth, true, false});
    open_[depth].hoisted.push_back(std::move(*node));
    ++count_;
    return true;
  }

  // Graphs that do not see each other may use a name twice. One around them may not have it too.
  void GiveOwnNames(Node* node) {
    std::map<std::string, std::string, std::less<>> renames;
    for (std::string& output : node->outputs) {
      if (definitions_[output] < 2) continue;
      const std::string& fresh = renames.emplace(output, names_.Fresh(output)).first->second;
      output = fresh;
    }
    if (!renames.empty()) RenameReads(renames, open_.back().graph);
  }

  void MoveInitializer(const std::string& name, std::size_t depth) {
    Seen& seen = seen_.at(name);
    if (seen.depth <= depth) return;
    std::vector<Initializer>& from = open_[seen.depth].graph->initializers;
    const auto tensor = std::find_if(from.begin(), from.end(), [&](const Initializer& candidate) {
      return candidate.name == name;
    });
    if (tensor == from.end()) return;
    std::erase(open_[seen.depth].names, name);
    open_[depth].names.push_back(name);
    seen.depth = depth;
    Initializer moved = std::move(*tensor);
    from.erase(tensor);
    open_[depth].graph->initializers.push_back(std::move(moved));
  }

  std::vector<Open> open_;  // the graph that is walked through, after those around it
  std::unordered_map<std::string, Seen> seen_;
  NameSource names_;
  std::unordered_map<std::string, std::int64_t> definitions_;  // of outputs of nodes, in all graphs
  std::int64_t count_ = 0;
};

}  // namespace

void SeparateNames(Model* model, std::vector<std::string>* notes) {
  NameSource names(model->graph);
  std::unordered_set<std::string> taken;
  std::int64_t renamed = 0;
  ForEachGraph(&model->graph, [&](Graph* graph) {
    std::map<std::string, std::string, std::less<>> renames;
    for (Initializer& tensor : graph->initializers) {
      if (taken.insert(tensor.name).second) continue;
      if (PutsOut(*graph, tensor.name) || TakesIn(*graph, tensor.name)) continue;
      const std::string fresh = names.Fresh(tensor.name);
      renames.emplace(tensor.name, fresh);
      taken.insert(fresh);
      tensor.name = fresh;
    }
    RenameReads(renames, graph);
    renamed += static_cast<std::int64_t>(renames.size());
  });
  if (renamed == 0) return;
  notes->push_back(Format("{} initializers of bodies renamed: others had their names", renamed));
}

void HoistWeightOperators(Model* model, std::vector<std::string>* notes) {
  const auto has_bodies = [](const Node& node) {
    return std::any_of(node.attributes.begin(), node.attributes.end(),
                       [](const Attribute& attribute) { return !attribute.graphs.empty(); });
  };
  const std::vector<Node>& nodes = model->graph.nodes;
  if (std::none_of(nodes.begin(), nodes.end(), has_bodies)) return;
  const Hoister hoister(&model->graph);
  if (hoister.count() == 0) return;
  notes->push_back(Format("{} Cast, Transpose, Reshape or such of weights moved out of bodies",
                          hoister.count()));
}

Status SimplifyBodies(Model* model, std::vector<std::string>* notes) {
  std::int64_t simplified = 0;
  Status status = Ok();
  Graph* outer = &model->graph;
  ForEachGraph(outer, [&](Graph* graph) {
    const auto is_given = [&](const Initializer& tensor) { return TakesIn(*graph, tensor.name); };
    const auto& own = graph->initializers;
    if (graph == outer || !status.ok() || std::any_of(own.begin(), own.end(), is_given)) return;
    Model alone;
    alone.opsets = model->opsets;
    alone.graph = std::move(*graph);
    std::vector<std::string> done;
    RemoveIdle(&alone, &done);
    status = FoldWeights(&alone, &done);
    *graph = std::move(alone.graph);
    if (!done.empty()) ++simplified;
  });
  if (simplified > 0) notes->push_back(Format("{} bodies simplified in the same way", simplified));
  return status;
}

}  // namespace quantbench
