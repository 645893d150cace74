// Simplifying shapes: what symbolic evaluation proves is written into the graph.
#include "graph/simplify_shapes.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "quantbench/base/format.h"
#include "quantbench/graph.h"

#include "graph/shape_values.h"

namespace quantbench {
namespace {

using Exprs = std::vector<Expr>;
using Integers = std::vector<std::int64_t>;

template <typename T>
Tensor Narrowed(DataType type, const Shape& shape, const Integers& values) {
  return Tensor::Of(type, shape, std::vector<T>(values.begin(), values.end()));
}

Tensor TensorOf(DataType type, const Shape& shape, const Integers& values) {
  switch (type) {
    case DataType::kInt32: return Narrowed<std::int32_t>(type, shape, values);
    case DataType::kBool: return Narrowed<std::uint8_t>(type, shape, values);
    default: return Narrowed<std::int64_t>(type, shape, values);
  }
}

class Simplifier {
 public:
  explicit Simplifier(Model* model)
      : model_(*model),
        index_(model->graph),
        names_(model->graph),
        values_(model->graph, OnnxOpset(*model)) {}

  void Run(std::vector<std::string>* notes) {
    for (const Initializer& tensor : model_.graph.initializers) {
      const KnownTensor& known = values_.Of(tensor.name);
      if (known.elements) equals_.try_emplace(KeyOf(known), tensor.name);
    }
    for (std::size_t i = 0; i < model_.graph.nodes.size(); ++i) Visit(i);
    Apply();
    const auto note = [&](std::int64_t count, std::string_view what) {
      if (count > 0) notes->push_back(Format("{} {}", count, what));
    };
    note(static_cast<std::int64_t>(targets_.size()), "computed targets of Reshape made constant");
    note(computed_, "computed integer tensors made initializers");
    note(repeated_, "computed integer tensors that repeat another not read any more");
    note(idle_, "Reshape, Expand or Slice that change nothing removed");
  }

 private:
  using Key = std::tuple<DataType, Exprs, Exprs>;
  static Key KeyOf(const KnownTensor& known) { return {known.type, *known.shape, *known.elements}; }

  void Visit(std::size_t i) {
    const Node& node = model_.graph.nodes[i];
    if (node.outputs.size() != 1 || node.outputs[0].empty()) return;
    const std::string& output = node.outputs[0];
    const bool replaceable = !index_.IsGraphOutput(output);
    if (replaceable && (Repeats(output) || IsIdle(node))) return;
    if (node.Is("Reshape")) FixTarget(i);
  }

  // Renames an integer tensor to an equal one, or makes it an initializer.
  bool Repeats(const std::string& output) {
    const KnownTensor& known = values_.Of(output);
    if (!known.elements) return false;
    const auto [first, is_new] = equals_.try_emplace(KeyOf(known), output);
    if (!is_new) {
      ++repeated_;
      return Rename(output, first->second);
    }
    const auto constants = known.ConstantElements();
    if (!constants) return false;
    ++computed_;
    made_.push_back(
        Initializer::Of(output, TensorOf(known.type, *known.ConstantShape(), *constants)));
    return true;
  }

  bool Rename(const std::string& from, const std::string& to) {
    const auto before = renames_.find(to);
    renames_.emplace(from, before == renames_.end() ? to : before->second);
    return true;
  }

  // Whether all steps of a Slice are 1: then one that keeps the shape keeps the order.
  bool StepsAreOne(const Node& slice) const {
    if (slice.inputs.size() < 5 || slice.inputs[4].empty()) return true;
    const auto steps = values_.Of(slice.inputs[4]).ConstantElements();
    return steps && std::all_of(steps->begin(), steps->end(), [](auto step) { return step == 1; });
  }

  bool IsIdle(const Node& node) {
    const bool moves = node.Is("Reshape") || node.Is("Expand") || node.Is("Flatten") ||
                       (node.Is("Slice") && StepsAreOne(node));
    if (!moves || node.inputs.empty()) return false;
    const auto& before = values_.Of(node.inputs[0]).shape;
    const auto& after = values_.Of(node.outputs[0]).shape;
    if (!before || !after || *before != *after) return false;
    ++idle_;
    return Rename(node.outputs[0], node.inputs[0]);
  }

  void FixTarget(std::size_t i) {
    const Node& node = model_.graph.nodes[i];
    if (node.inputs.size() != 2 || index_.FindInitializer(node.inputs[1]) != nullptr) return;
    const auto& before = values_.Of(node.inputs[0]).shape;
    const auto& after = values_.Of(node.outputs[0]).shape;
    const auto& elements = values_.Of(node.inputs[1]).elements;
    if (!before || !after || !elements || elements->size() != after->size()) return;
    if (auto target = ConstantTarget(*before, *after, *elements)) {
      targets_.emplace_back(i, NameOfTarget(*target));
    }
  }

  // What makes `after` of a tensor of shape `before`; absent where that is not proven.
  std::optional<Integers> ConstantTarget(const Exprs& before, const Exprs& after,
                                         const Exprs& elements) {
    Integers target;
    std::optional<std::size_t> rest;
    for (std::size_t i = 0; i < after.size(); ++i) {
      const auto constant = after[i].constant();
      if (constant && *constant > 0) {
        target.push_back(*constant);
      } else if (i < before.size() && after[i] == before[i]) {
        target.push_back(0);
      } else if (!rest) {
        rest = i;
        target.push_back(-1);
      } else {
        return std::nullopt;
      }
    }
    // A -1 that was not there before must not fail where the others could multiply to 0.
    if (!rest || elements[*rest].Is(-1)) return target;
    const bool positive = std::all_of(target.begin(), target.end(), [](auto x) { return x != 0; });
    if (!positive || !values_.algebra().IsAtLeast(elements[*rest], 0)) return std::nullopt;
    return target;
  }

  std::string NameOfTarget(const Integers& target) {
    const auto found = names_of_targets_.find(target);
    if (found != names_of_targets_.end()) return found->second;
    std::string wanted = "target";
    for (const std::int64_t dim : target) {
      wanted += dim < 0 ? std::string("_rest") : Format("_{}", dim);
    }
    std::string name = names_.Fresh(wanted);
    const auto length = static_cast<std::int64_t>(target.size());
    made_.push_back(Initializer::Of(name, Tensor::Of(DataType::kInt64, {length}, target)));
    names_of_targets_.emplace(target, name);
    return name;
  }

  // Only here is the graph edited: the index and the values view it as it was.
  void Apply() {
    Graph& graph = model_.graph;
    for (const auto& [i, target] : targets_) {
      graph.nodes[i].inputs[1] = target;
      std::erase_if(graph.nodes[i].attributes,
                    [](const Attribute& attribute) { return attribute.name == "allowzero"; });
    }
    std::unordered_set<std::string> computed;
    for (const Initializer& tensor : made_) computed.insert(tensor.name);
    std::erase_if(graph.nodes, [&](const Node& node) {
      return node.outputs.size() == 1 && computed.contains(node.outputs[0]);
    });
    for (Initializer& tensor : made_) graph.initializers.push_back(std::move(tensor));
    RenameReads(renames_, &graph);
  }

  Model& model_;
  const GraphIndex index_;
  NameSource names_;
  ShapeValues values_;

  std::vector<std::pair<std::size_t, std::string>> targets_;  // node, name of its new target
  std::map<Integers, std::string> names_of_targets_;
  std::vector<Initializer> made_;
  std::map<Key, std::string> equals_;
  std::map<std::string, std::string, std::less<>> renames_;
  std::int64_t computed_ = 0;
  std::int64_t repeated_ = 0;
  std::int64_t idle_ = 0;
};

}  // namespace

void SimplifyShapes(Model* model, std::vector<std::string>* notes) {
  Simplifier(model).Run(notes);
}

}  // namespace quantbench
