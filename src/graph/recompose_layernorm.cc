// Recognizing layer normalization from its first mean on.
#include <optional>

#include "quantbench/base/format.h"
#include "quantbench/graph.h"

#include "graph/graph_pattern.h"
#include "graph/recompose.h"
#include "graph/remove_nodes.h"

namespace quantbench {
namespace {

constexpr std::int64_t kFirstOpset = 17;

struct Norm {
  std::string input;
  std::int64_t width = 0;  // of the last axis
  double epsilon = 0;
  std::string gamma;                 // may be empty
  std::string beta;                  // may be empty
  std::int64_t last = -1;            // the node whose output is the result
  std::vector<std::int64_t> pieces;  // the others
};

class NormMatcher {
 public:
  explicit NormMatcher(const Model& model) : pattern_(model), opset_(OnnxOpset(model)) {}

  std::optional<Norm> At(std::int64_t mean) const {
    if (!AveragesLastAxis(mean)) return std::nullopt;
    Norm norm;
    norm.input = pattern_.NodeAt(mean).inputs[0];
    const auto& shape = pattern_.ShapeOf(norm.input);
    if (!shape || !shape->back().constant()) return std::nullopt;
    norm.width = *shape->back().constant();
    const std::int64_t centring = pattern_.OnlyReader(pattern_.NodeAt(mean).outputs[0], "Sub");
    if (centring < 0) return std::nullopt;
    const Node& sub = pattern_.NodeAt(centring);
    if (sub.inputs[0] != norm.input || sub.inputs[1] != pattern_.NodeAt(mean).outputs[0]) {
      return std::nullopt;
    }
    norm.pieces = {mean, centring};
    if (!MatchDivision(sub.outputs[0], &norm)) return std::nullopt;
    MatchAffine(&norm);
    constexpr std::int64_t kMostOnes = 1 << 20;
    if (norm.gamma.empty() && norm.width > kMostOnes) return std::nullopt;
    return norm;
  }

 private:
  // A ReduceMean over the last axis that keeps it.
  bool AveragesLastAxis(std::int64_t i) const {
    const Node& node = pattern_.NodeAt(i);
    if (!node.Is("ReduceMean") || node.inputs.empty() || node.outputs.size() != 1 ||
        node.IntAttribute("keepdims", 1) == 0) {
      return false;
    }
    const auto& shape = pattern_.ShapeOf(node.inputs[0]);
    const auto axes = AxesOf(node);
    if (!shape || shape->empty() || axes.size() != 1) return false;
    return axes[0] == -1 || axes[0] == static_cast<std::int64_t>(shape->size()) - 1;
  }

  // Of an attribute before version 18, then of an input.
  std::vector<std::int64_t> AxesOf(const Node& node) const {
    if (const Attribute* axes = node.FindAttribute("axes")) return axes->ints;
    if (opset_ < 18 || node.inputs.size() < 2) return {};
    return pattern_.ElementsOf(node.inputs[1]).value_or(std::vector<std::int64_t>());
  }

  // centred / sqrt(mean(centred^2) + epsilon), and nothing else that reads its pieces.
  bool MatchDivision(const std::string& centred, Norm* norm) const {
    const auto readers = pattern_.index().Consumers(centred);
    if (readers.size() != 2 || pattern_.index().IsGraphOutput(centred)) return false;
    for (const std::size_t i : {0U, 1U}) {
      const std::int64_t square = readers[i];
      const std::int64_t division = readers[1 - i];
      if (!IsSquare(pattern_.NodeAt(square), centred)) continue;
      const Node& div = pattern_.NodeAt(division);
      const auto deviation = MatchDeviation(square, norm);
      if (!deviation || !div.Is("Div") || div.inputs.size() != 2 || div.outputs.size() != 1 ||
          div.inputs[0] != centred || div.inputs[1] != *deviation ||
          pattern_.OnlyReader(*deviation) != division) {
        return false;
      }
      norm->last = division;
      return true;
    }
    return false;
  }

  bool IsSquare(const Node& node, const std::string& of) const {
    if (node.inputs.size() != 2 || node.outputs.size() != 1 || node.inputs[0] != of) return false;
    if (node.Is("Mul")) return node.inputs[1] == of;
    return node.Is("Pow") && pattern_.IsNumber(node.inputs[1], 2, of);
  }

  // From the square on to the output of Sqrt.
  std::optional<std::string> MatchDeviation(std::int64_t square, Norm* norm) const {
    const std::int64_t mean = pattern_.OnlyReader(pattern_.NodeAt(square).outputs[0], "ReduceMean");
    if (mean < 0 || !AveragesLastAxis(mean)) return std::nullopt;
    const std::string& variance = pattern_.NodeAt(mean).outputs[0];
    const std::int64_t sum = pattern_.OnlyReader(variance, "Add");
    if (sum < 0) return std::nullopt;
    const auto other = pattern_.OtherOperand(pattern_.NodeAt(sum), variance);
    if (!other) return std::nullopt;
    const auto epsilon = pattern_.Number(*other, variance);
    const std::int64_t root = pattern_.OnlyReader(pattern_.NodeAt(sum).outputs[0], "Sqrt");
    if (!epsilon || *epsilon < 0 || root < 0) return std::nullopt;
    norm->epsilon = *epsilon;
    norm->pieces.insert(norm->pieces.end(), {square, mean, sum, root});
    return pattern_.NodeAt(root).outputs[0];
  }

  // A float32 vector as wide as the last axis.
  bool IsWide(const std::string& value, std::int64_t width) const {
    const Initializer* tensor = pattern_.index().FindInitializer(value);
    return tensor != nullptr && tensor->type == DataType::kFloat32 && tensor->dims == Shape{width};
  }

  // The Mul and Add after the division, as far as they are there.
  void MatchAffine(Norm* norm) const {
    const auto take = [&](std::string_view op_type, std::string* operand) {
      const std::string& value = pattern_.NodeAt(norm->last).outputs[0];
      const std::int64_t next = pattern_.OnlyReader(value, op_type);
      const auto other =
          next < 0 ? std::nullopt : pattern_.OtherOperand(pattern_.NodeAt(next), value);
      if (!other || !IsWide(*other, norm->width)) return;
      *operand = *other;
      norm->pieces.push_back(norm->last);
      norm->last = next;
    };
    take("Mul", &norm->gamma);
    take("Add", &norm->beta);
  }

  Pattern pattern_;
  std::int64_t opset_;
};

// Initializers of ones, one for each width.
class Ones {
 public:
  Ones(Graph* graph, NameSource* names) : graph_(*graph), names_(*names) {}
  std::string Of(std::int64_t width) {
    const auto [found, is_new] = made_.try_emplace(width);
    if (is_new) {
      found->second = names_.Fresh(Format("ones_{}", width));
      const std::vector<float> ones(static_cast<std::size_t>(width), 1);
      graph_.initializers.push_back(
          Initializer::Of(found->second, Tensor::OfFloats({width}, ones)));
    }
    return found->second;
  }

 private:
  Graph& graph_;
  NameSource& names_;
  std::map<std::int64_t, std::string> made_;
};

}  // namespace

void RecomposeLayerNorms(Model* model, std::vector<std::string>* notes) {
  Graph& graph = model->graph;
  if (OnnxOpset(*model) < kFirstOpset || !HasOperator(graph, "ReduceMean")) return;
  std::vector<Norm> norms;
  {
    const NormMatcher matcher(*model);
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      if (auto norm = matcher.At(static_cast<std::int64_t>(i))) norms.push_back(std::move(*norm));
    }
  }
  if (norms.empty()) return;
  NameSource names(graph);
  Ones ones(&graph, &names);
  std::vector<bool> gone(graph.nodes.size(), false);
  for (const Norm& norm : norms) {
    std::vector<std::string> inputs = {norm.input,
                                       norm.gamma.empty() ? ones.Of(norm.width) : norm.gamma};
    if (!norm.beta.empty()) inputs.push_back(norm.beta);
    Node& last = graph.nodes[static_cast<std::size_t>(norm.last)];
    last = MakeNode("LayerNormalization", last.name, std::move(inputs), last.outputs,
                    {Attribute::Int("axis", -1),
                     Attribute::Float("epsilon", static_cast<float>(norm.epsilon))});
    for (const std::int64_t piece : norm.pieces) gone[static_cast<std::size_t>(piece)] = true;
  }
  RemoveNodes(gone, &graph);
  RemoveUnread({}, &graph);
  notes->push_back(Format("{} LayerNormalization recomposed", norms.size()));
}

}  // namespace quantbench
