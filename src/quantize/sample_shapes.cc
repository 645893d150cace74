// Shapes of one sample, followed through the graph.
#include "quantize/sample_shapes.h"

#include <algorithm>
#include <functional>
#include <set>

namespace quantbench {
namespace {

GivenInputs OneSample(const Graph& graph) {
  std::set<std::string_view> constants;
  for (const Initializer& initializer : graph.initializers) constants.insert(initializer.name);
  std::set<std::string_view> batches;  // names of free first dimensions
  for (const ValueInfo& input : graph.inputs) {
    if (!input.dims.empty() && !input.dims[0].name.empty()) batches.insert(input.dims[0].name);
  }
  GivenInputs given;
  for (const ValueInfo& input : graph.inputs) {
    if (!input.is_tensor || !input.has_shape || constants.contains(input.name)) continue;
    Shape shape;
    for (const Dimension& dim : input.dims) {
      const bool is_batch = shape.empty() || batches.contains(dim.name);
      shape.push_back(dim.value < 0 && is_batch ? 1 : dim.value);
    }
    const bool is_known =
        std::all_of(shape.begin(), shape.end(), [](auto dim) { return dim >= 0; });
    if (is_known) given[input.name].shape = std::move(shape);
  }
  return given;
}

}  // namespace

double NumbersIn(const Shape& shape) {
  double count = 1;
  for (const std::int64_t dim : shape) count *= static_cast<double>(dim);
  return count;
}

SampleShapes::SampleShapes(const Model& model) {
  const auto add = [&](const std::vector<std::string>& names,
                       const std::vector<ValueFacts>& values) {
    for (std::size_t i = 0; i < names.size() && i < values.size(); ++i) {
      if (!names[i].empty() && values[i].shape) shapes_.emplace(names[i], *values[i].shape);
    }
  };
  const std::vector<Node>& nodes = model.graph.nodes;
  const std::less<> before;
  for (const RunNode& run : FollowRun(model, OneSample(model.graph))) {
    const bool is_outer =
        !before(run.node, nodes.data()) && before(run.node, nodes.data() + nodes.size());
    if (!is_outer) continue;
    add(run.node->inputs, run.inputs);
    add(run.node->outputs, run.outputs);
  }
}

const Shape* SampleShapes::Of(std::string_view tensor) const {
  const auto found = shapes_.find(std::string(tensor));
  if (found == shapes_.end()) return nullptr;
  const Shape& shape = found->second;
  const bool is_sound = std::all_of(shape.begin(), shape.end(), [](auto dim) { return dim > 0; });
  return is_sound ? &shape : nullptr;
}

std::optional<double> SampleShapes::ElementsOf(std::string_view tensor) const {
  const Shape* shape = Of(tensor);
  if (shape == nullptr) return std::nullopt;
  return NumbersIn(*shape);
}

}  // namespace quantbench
