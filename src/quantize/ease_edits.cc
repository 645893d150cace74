// Edits of the rewriting steps.
#include "quantize/ease_edits.h"

#include <algorithm>
#include <cmath>

namespace quantbench {
namespace {

// How numbers of one channel lie: `inner` together, every `channels * inner`.
std::int64_t InnerOf(const Shape& dims, std::int64_t axis) {
  std::int64_t inner = 1;
  for (std::size_t i = static_cast<std::size_t>(axis) + 1; i < dims.size(); ++i) inner *= dims[i];
  return inner;
}

}  // namespace

EasedGraph::EasedGraph(Model* model) : model_(model), index_(model->graph) {}

const Initializer& EasedGraph::Of(const std::string& initializer) const {
  const Initializer* found = index_.FindInitializer(initializer);
  QB_CHECK(found != nullptr, "an initializer of the graph");
  return *found;
}

bool EasedGraph::IsOwned(const std::string& initializer) const {
  const Initializer* found = index_.FindInitializer(initializer);
  return found != nullptr && found->type == DataType::kFloat32 &&
         index_.Consumers(initializer).size() == 1 && !index_.IsGraphOutput(initializer);
}

Result<std::vector<float>> EasedGraph::Read(const std::string& initializer) const {
  if (const auto found = changed_.find(initializer); found != changed_.end()) return found->second;
  QB_TRY(const FloatValues values, FloatValues::Of(Of(initializer)));
  return values.All();
}

Status EasedGraph::Multiply(const std::string& initializer, std::int64_t axis,
                            std::span<const double> factors) {
  QB_TRY(std::vector<float> values, Read(initializer));
  const auto inner = static_cast<std::size_t>(InnerOf(Of(initializer).dims, axis));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(values[i] * factors[i / inner % factors.size()]);
  }
  changed_[initializer] = std::move(values);
  return Ok();
}

Result<std::vector<double>> EasedGraph::Maxima(const std::string& initializer,
                                               std::int64_t axis) const {
  QB_TRY(const std::vector<float> values, Read(initializer));
  const Shape& dims = Of(initializer).dims;
  const auto inner = static_cast<std::size_t>(InnerOf(dims, axis));
  std::vector<double> maxima(static_cast<std::size_t>(dims[static_cast<std::size_t>(axis)]));
  for (std::size_t i = 0; i < values.size(); ++i) {
    double& largest = maxima[i / inner % maxima.size()];
    largest = std::max(largest, std::abs(double{values[i]}));
  }
  return maxima;
}

void EasedGraph::Divide(const std::string& value, std::span<const double> factors) {
  std::vector<float> inverse;
  for (const double factor : factors) inverse.push_back(static_cast<float>(1 / factor));
  divided_.emplace_back(value, std::move(inverse));
}

void EasedGraph::Finish() {
  Graph& graph = model_->graph;
  for (Initializer& initializer : graph.initializers) {
    const auto found = changed_.find(initializer.name);
    if (found == changed_.end()) continue;
    initializer =
        Initializer::Of(initializer.name, Tensor::OfFloats(initializer.dims, found->second));
  }
  NameSource names(graph);
  for (const auto& [value, inverse] : divided_) {
    const std::string smooth = names.Fresh(value + "_smooth");
    const std::string factors = names.Fresh(value + "_smoothing");
    std::size_t first = graph.nodes.size();
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      for (std::string& input : graph.nodes[i].inputs) {
        if (input != value) continue;
        input = smooth;
        first = std::min(first, i);
      }
    }
    graph.nodes.insert(graph.nodes.begin() + static_cast<std::ptrdiff_t>(first),
                       MakeNode("Mul", smooth, {value, factors}, {smooth}));
    graph.initializers.push_back(Initializer::Of(
        factors, Tensor::OfFloats({static_cast<std::int64_t>(inverse.size())}, inverse)));
  }
}

std::int64_t OutputAxis(const Node& node, const WeightedLayer& layer) {
  if (node.Is("Conv")) return 0;
  return layer.channels == Channels::kRows ? 0 : 1;
}

std::int64_t InputAxis(const Node& node, const WeightedLayer& layer) {
  return 1 - OutputAxis(node, layer);
}

}  // namespace quantbench
