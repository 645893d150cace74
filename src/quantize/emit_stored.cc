// Emitting stored weights: w = Cast(halves), or w = Cast(codes) * scales.
#include <cmath>
#include <map>

#include "quantbench/base/format.h"

#include "quantize/emitter.h"
#include "quantize/weight_facts.h"

namespace quantbench {
namespace {

// What a stored weight becomes.
struct Storage {
  DataType type = DataType::kUndefined;
  std::int64_t axis = -1;
  std::string tied_to;
};
using Wanted = std::map<std::string, Storage, std::less<>>;

Result<Wanted> WantedWeights(const Model& model, const Plan& plan) {
  Wanted wanted;
  for (const LayerPlan& layer : plan.layers) {
    if (layer.scheme != Scheme::kStored) continue;
    wanted.emplace(layer.weight, Storage{layer.weight_type, layer.weight_axis, layer.tied_to});
    for (const std::string& other : layer.other_weights) {
      wanted.emplace(other, Storage{layer.weight_type, layer.weight_axis, ""});
    }
  }
  std::unordered_set<std::string_view> known;
  ForEachGraph(model.graph, [&](const Graph& graph) {
    for (const Initializer& tensor : graph.initializers) known.insert(tensor.name);
  });
  for (const auto& [name, storage] : wanted) {
    if (known.contains(name)) continue;
    return Error(ErrorCode::kInvalidArgument,
                 Format("the plan's weight \"{}\" is not in the model", Printable(name)));
  }
  return wanted;
}

// Stores the weights of one graph.
class Storer {
 public:
  Storer(NameSource* names, WeightFacts* facts, int threads)
      : names_(*names), facts_(*facts), threads_(threads) {}

  // A weight that is tied is not stored: it becomes the transpose of a table that is.
  [[nodiscard]] Status Store(const Storage& storage, Initializer* weight) {
    if (!storage.tied_to.empty()) {
      tied_.push_back(MakeNode("Transpose", "", {storage.tied_to}, {weight->name},
                               {Attribute::Ints("perm", {1, 0})}));
      return Ok();
    }
    if (storage.type == DataType::kInt8) return StoreIntegers(storage.axis, weight);
    return StoreHalves(storage.type, weight);
  }
  // Tables before what is tied to them.
  [[nodiscard]] std::vector<Node> TakeNodes() {
    std::move(tied_.begin(), tied_.end(), std::back_inserter(nodes_));
    return std::move(nodes_);
  }
  [[nodiscard]] std::vector<Initializer> TakeScales() { return std::move(scales_); }

 private:
  std::string Cast(const std::string& from, std::string to) {
    nodes_.push_back(
        MakeNode("Cast", "", {from}, {to},
                 {Attribute::Int("to", static_cast<std::int64_t>(DataType::kFloat32))}));
    return to;
  }

  [[nodiscard]] Status StoreHalves(DataType type, Initializer* weight) {
    QB_TRY(const HalfSurvey survey, facts_.ForHalf(*weight));
    if (!std::isfinite(survey.largest)) return NotFinite(*weight, survey.largest);
    if (type == DataType::kFloat16 && survey.largest > 65504.0F) {
      return Error(ErrorCode::kInvalidArgument,
                   Format("the plan makes initializer \"{}\" float16, but it reaches {}",
                          Printable(weight->name), survey.largest));
    }
    const std::string stored = names_.Fresh(Format("{}_{}", weight->name, Name(type)));
    Cast(stored, weight->name);
    const Initializer floats = *weight;
    *weight = Initializer::Deferred(stored, type, floats.dims, [floats, type, threads = threads_] {
      return type == DataType::kFloat16 ? HalfWeights(floats, threads)
                                        : BfloatWeights(floats, threads);
    });
    return Ok();
  }

  [[nodiscard]] Status StoreIntegers(std::int64_t axis, Initializer* weight) {
    const Shape dims = weight->dims;
    if (axis >= static_cast<std::int64_t>(dims.size()) || axis > 1) {
      return Error(ErrorCode::kInvalidArgument,
                   Format("the plan stores initializer \"{}\" of shape {} along axis {}",
                          Printable(weight->name), ToString(dims), axis));
    }
    Channels channels = Channels::kNone;
    Shape scale_shape;
    Initializer matrix = *weight;
    if (axis == 0) {
      channels = Channels::kRows;
      scale_shape.assign(dims.size(), 1);
      scale_shape[0] = dims[0];
    } else if (axis == 1 && dims.size() == 2) {
      channels = Channels::kColumns;
      scale_shape = {1, dims[1]};
    } else if (axis == 1) {  // the first two axes as one
      channels = Channels::kRows;
      scale_shape.assign(dims.size(), 1);
      scale_shape[0] = dims[0];
      scale_shape[1] = dims[1];
      Shape rows(dims.begin() + 1, dims.end());
      rows[0] *= dims[0];
      matrix = WithShape(*weight, weight->name, std::move(rows));
    }
    QB_TRY(const auto maxima, facts_.Maxima(matrix, channels, threads_));
    const std::vector<float> scales = SymmetricScales(maxima);
    const std::string name = weight->name;
    const std::string stored = names_.Fresh(name + "_int8");
    const std::string scale = names_.Fresh(name + "_scale");
    const std::string floats = Cast(stored, names_.Fresh(name + "_decoded"));
    nodes_.push_back(MakeNode("Mul", "", {floats, scale}, {name}));
    *weight = Initializer::Deferred(
        stored, DataType::kInt8, dims,
        [matrix, scales, channels, dims, threads = threads_]() -> Result<Tensor> {
          QB_TRY(Tensor codes, QuantizeWeights(matrix, scales, {channels}, threads));
          codes.shape = dims;
          return codes;
        });
    scales_.push_back(Initializer::Of(scale, Tensor::OfFloats(scale_shape, scales)));
    return Ok();
  }

  NameSource& names_;
  WeightFacts& facts_;
  int threads_;
  std::vector<Node> nodes_;
  std::vector<Node> tied_;
  std::vector<Initializer> scales_;
};

Status StoreWeightsOf(const Wanted& wanted, Graph* graph, Storer storer) {
  std::unordered_set<std::string> gone;
  for (Initializer& tensor : graph->initializers) {
    const auto found = wanted.find(tensor.name);
    if (found == wanted.end() || tensor.type != DataType::kFloat32) continue;
    const std::string name = tensor.name;
    QB_OK(storer.Store(found->second, &tensor));
    if (!found->second.tied_to.empty()) gone.insert(name);
    std::erase_if(graph->inputs, [&](const ValueInfo& input) { return input.name == name; });
  }
  std::erase_if(graph->initializers,
                [&](const Initializer& tensor) { return gone.contains(tensor.name); });
  std::vector<Node> nodes = storer.TakeNodes();
  graph->nodes.insert(graph->nodes.begin(), std::make_move_iterator(nodes.begin()),
                      std::make_move_iterator(nodes.end()));
  for (Initializer& scale : storer.TakeScales()) graph->initializers.push_back(std::move(scale));
  return Ok();
}

}  // namespace

Status StoreWeights(const Plan& plan, int threads, WeightFacts* facts, Model* model) {
  QB_TRY(const Wanted wanted, WantedWeights(*model, plan));
  if (wanted.empty()) return Ok();
  NameSource names(model->graph);
  Status status = Ok();
  ForEachGraph(&model->graph, [&](Graph* graph) {
    if (status.ok()) status = StoreWeightsOf(wanted, graph, Storer(&names, facts, threads));
  });
  return status;
}

}  // namespace quantbench
