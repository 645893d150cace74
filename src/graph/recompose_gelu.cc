// Recognizing GELU around its Erf.
#include <cmath>
#include <optional>

#include "quantbench/base/format.h"
#include "quantbench/graph.h"

#include "graph/graph_pattern.h"
#include "graph/recompose.h"
#include "graph/remove_nodes.h"

namespace quantbench {
namespace {

struct Gelu {
  std::string input;
  std::int64_t last = -1;            // the node whose output is the result
  std::vector<std::int64_t> pieces;  // the others
};

class Matcher {
 public:
  explicit Matcher(const Model& model) : pattern_(model) {}

  std::optional<Gelu> At(std::int64_t erf_index) const {
    const Node& erf = pattern_.NodeAt(erf_index);
    if (!erf.Is("Erf") || erf.inputs.size() != 1 || erf.outputs.size() != 1) return std::nullopt;
    const std::int64_t scaling = pattern_.index().ProducerIndex(erf.inputs[0]);
    if (scaling < 0 || pattern_.OnlyReader(erf.inputs[0]) != erf_index) return std::nullopt;
    const auto x = ScaledInput(pattern_.NodeAt(scaling));
    const std::int64_t plus_one = pattern_.OnlyReader(erf.outputs[0], "Add");
    if (!x || plus_one < 0) return std::nullopt;
    const Node& sum = pattern_.NodeAt(plus_one);
    const auto one = pattern_.OtherOperand(sum, erf.outputs[0]);
    const std::int64_t product = pattern_.OnlyReader(sum.outputs[0], "Mul");
    if (!one || !pattern_.IsNumber(*one, 1, *x) || product < 0) return std::nullopt;
    return Finish({*x, -1, {scaling, erf_index, plus_one}}, product, sum.outputs[0]);
  }

 private:
  // x of x / sqrt(2) or x * sqrt(1 / 2).
  std::optional<std::string> ScaledInput(const Node& node) const {
    if (node.inputs.size() != 2 || node.outputs.size() != 1) return std::nullopt;
    const std::string& a = node.inputs[0];
    const std::string& b = node.inputs[1];
    if (node.Is("Div") && pattern_.IsNumber(b, std::sqrt(2.0), a)) return a;
    if (!node.Is("Mul")) return std::nullopt;
    if (pattern_.IsNumber(b, std::sqrt(0.5), a)) return a;
    if (pattern_.IsNumber(a, std::sqrt(0.5), b)) return b;
    return std::nullopt;
  }

  // Whether the node halves `value`.
  bool Halves(const Node& node, std::string_view value) const {
    if (node.inputs.size() != 2 || node.outputs.size() != 1) return false;
    if (node.Is("Div")) {
      return node.inputs[0] == value && pattern_.IsNumber(node.inputs[1], 2, value);
    }
    const auto other = pattern_.OtherOperand(node, value);
    return node.Is("Mul") && other && pattern_.IsNumber(*other, 0.5, value);
  }

  // From the Mul that reads 1 + erf: its other factor is x, x / 2 or 1 / 2.
  std::optional<Gelu> Finish(Gelu gelu, std::int64_t product, const std::string& sum) const {
    const Node& node = pattern_.NodeAt(product);
    const auto other = pattern_.OtherOperand(node, sum);
    if (!other) return std::nullopt;
    const std::int64_t maker = pattern_.index().ProducerIndex(*other);
    if (*other == gelu.input || pattern_.IsNumber(*other, 0.5, gelu.input)) {
      const std::int64_t next = pattern_.OnlyReader(node.outputs[0]);
      if (next < 0) return std::nullopt;
      const bool halved = *other == gelu.input
                              ? Halves(pattern_.NodeAt(next), node.outputs[0])
                              : IsProduct(pattern_.NodeAt(next), node.outputs[0], gelu.input);
      if (!halved) return std::nullopt;
      gelu.pieces.push_back(product);
      gelu.last = next;
    } else if (maker >= 0 && pattern_.OnlyReader(*other) == product &&
               Halves(pattern_.NodeAt(maker), gelu.input)) {
      gelu.pieces.push_back(maker);
      gelu.last = product;
    } else {
      return std::nullopt;
    }
    return gelu;
  }

  bool IsProduct(const Node& node, std::string_view a, std::string_view b) const {
    return node.Is("Mul") && node.outputs.size() == 1 && pattern_.OtherOperand(node, a) == b;
  }

  Pattern pattern_;
};

}  // namespace

void RecomposeGelus(Model* model, std::vector<std::string>* notes) {
  Graph& graph = model->graph;
  if (!HasOperator(graph, "Erf")) return;
  std::vector<Gelu> gelus;
  {
    const Matcher matcher(*model);
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      if (auto gelu = matcher.At(static_cast<std::int64_t>(i))) gelus.push_back(std::move(*gelu));
    }
  }
  if (gelus.empty()) return;
  const bool standard = OnnxOpset(*model) >= 20;
  std::vector<bool> gone(graph.nodes.size(), false);
  for (const Gelu& gelu : gelus) {
    Node& last = graph.nodes[static_cast<std::size_t>(gelu.last)];
    last = MakeNode("Gelu", last.name, {gelu.input}, last.outputs, {},
                    standard ? std::string_view() : kContribDomain);
    for (const std::int64_t piece : gelu.pieces) gone[static_cast<std::size_t>(piece)] = true;
  }
  RemoveNodes(gone, &graph);
  RemoveUnread({}, &graph);
  if (!standard) model->RequireOpset(kContribDomain, 1);
  notes->push_back(Format("{} Gelu recomposed", gelus.size()));
}

}  // namespace quantbench
