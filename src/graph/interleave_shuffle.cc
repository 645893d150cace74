// Channel shuffle as interleaving.
#include "graph/interleave_shuffle.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <unordered_set>

#include "quantbench/base/format.h"
#include "quantbench/graph.h"

#include "graph/shape_values.h"

namespace quantbench {
namespace {

// All dimensions behind the first, when they are positive constants and there are `count`.
std::optional<Shape> Inner(const ShapeValues& shapes, std::string_view value, std::size_t count) {
  const auto& shape = shapes.Of(value).shape;
  if (!shape || shape->size() != count + 1) return std::nullopt;
  Shape inner;
  for (std::size_t i = 1; i < shape->size(); ++i) {
    const std::optional<std::int64_t> size = (*shape)[i].constant();
    if (!size || *size < 1 || *size > Algebra::kLargestSize) return std::nullopt;
    inner.push_back(*size);
  }
  return inner;
}

// Concat, split, Transpose, joined: indices into the graph's nodes.
struct Shuffle {
  std::int64_t concat = -1;
  std::int64_t split = -1;
  std::int64_t transpose = -1;
  std::int64_t join = -1;
  Shape part;                 // K, H, W
  bool keeps_concat = false;  // others read it
};

class Interleaving {
 public:
  explicit Interleaving(const Model& model)
      : graph_(model.graph), index_(graph_), shapes_(graph_, OnnxOpset(model)) {}

  std::vector<Shuffle> Find() const {
    std::vector<Shuffle> found;
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (const auto shuffle = At(static_cast<std::int64_t>(i))) found.push_back(*shuffle);
    }
    return found;
  }

 private:
  const Node& NodeAt(std::int64_t place) const {
    return graph_.nodes[static_cast<std::size_t>(place)];
  }

  // The one node that reads the value; -1 when others see it.
  std::int64_t OnlyReader(std::string_view value) const {
    const auto readers = index_.Consumers(value);
    return readers.size() == 1 && !index_.IsGraphOutput(value) ? readers[0] : -1;
  }

  bool IsReshape(std::int64_t place) const {
    return place >= 0 && NodeAt(place).Is("Reshape") && NodeAt(place).inputs.size() == 2 &&
           NodeAt(place).outputs.size() == 1;
  }

  std::optional<Shuffle> At(std::int64_t place) const {
    const Node& node = NodeAt(place);
    const Attribute* order = node.FindAttribute("perm");
    if (!node.Is("Transpose") || node.inputs.size() != 1 || node.outputs.size() != 1 ||
        order == nullptr || order->ints != Shape{0, 2, 1, 3, 4}) {
      return std::nullopt;
    }
    Shuffle shuffle;
    shuffle.transpose = place;
    shuffle.split = index_.ProducerIndex(node.inputs[0]);
    shuffle.join = OnlyReader(node.outputs[0]);
    if (!IsReshape(shuffle.split) || !IsReshape(shuffle.join) ||
        OnlyReader(node.inputs[0]) != place || NodeAt(shuffle.join).inputs[0] != node.outputs[0]) {
      return std::nullopt;
    }
    const std::string& whole = NodeAt(shuffle.split).inputs[0];
    shuffle.concat = index_.ProducerIndex(whole);
    if (shuffle.concat < 0) return std::nullopt;
    shuffle.keeps_concat = OnlyReader(whole) < 0;
    return FitsShapes(&shuffle) ? std::optional(shuffle) : std::nullopt;
  }

  // Whether the parts are the groups; sets `part`.
  bool FitsShapes(Shuffle* shuffle) const {
    const Node& concat = NodeAt(shuffle->concat);
    const std::int64_t axis = concat.IntAttribute("axis", 0);
    const auto whole = Inner(shapes_, concat.outputs[0], 3);
    const auto split = Inner(shapes_, NodeAt(shuffle->split).outputs[0], 4);
    if (!concat.Is("Concat") || (axis != 1 && axis != -3) || !whole || !split) return false;
    const auto groups = static_cast<std::int64_t>(concat.inputs.size());
    const Shape part(split->begin() + 1, split->end());
    const Shape all = {groups * part[0], part[1], part[2]};
    if ((*split)[0] != groups || groups < 2 || *whole != all) return false;
    if (Inner(shapes_, NodeAt(shuffle->join).outputs[0], 3) != all) return false;
    shuffle->part = part;
    return std::all_of(concat.inputs.begin(), concat.inputs.end(),
                       [&](const std::string& input) { return Inner(shapes_, input, 3) == part; });
  }

  const Graph& graph_;
  GraphIndex index_;
  ShapeValues shapes_;
};

// The nodes instead of the shuffle, and their targets.
std::vector<Node> Interleaved(const Graph& graph, const Shuffle& shuffle, NameSource* names,
                              std::vector<Initializer>* made) {
  const auto at = [&](std::int64_t place) -> const Node& {
    return graph.nodes[static_cast<std::size_t>(place)];
  };
  const auto target = [&](const Shape& dims) {
    made->push_back(Initializer::Of(names->Fresh("interleaved_shape"),
                                    Tensor::Of(DataType::kInt64, {4}, dims)));
    return made->back().name;
  };
  const Node& concat = at(shuffle.concat);
  const Node& join = at(shuffle.join);
  const auto groups = static_cast<std::int64_t>(concat.inputs.size());
  const Shape& part = shuffle.part;
  const std::string columns = target({0, part[0], 1, part[1] * part[2]});
  const std::string whole = target({0, groups * part[0], part[1], part[2]});
  std::vector<Node> nodes;
  std::vector<std::string> parts;
  for (const std::string& input : concat.inputs) {
    parts.push_back(names->Fresh(input + "_column"));
    nodes.push_back(
        MakeNode("Reshape", names->Fresh(parts.back()), {input, columns}, {parts.back()}));
  }
  const std::string side_by_side = names->Fresh(join.outputs[0] + "_columns");
  nodes.push_back(MakeNode("Concat", at(shuffle.transpose).name, parts, {side_by_side},
                           {Attribute::Int("axis", 2)}));
  nodes.push_back(MakeNode("Reshape", join.name, {side_by_side, whole}, join.outputs));
  return nodes;
}

}  // namespace

std::int64_t InterleaveShuffles(Model* model) {
  Graph& graph = model->graph;
  const std::vector<Shuffle> shuffles = Interleaving(*model).Find();
  if (shuffles.empty()) return 0;
  NameSource names(graph);
  std::vector<Initializer> made;
  std::map<std::int64_t, std::vector<Node>> instead;  // by the place of the last node
  std::set<std::int64_t> gone;
  std::unordered_set<std::string> replaced;
  for (const Shuffle& shuffle : shuffles) {
    instead.emplace(shuffle.join, Interleaved(graph, shuffle, &names, &made));
    gone.insert({shuffle.split, shuffle.transpose, shuffle.join});
    if (!shuffle.keeps_concat) gone.insert(shuffle.concat);
    for (const std::int64_t place : {shuffle.split, shuffle.join}) {
      replaced.insert(graph.nodes[static_cast<std::size_t>(place)].inputs[1]);
    }
  }
  std::vector<Node> nodes;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const auto place = static_cast<std::int64_t>(i);
    if (const auto found = instead.find(place); found != instead.end()) {
      std::move(found->second.begin(), found->second.end(), std::back_inserter(nodes));
    }
    if (!gone.contains(place)) nodes.push_back(std::move(graph.nodes[i]));
  }
  graph.nodes = std::move(nodes);
  std::move(made.begin(), made.end(), std::back_inserter(graph.initializers));
  RemoveUnread(replaced, &graph);
  return static_cast<std::int64_t>(shuffles.size());
}

}  // namespace quantbench
