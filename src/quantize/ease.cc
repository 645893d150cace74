// Rewriting steps: factors between activations and weights, moved exactly.
#include <algorithm>
#include <optional>

#include "quantbench/base/format.h"

#include "quantize/block_coded.h"
#include "quantize/ease_edits.h"
#include "quantize/solved_weight.h"

namespace quantbench {
namespace {

constexpr double kAlpha = 0.5;          // of SmoothQuant
constexpr double kEvenEnough = 4;       // inputs whose largest is this near their median stay
constexpr std::int64_t kMostFolds = 8;  // operators that a factor may pass

// Products that read one activation, all of its readers.
struct InputGroup {
  std::string tensor;
  std::vector<const Node*> nodes;
  std::vector<WeightedLayer> layers;
  std::int64_t channels = 0;
};

std::optional<InputGroup> GroupOf(const std::string& tensor, const EasedGraph& eased) {
  InputGroup group{tensor, {}, {}, 0};
  if (eased.index().IsGraphOutput(tensor)) return std::nullopt;
  for (const std::int64_t reader : eased.index().Consumers(tensor)) {
    const Node& node = eased.graph().nodes[static_cast<std::size_t>(reader)];
    if (!node.Is("MatMul") && !node.Is("Gemm")) return std::nullopt;
    WeightedLayer layer = InspectLayer(node, eased.graph(), eased.index(), {});
    if (!layer.reason.empty() || node.inputs[0] != tensor || !eased.IsOwned(layer.weight->name)) {
      return std::nullopt;
    }
    const std::int64_t channels =
        layer.weight->dims[static_cast<std::size_t>(InputAxis(node, layer))];
    if (group.channels != 0 && channels != group.channels) return std::nullopt;
    group.channels = channels;
    group.nodes.push_back(&node);
    group.layers.push_back(std::move(layer));
  }
  if (group.nodes.empty()) return std::nullopt;
  return group;
}

std::vector<InputGroup> GroupsOf(const EasedGraph& eased) {
  std::vector<InputGroup> groups;
  for (const Node& node : eased.graph().nodes) {
    if ((!node.Is("MatMul") && !node.Is("Gemm")) || node.inputs.empty()) continue;
    const auto is_known = [&](const InputGroup& group) { return group.tensor == node.inputs[0]; };
    if (std::any_of(groups.begin(), groups.end(), is_known)) continue;
    if (auto group = GroupOf(node.inputs[0], eased)) groups.push_back(std::move(*group));
  }
  return groups;
}

// Where the division by factors goes: initializers and their axes. None: nowhere exactly.
struct Fold {
  std::vector<std::pair<std::string, std::int64_t>> targets;
};

class Folder {
 public:
  Folder(const EasedGraph& eased, std::int64_t channels) : eased_(eased), channels_(channels) {}

  [[nodiscard]] std::optional<Fold> Find(std::string value) {
    Fold fold;
    for (std::int64_t i = 0; i < kMostFolds; ++i) {
      const Node* producer = eased_.index().Producer(value);
      if (producer == nullptr || (i > 0 && !IsPrivate(value))) return std::nullopt;
      if (producer->Is("Relu")) {
        value = producer->inputs[0];
        continue;
      }
      if (producer->Is("LayerNormalization")) return AtNormalization(*producer, std::move(fold));
      if (producer->Is("MatMul") || producer->Is("Gemm")) {
        return AtProduct(*producer, std::move(fold));
      }
      if (!producer->Is("Add") && !producer->Is("Mul")) return std::nullopt;
      const auto constant = VectorInput(*producer);
      if (!constant) return std::nullopt;
      const std::string& name = producer->inputs[*constant];
      fold.targets.emplace_back(name, LastAxis(name));
      if (producer->Is("Mul")) return fold;
      value = producer->inputs[1 - *constant];
    }
    return std::nullopt;
  }

 private:
  [[nodiscard]] bool IsPrivate(const std::string& value) const {
    return eased_.index().Consumers(value).size() == 1 && !eased_.index().IsGraphOutput(value);
  }
  // One number a channel, of which the reader is the only one.
  [[nodiscard]] bool IsVector(const std::string& name) const {
    const Initializer* found = eased_.index().FindInitializer(name);
    return found != nullptr && eased_.IsOwned(name) && !found->dims.empty() &&
           found->dims.back() == channels_ && Elements(*found) == channels_;
  }
  // The first of a node's two inputs that is such a vector; none: neither is.
  [[nodiscard]] std::optional<std::size_t> VectorInput(const Node& node) const {
    for (std::size_t i = 0; i < 2; ++i) {
      if (IsVector(node.inputs[i])) return i;
    }
    return std::nullopt;
  }
  [[nodiscard]] std::int64_t LastAxis(const std::string& name) const {
    return static_cast<std::int64_t>(eased_.index().FindInitializer(name)->dims.size()) - 1;
  }

  [[nodiscard]] std::optional<Fold> AtNormalization(const Node& node, Fold fold) const {
    for (std::size_t i = 1; i < node.inputs.size(); ++i) {
      if (!IsVector(node.inputs[i])) return std::nullopt;
      fold.targets.emplace_back(node.inputs[i], LastAxis(node.inputs[i]));
    }
    return fold;
  }

  [[nodiscard]] std::optional<Fold> AtProduct(const Node& node, Fold fold) const {
    const WeightedLayer layer = InspectLayer(node, eased_.graph(), eased_.index(), {});
    if (!layer.reason.empty() || !eased_.IsOwned(layer.weight->name) ||
        layer.outputs != channels_) {
      return std::nullopt;
    }
    fold.targets.emplace_back(layer.weight->name, OutputAxis(node, layer));
    if (node.Is("MatMul") || layer.bias == nullptr) return fold;
    if (!IsVector(layer.bias->name)) return std::nullopt;
    fold.targets.emplace_back(layer.bias->name, LastAxis(layer.bias->name));
    return fold;
  }

  const EasedGraph& eased_;
  std::int64_t channels_;
};

// Inputs are divided by `factors`, weights multiplied with them.
Status MoveFactors(const InputGroup& group, const std::vector<double>& factors, EasedGraph* eased) {
  for (std::size_t i = 0; i < group.nodes.size(); ++i) {
    QB_OK(eased->Multiply(group.layers[i].weight->name, InputAxis(*group.nodes[i], group.layers[i]),
                          factors));
  }
  const auto fold = Folder(*eased, group.channels).Find(group.tensor);
  if (!fold) {
    eased->Divide(group.tensor, factors);
    return Ok();
  }
  std::vector<double> inverse = factors;
  for (double& factor : inverse) factor = 1 / factor;
  for (const auto& [name, axis] : fold->targets) QB_OK(eased->Multiply(name, axis, inverse));
  return Ok();
}

bool AreEven(std::vector<double> largest) {
  const auto middle = largest.begin() + static_cast<std::ptrdiff_t>(largest.size() / 2);
  std::nth_element(largest.begin(), middle, largest.end());
  const double median = *middle;
  return *std::max_element(largest.begin(), largest.end()) < kEvenEnough * median;
}

// Empty: the group stays.
Result<std::vector<double>> SmoothFactorsOf(const InputGroup& group, const InputStatistics& seen,
                                            const EasedGraph& eased) {
  if (AreEven(seen.abs_max)) return std::vector<double>();
  std::vector<double> largest(static_cast<std::size_t>(group.channels));
  for (std::size_t i = 0; i < group.nodes.size(); ++i) {
    QB_TRY(const std::vector<double> maxima,
           eased.Maxima(group.layers[i].weight->name, InputAxis(*group.nodes[i], group.layers[i])));
    for (std::size_t k = 0; k < largest.size(); ++k) largest[k] = std::max(largest[k], maxima[k]);
  }
  return SmoothingFactors(seen.abs_max, largest, kAlpha);
}

Result<std::vector<double>> AwqFactorsOf(const InputGroup& group, const InputStatistics& seen,
                                         const EasedGraph& eased, const CodeGrid& grid,
                                         int threads) {
  std::vector<WeightMatrix> matrices;
  for (std::size_t i = 0; i < group.nodes.size(); ++i) {
    const Initializer& weight = *group.layers[i].weight;
    QB_TRY(const std::vector<float> values, eased.Read(weight.name));
    QB_TRY(WeightMatrix matrix,
           WeightMatrix::Of(Initializer::Of(weight.name, Tensor::OfFloats(weight.dims, values)),
                            group.layers[i].channels));
    matrices.push_back(std::move(matrix));
  }
  std::vector<SharedInput> consumers;
  consumers.reserve(matrices.size());
  for (const WeightMatrix& matrix : matrices) consumers.push_back({matrix.view(), &grid});
  const AwqResult found = SearchAwqFactors(consumers, seen.gram, seen.abs_mean, threads);
  return found.exponent == 0 ? std::vector<double>() : found.factors;
}

// The blocks that AWQ chooses factors for; none: the recipe has no such weights.
std::optional<CodeGrid> AwqGrid(const Recipe& recipe) {
  if (recipe.choices.empty() || recipe.choices[0].scheme != Scheme::kWeightOnly) {
    return std::nullopt;
  }
  const Treatment& treatment = recipe.choices[0];
  BlockSpec spec;
  spec.bits = treatment.bits();
  spec.block = treatment.block;
  spec.symmetric = treatment.symmetric();
  spec.positive_scales = treatment.format == QuantFormat::kQdq;
  if (!CheckBlockSpec(spec).ok()) return std::nullopt;
  return GridOfBlocks(spec);
}

bool IsUsable(const InputStatistics& seen, const InputGroup& group) {
  const auto channels = static_cast<std::size_t>(group.channels);
  return seen.rows > 0 && seen.groups == 1 && seen.abs_max.size() == channels &&
         seen.abs_mean.size() == channels && seen.gram.size() == channels * channels &&
         std::all_of(seen.gram.begin(), seen.gram.end(), [](double v) { return v == v; });
}

// kSmooth or kAwq of all groups; how many changed.
Result<std::int64_t> EaseInputs(const Recipe& recipe, const InputsSeen& source, int threads,
                                EasedGraph* eased) {
  const std::optional<CodeGrid> grid = AwqGrid(recipe);
  const std::vector<InputGroup> groups = GroupsOf(*eased);
  std::int64_t changed = 0;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    QB_TRY(const InputStatistics seen, source(static_cast<std::int64_t>(i)));
    if (!IsUsable(seen, groups[i])) continue;
    std::vector<double> factors;
    if (grid && recipe.recovery.Has(Step::kAwq)) {
      QB_TRY(factors, AwqFactorsOf(groups[i], seen, *eased, *grid, threads));
    } else if (recipe.recovery.Has(Step::kSmooth)) {
      QB_TRY(factors, SmoothFactorsOf(groups[i], seen, *eased));
    }
    if (factors.empty()) continue;
    QB_OK(MoveFactors(groups[i], factors, eased));
    ++changed;
  }
  return changed;
}

bool EasesInputs(const Recovery& recovery) {
  return recovery.Has(Step::kSmooth) || recovery.Has(Step::kAwq);
}

}  // namespace

std::vector<InputRequest> InputsToEase(const Model& prepared, const Recipe& recipe) {
  std::vector<InputRequest> requests;
  if (!EasesInputs(recipe.recovery)) return requests;
  Model copy = prepared;
  const EasedGraph eased(&copy);
  for (const InputGroup& group : GroupsOf(eased)) {
    InputRequest request;
    request.tensor = group.tensor;  // products read rows: what InputReading is to begin with
    requests.push_back(std::move(request));
  }
  return requests;
}

Result<Model> EaseWeights(Model prepared, const Recipe& recipe, const InputsSeen& source,
                          int threads, std::vector<std::string>* notes) {
  EasedGraph eased(&prepared);
  if (recipe.recovery.Has(Step::kEqualize)) {
    QB_TRY(const std::int64_t chains, EqualizeLayers(&eased));
    notes->push_back(Format("{} chains of layers equalized", chains));
  }
  if (EasesInputs(recipe.recovery)) {
    QB_TRY(const std::int64_t groups, EaseInputs(recipe, source, threads, &eased));
    notes->push_back(Format("inputs of {} groups of products smoothed", groups));
  }
  eased.Finish();
  return prepared;
}

}  // namespace quantbench
