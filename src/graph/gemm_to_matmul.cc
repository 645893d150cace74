// Gemm between flattening Reshapes: found by proven shapes, written as MatMul and Add.
#include "graph/gemm_to_matmul.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>

#include "quantbench/base/format.h"
#include "quantbench/graph.h"

#include "graph/graph_pattern.h"
#include "graph/permute.h"
#include "graph/remove_nodes.h"
#include "graph/shape_values.h"

namespace quantbench {
namespace {

// Reshape, Gemm and Reshape that are one layer.
struct Layer {
  std::size_t gemm = 0;
  std::size_t after = 0;  // the second Reshape
  std::string data;       // what the first Reshape reads
};

class Rewriter {
 public:
  explicit Rewriter(Model* model)
      : model_(*model),
        index_(model->graph),
        names_(model->graph),
        values_(model->graph, OnnxOpset(*model)),
        gone_(model->graph.nodes.size(), false) {}

  Status Run(std::vector<std::string>* notes) {
    std::vector<Layer> layers;
    std::unordered_map<std::string, std::int64_t> reads;  // of weights, by these layers
    for (std::size_t i = 0; i < model_.graph.nodes.size(); ++i) {
      if (auto layer = LayerAt(i)) {
        ++reads[model_.graph.nodes[i].inputs[1]];
        layers.push_back(std::move(*layer));
      }
    }
    std::erase_if(layers, [&](const Layer& layer) {
      const Node& gemm = model_.graph.nodes[layer.gemm];
      if (gemm.IntAttribute("transB", 0) == 0) return false;
      const auto readers = static_cast<std::int64_t>(index_.Consumers(gemm.inputs[1]).size());
      return readers > reads[gemm.inputs[1]] || index_.IsGraphOutput(gemm.inputs[1]);
    });
    if (layers.empty()) return Ok();
    for (const Layer& layer : layers) QB_OK(Rewrite(layer));
    Apply();
    notes->push_back(
        Format("{} Gemm between flattening Reshapes made MatMul and Add", layers.size()));
    return Ok();
  }

 private:
  std::optional<Layer> LayerAt(std::size_t i) const {
    const Graph& graph = model_.graph;
    const Node& gemm = graph.nodes[i];
    if (!gemm.Is("Gemm") || !IsPlain(gemm) || index_.IsGraphOutput(gemm.outputs[0])) {
      return std::nullopt;
    }
    const Node* before = index_.Producer(gemm.inputs[0]);
    const auto readers = index_.Consumers(gemm.outputs[0]);
    if (before == nullptr || !before->Is("Reshape") || readers.size() != 1) return std::nullopt;
    const Node& after = graph.nodes[static_cast<std::size_t>(readers[0])];
    if (!after.Is("Reshape") || after.inputs[0] != gemm.outputs[0] || !Fits(*before, gemm, after)) {
      return std::nullopt;
    }
    return Layer{i, static_cast<std::size_t>(readers[0]), before->inputs[0]};
  }

  // alpha = beta = 1, transA = 0, a float32 weight, and a bias that is the same for every row.
  bool IsPlain(const Node& gemm) const {
    if (gemm.inputs.size() < 2 || gemm.outputs.size() != 1) return false;
    const Initializer* weight = index_.FindInitializer(gemm.inputs[1]);
    if (weight == nullptr || weight->type != DataType::kFloat32 || weight->dims.size() != 2 ||
        gemm.FloatAttribute("alpha", 1) != 1 || gemm.IntAttribute("transA", 0) != 0) {
      return false;
    }
    if (gemm.inputs.size() < 3 || gemm.inputs[2].empty()) return true;
    const auto& bias = values_.Of(gemm.inputs[2]).shape;
    return gemm.FloatAttribute("beta", 1) == 1 && bias && bias->size() <= 2 &&
           (bias->size() < 2 || (*bias)[0].Is(1));
  }

  // Whether [.., K] -> [M, K] -> [M, N] -> [.., N].
  bool Fits(const Node& before, const Node& gemm, const Node& after) const {
    const auto& data = values_.Of(before.inputs[0]).shape;
    const auto& flat = values_.Of(gemm.inputs[0]).shape;
    const auto& result = values_.Of(after.outputs[0]).shape;
    const auto& rows = values_.Of(gemm.outputs[0]).shape;
    if (!data || !flat || !rows || !result || data->size() < 2 || flat->size() != 2) return false;
    if (result->size() != data->size()) return false;
    return std::equal(data->begin(), data->end() - 1, result->begin()) &&
           data->back() == (*flat)[1] && result->back() == (*rows)[1];
  }

  Status Rewrite(const Layer& layer) {
    const Node& gemm = model_.graph.nodes[layer.gemm];
    const Node& after = model_.graph.nodes[layer.after];
    std::string weight = gemm.inputs[1];
    if (gemm.IntAttribute("transB", 0) != 0) {
      QB_TRY(weight, TransposedWeight(weight));
    }
    const bool has_bias = gemm.inputs.size() > 2 && !gemm.inputs[2].empty();
    const std::string product = has_bias ? names_.Fresh(gemm.outputs[0]) : after.outputs[0];
    edited_.emplace_back(layer.gemm,
                         MakeNode("MatMul", gemm.name, {layer.data, weight}, {product}));
    if (has_bias) {
      const std::string name = names_.Fresh(gemm.name.empty() ? "Add" : gemm.name + "_bias");
      edited_.emplace_back(layer.after,
                           MakeNode("Add", name, {product, gemm.inputs[2]}, after.outputs));
    } else {
      gone_[layer.after] = true;
    }
    return Ok();
  }

  Result<std::string> TransposedWeight(const std::string& weight) {
    const auto found = transposed_.find(weight);
    if (found != transposed_.end()) return found->second;
    const std::string name = names_.Fresh(weight + "_transposed");
    constexpr std::array<std::int64_t, 2> kSwapped = {1, 0};
    QB_TRY(Initializer tensor, Permuted(*index_.FindInitializer(weight), kSwapped, name));
    made_.push_back(std::move(tensor));
    transposed_.emplace(weight, name);
    return name;
  }

  void Apply() {
    Graph& graph = model_.graph;
    for (auto& [place, node] : edited_) graph.nodes[place] = std::move(node);
    RemoveNodes(gone_, &graph);
    for (Initializer& tensor : made_) graph.initializers.push_back(std::move(tensor));
    std::unordered_set<std::string> replaced;
    for (const auto& [before, after] : transposed_) replaced.insert(before);
    RemoveUnread(replaced, &graph);
  }

  Model& model_;
  const GraphIndex index_;
  NameSource names_;
  ShapeValues values_;
  std::vector<std::pair<std::size_t, Node>> edited_;
  std::vector<bool> gone_;
  std::vector<Initializer> made_;
  std::unordered_map<std::string, std::string> transposed_;
};

}  // namespace

Status GemmToMatMul(Model* model, std::vector<std::string>* notes) {
  if (!HasOperator(model->graph, "Gemm")) return Ok();
  return Rewriter(model).Run(notes);
}

}  // namespace quantbench
