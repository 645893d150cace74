// Cross-layer equalization: chains of layers with nothing but Relu between.  [Nagel 2019]
#include <optional>

#include "quantize/ease_edits.h"

namespace quantbench {
namespace {

constexpr int kSweeps = 10;  // chains share layers, so that one may undo a little of another

struct ChainLayer {
  const Node* node = nullptr;
  WeightedLayer layer;
  bool is_depthwise = false;
};
using Chain = std::vector<ChainLayer>;

bool IsDepthwise(const Node& node, const WeightedLayer& layer) {
  return node.Is("Conv") && layer.weight->dims[1] == 1 &&
         node.IntAttribute("group", 1) == layer.weight->dims[0];
}

class ChainFinder {
 public:
  explicit ChainFinder(const EasedGraph& eased) : eased_(eased) {}

  [[nodiscard]] std::vector<Chain> Find() const {
    std::vector<Chain> chains;
    for (const Node& node : eased_.graph().nodes) {
      const auto first = LayerAt(node);
      if (!first || first->is_depthwise) continue;
      const auto second = Next(*first);
      if (!second) continue;
      Chain chain = {*first, *second};
      if (second->is_depthwise) {
        const auto third = Next(*second);
        if (!third || third->is_depthwise) continue;
        chain.push_back(*third);
      }
      chains.push_back(std::move(chain));
    }
    return chains;
  }

 private:
  // A layer whose weight and bias are its own and lie where they can be changed.
  [[nodiscard]] std::optional<ChainLayer> LayerAt(const Node& node) const {
    if (!node.Is("Conv") && !node.Is("Gemm") && !node.Is("MatMul")) return std::nullopt;
    ChainLayer found{&node, InspectLayer(node, eased_.graph(), eased_.index(), {}), false};
    const WeightedLayer& layer = found.layer;
    if (!layer.reason.empty() || layer.weight == nullptr || layer.adder >= 0) return std::nullopt;
    if (!eased_.IsOwned(layer.weight->name)) return std::nullopt;
    if (layer.bias != nullptr &&
        (!eased_.IsOwned(layer.bias->name) || Elements(*layer.bias) != layer.outputs)) {
      return std::nullopt;
    }
    found.is_depthwise = IsDepthwise(node, layer);
    if (node.Is("Conv") && node.IntAttribute("group", 1) != 1 && !found.is_depthwise) {
      return std::nullopt;
    }
    return found;
  }

  // The only reader of a layer's output, behind a Relu or not, if it is a layer of the same kind.
  [[nodiscard]] std::optional<ChainLayer> Next(const ChainLayer& from) const {
    const std::string* value = &from.node->outputs[0];
    for (int hops = 0; hops < 2; ++hops) {
      const auto readers = eased_.index().Consumers(*value);
      if (readers.size() != 1 || eased_.index().IsGraphOutput(*value)) return std::nullopt;
      const Node& node = eased_.graph().nodes[static_cast<std::size_t>(readers[0])];
      if (node.Is("Relu")) {
        value = &node.outputs[0];
        continue;
      }
      auto next = LayerAt(node);
      if (!next || node.Is("Conv") != from.node->Is("Conv") || node.inputs[0] != *value) {
        return std::nullopt;
      }
      const std::int64_t channels =
          next->is_depthwise
              ? next->layer.outputs
              : next->layer.weight->dims[static_cast<std::size_t>(InputAxis(node, next->layer))];
      if (channels != from.layer.outputs) return std::nullopt;
      return next;
    }
    return std::nullopt;
  }

  const EasedGraph& eased_;
};

std::vector<double> Inverse(std::vector<double> factors) {
  for (double& factor : factors) factor = 1 / factor;
  return factors;
}

// Multiplies what enters `to` by the factors and divides what leaves `from`.
Status EqualizePair(const ChainLayer& from, const ChainLayer& to,
                    const std::vector<double>& factors, EasedGraph* eased) {
  const std::vector<double> inverse = Inverse(factors);
  QB_OK(eased->Multiply(from.layer.weight->name, OutputAxis(*from.node, from.layer), inverse));
  if (from.layer.bias != nullptr) {
    const auto axis = static_cast<std::int64_t>(from.layer.bias->dims.size()) - 1;
    QB_OK(eased->Multiply(from.layer.bias->name, axis, inverse));
  }
  const std::int64_t axis = to.is_depthwise ? 0 : InputAxis(*to.node, to.layer);
  return eased->Multiply(to.layer.weight->name, axis, factors);
}

Status EqualizeChain(const Chain& chain, EasedGraph* eased) {
  std::vector<std::vector<double>> ranges;
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const ChainLayer& link = chain[i];
    const bool is_last = i + 1 == chain.size();
    const std::int64_t axis =
        is_last ? InputAxis(*link.node, link.layer) : OutputAxis(*link.node, link.layer);
    QB_TRY(std::vector<double> range, eased->Maxima(link.layer.weight->name, axis));
    ranges.push_back(std::move(range));
  }
  const std::vector<std::vector<double>> factors = EqualizingFactors(ranges);
  for (std::size_t gap = 0; gap < factors.size(); ++gap) {
    QB_OK(EqualizePair(chain[gap], chain[gap + 1], factors[gap], eased));
  }
  return Ok();
}

}  // namespace

Result<std::int64_t> EqualizeLayers(EasedGraph* eased) {
  const std::vector<Chain> chains = ChainFinder(*eased).Find();
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    for (const Chain& chain : chains) QB_OK(EqualizeChain(chain, eased));
  }
  return static_cast<std::int64_t>(chains.size());
}

}  // namespace quantbench
