// Applying float16: a weight w becomes Cast(w_float16), under its old name, so that no reader
// changes.
#include <map>

#include "quantbench/base/format.h"

#include "quantize/emitter.h"

namespace quantbench {
namespace {

using Wanted = std::unordered_set<std::string>;

Result<Wanted> WantedWeights(const Model& model, const Plan& plan) {
  Wanted wanted;
  for (const LayerPlan& layer : plan.layers) {
    if (layer.scheme != Scheme::kFloat16) continue;
    wanted.insert(layer.weight);
    wanted.insert(layer.other_weights.begin(), layer.other_weights.end());
  }
  std::unordered_set<std::string_view> known;
  ForEachGraph(model.graph, [&](const Graph& graph) {
    for (const Initializer& tensor : graph.initializers) known.insert(tensor.name);
  });
  for (const std::string& name : wanted) {
    if (known.contains(name)) continue;
    return Error(ErrorCode::kInvalidArgument,
                 Format("the plan's weight \"{}\" is not in the model", Printable(name)));
  }
  return wanted;
}

Result<Tensor> Convert(const Model& model, const Initializer& tensor, int threads) {
  QB_TRY(const auto maxima, ChannelMaxima(model, tensor, Channels::kNone, threads));
  if (maxima[0] > 65504.0F) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("the plan makes initializer \"{}\" float16, but it reaches {}",
                        Printable(tensor.name), maxima[0]));
  }
  return HalfWeights(model, tensor, threads);
}

}  // namespace

Result<Model> ApplyHalf(Model model, const Plan& plan, int threads) {
  const Emitter checks(model, plan, threads);
  QB_TRY(const auto nodes, checks.PlannedNodes());
  QB_TRY(const Wanted wanted, WantedWeights(model, plan));
  NameSource names(model.graph);
  Status status = Ok();
  ForEachGraph(&model.graph, [&](Graph* graph) {
    std::vector<Node> casts;
    for (Initializer& tensor : graph->initializers) {
      if (!status.ok() || !wanted.contains(tensor.name) || tensor.type != DataType::kFloat32)
        continue;
      auto converted = Convert(model, tensor, threads);
      if (!converted.ok()) {
        status = converted.error();
        return;
      }
      const std::string stored = names.Fresh(tensor.name + "_float16");
      casts.push_back(
          MakeNode("Cast", "", {stored}, {tensor.name},
                   {Attribute::Int("to", static_cast<std::int64_t>(DataType::kFloat32))}));
      std::erase_if(graph->inputs,
                    [&](const ValueInfo& input) { return input.name == tensor.name; });
      tensor = Initializer::Of(stored, std::move(converted).value());
    }
    graph->nodes.insert(graph->nodes.begin(), std::make_move_iterator(casts.begin()),
                        std::make_move_iterator(casts.end()));
  });
  if (!status.ok()) return status.error();
  return model;
}

}  // namespace quantbench
