// Folding alpha and beta.
#include "graph/gemm_factors.h"

#include <cmath>
#include <optional>

#include "quantbench/base/format.h"
#include "quantbench/graph.h"

namespace quantbench {
namespace {

Result<Initializer> Scaled(const Initializer& tensor, float factor, std::string name) {
  QB_TRY(const FloatValues values, FloatValues::Of(tensor));
  QB_TRY(Tensor scaled, Tensor::Make(DataType::kFloat32, tensor.dims));
  const std::span<float> to = scaled.As<float>();
  values.Read(0, values.size(), [&](std::span<const float> from) {
    for (std::size_t i = 0; i < from.size(); ++i) to[i] = from[i] * factor;
  });
  return Initializer::Of(std::move(name), std::move(scaled));
}

class FactorFolder {
 public:
  explicit FactorFolder(Model* model)
      : model_(*model), index_(model->graph), names_(model->graph) {}

  Status Run(std::vector<std::string>* notes) {
    Graph& graph = model_.graph;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) QB_OK(Visit(i));
    if (edited_.empty()) return Ok();
    const std::size_t folded = edited_.size();
    for (auto& [place, node] : edited_) graph.nodes[place] = std::move(node);
    for (Initializer& tensor : made_) graph.initializers.push_back(std::move(tensor));
    RemoveUnread(replaced_, &graph);
    notes->push_back(Format("factors of {} Gemm folded into weight and bias", folded));
    return Ok();
  }

 private:
  // A float32 initializer that may be scaled in a copy.
  const Initializer* Scalable(std::string_view name) const {
    const Initializer* tensor = index_.FindInitializer(name);
    if (tensor == nullptr || tensor->type != DataType::kFloat32) return nullptr;
    constexpr std::int64_t kLarge = 4096;
    const bool own = index_.Consumers(name).size() == 1 && !index_.IsGraphOutput(name);
    return own || Elements(*tensor) < kLarge ? tensor : nullptr;
  }

  Status Visit(std::size_t i) {
    Node gemm = model_.graph.nodes[i];
    if (!gemm.Is("Gemm") || gemm.inputs.size() < 2) return Ok();
    const float alpha = gemm.FloatAttribute("alpha", 1);
    const float beta = gemm.FloatAttribute("beta", 1);
    const bool has_bias = gemm.inputs.size() > 2 && !gemm.inputs[2].empty();
    const bool scales_bias = has_bias && beta != 1;
    if ((alpha == 1 && !scales_bias) || !std::isfinite(alpha) || !std::isfinite(beta)) return Ok();
    const Initializer* weight = Scalable(gemm.inputs[1]);
    const Initializer* bias = scales_bias ? Scalable(gemm.inputs[2]) : nullptr;
    if ((alpha != 1 && weight == nullptr) || (scales_bias && beta != 0 && bias == nullptr)) {
      return Ok();
    }
    if (alpha != 1) QB_OK(Replace(*weight, alpha, &gemm.inputs[1]));
    if (scales_bias && beta != 0) QB_OK(Replace(*bias, beta, &gemm.inputs[2]));
    if (has_bias && beta == 0) {
      replaced_.insert(gemm.inputs[2]);
      gemm.inputs.resize(2);
    }
    std::erase_if(gemm.attributes, [](const Attribute& attribute) {
      return attribute.name == "alpha" || attribute.name == "beta";
    });
    edited_.emplace_back(i, std::move(gemm));
    return Ok();
  }

  Status Replace(const Initializer& tensor, float factor, std::string* input) {
    QB_TRY(Initializer scaled, Scaled(tensor, factor, names_.Fresh(tensor.name + "_scaled")));
    replaced_.insert(tensor.name);
    *input = scaled.name;
    made_.push_back(std::move(scaled));
    return Ok();
  }

  Model& model_;
  const GraphIndex index_;
  NameSource names_;
  std::vector<std::pair<std::size_t, Node>> edited_;
  std::vector<Initializer> made_;
  std::unordered_set<std::string> replaced_;
};

}  // namespace

Status FoldGemmFactors(Model* model, std::vector<std::string>* notes) {
  return FactorFolder(model).Run(notes);
}

}  // namespace quantbench
