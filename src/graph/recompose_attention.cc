// Recognizing attention around its Softmax.
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include "quantbench/base/format.h"
#include "quantbench/graph.h"

#include "graph/graph_pattern.h"
#include "graph/remove_nodes.h"
#include "graph/score_bound.h"

namespace quantbench {
namespace {

// A value [batch, length, heads width] that is cut into heads.
struct CutIntoHeads {
  std::string source;
  Expr batch;
  Expr length;
  std::int64_t heads = 0;
  std::int64_t width = 0;
};

struct AttentionPieces {
  CutIntoHeads query;
  CutIntoHeads keys;
  CutIntoHeads values;
  double scale = 1;           // of the scores
  std::string mask;           // false where a query may not look; empty: it looks everywhere
  double fill = 0;            // what such a score becomes
  std::int64_t product = -1;  // the second MatMul
  std::int64_t last = -1;     // the Reshape whose output is the result
};

class AttentionMatcher {
 public:
  explicit AttentionMatcher(const Model& model)
      : pattern_(model),
        bound_(pattern_),
        types_(InferElementTypes(model.graph)),
        opset_(OnnxOpset(model)) {}

  // What the Softmax belongs to, and proves to be MultiHeadAttention.
  Result<std::optional<AttentionPieces>> At(std::int64_t softmax) {
    std::optional<AttentionPieces> found = Match(softmax);
    if (!found || found->mask.empty()) return found;
    QB_TRY(const bool causal, IsCausal(found->mask, found->query.length));
    if (!causal || found->query.length != found->keys.length) found.reset();
    if (!found) return found;
    QB_TRY(const bool vanishes, FilledVanish(*found));
    if (!vanishes) found.reset();
    return found;
  }

 private:
  std::optional<AttentionPieces> Match(std::int64_t place) const {
    const Node& softmax = pattern_.NodeAt(place);
    if (!IsOverKeys(softmax)) return std::nullopt;
    AttentionPieces found;
    const std::string product = Unscaled(Unmasked(softmax.inputs[0], &found), &found);
    const Node* scores = OnlyRead(product);
    found.product = pattern_.OnlyReader(softmax.outputs[0], "MatMul");
    if (!IsPlain(scores, "MatMul", 2) || found.product < 0) return std::nullopt;
    const Node& weighted = pattern_.NodeAt(found.product);
    if (!IsPlain(&weighted, "MatMul", 2)) return std::nullopt;
    const auto query = HeadsOf(scores->inputs[0], {0, 2, 1, 3});
    const auto keys = HeadsOf(scores->inputs[1], {0, 2, 3, 1});
    const auto values = HeadsOf(weighted.inputs[1], {0, 2, 1, 3});
    if (!query || !keys || !values || weighted.inputs[0] != softmax.outputs[0]) {
      return std::nullopt;
    }
    found.query = *query;
    found.keys = *keys;
    found.values = *values;
    return Agree(found) && Joins(&found) ? std::optional(found) : std::nullopt;
  }

  static bool IsPlain(const Node* node, std::string_view op_type, std::size_t inputs) {
    return node != nullptr && node->Is(op_type) && node->inputs.size() == inputs &&
           node->outputs.size() == 1;
  }

  // Its producer, when nothing else reads the value.
  const Node* OnlyRead(const std::string& value) const {
    return pattern_.OnlyReader(value) < 0 ? nullptr : pattern_.index().Producer(value);
  }

  // A Softmax over the last of four axes. Before version 13 the axes behind the first that is named
  // are one [ONNX Softmax-11]: the last alone is the same.
  bool IsOverKeys(const Node& softmax) const {
    if (!IsPlain(&softmax, "Softmax", 1)) return false;
    const auto& shape = pattern_.ShapeOf(softmax.inputs[0]);
    const std::int64_t axis = softmax.IntAttribute("axis", opset_ < 13 ? 1 : -1);
    return shape && shape->size() == 4 && (axis == -1 || axis == 3);
  }

  // The scores before Where(mask, scores, fill).
  std::string Unmasked(const std::string& value, AttentionPieces* found) const {
    const Node* where = OnlyRead(value);
    if (!IsPlain(where, "Where", 3)) return value;
    const auto fill = pattern_.Number(where->inputs[2], where->inputs[1]);
    if (!fill) return value;
    found->mask = where->inputs[0];
    found->fill = *fill;
    return where->inputs[1];
  }

  // The scores before Mul or Div by a number.
  std::string Unscaled(const std::string& value, AttentionPieces* found) const {
    const Node* node = OnlyRead(value);
    if (!IsPlain(node, "Mul", 2) && !IsPlain(node, "Div", 2)) return value;
    const auto number = pattern_.Number(node->inputs[1], node->inputs[0]);
    if (!number) return value;
    found->scale = node->Is("Div") ? 1 / *number : *number;
    return node->inputs[0];
  }

  // From [batch, length, heads width] by Reshape and a Transpose of that order.
  std::optional<CutIntoHeads> HeadsOf(const std::string& value, const Shape& order) const {
    const Node* transpose = OnlyRead(value);
    if (!IsPlain(transpose, "Transpose", 1)) return std::nullopt;
    const Attribute* perm = transpose->FindAttribute("perm");
    const Node* reshape = pattern_.index().Producer(transpose->inputs[0]);
    if (perm == nullptr || perm->ints != order || !IsPlain(reshape, "Reshape", 2)) {
      return std::nullopt;
    }
    const auto& whole = pattern_.ShapeOf(reshape->inputs[0]);
    const auto& cut = pattern_.ShapeOf(reshape->outputs[0]);
    if (!whole || !cut || whole->size() != 3 || cut->size() != 4 || (*whole)[0] != (*cut)[0] ||
        (*whole)[1] != (*cut)[1] || !IsFloat(reshape->inputs[0])) {
      return std::nullopt;
    }
    const auto heads = (*cut)[2].constant();
    const auto width = (*cut)[3].constant();
    if (!heads || !width || *heads < 1 || *width < 1) return std::nullopt;
    return CutIntoHeads{reshape->inputs[0], (*cut)[0], (*cut)[1], *heads, *width};
  }

  bool IsFloat(const std::string& value) const {
    const auto type = types_.find(value);
    return type != types_.end() && type->second == DataType::kFloat32;
  }

  // Whether nothing is broadcast.
  static bool Agree(const AttentionPieces& found) {
    const auto match = [&](const CutIntoHeads& other) {
      return other.batch == found.query.batch && other.heads == found.query.heads;
    };
    return match(found.keys) && match(found.values) && found.keys.width == found.query.width &&
           found.keys.length == found.values.length && std::isfinite(found.scale) &&
           found.scale != 0;
  }

  // Whether the heads are put side by side again; sets `last`.
  bool Joins(AttentionPieces* found) const {
    const std::string& product = pattern_.NodeAt(found->product).outputs[0];
    const std::int64_t transpose = pattern_.OnlyReader(product, "Transpose");
    if (transpose < 0) return false;
    const Attribute* perm = pattern_.NodeAt(transpose).FindAttribute("perm");
    found->last = pattern_.OnlyReader(pattern_.NodeAt(transpose).outputs[0], "Reshape");
    if (perm == nullptr || perm->ints != Shape{0, 2, 1, 3} || found->last < 0) return false;
    const auto& shape = pattern_.ShapeOf(pattern_.NodeAt(found->last).outputs[0]);
    return shape && shape->size() == 3 && (*shape)[0] == found->query.batch &&
           (*shape)[1] == found->query.length &&
           (*shape)[2].Is(found->values.heads * found->values.width);
  }

  // Whether the mask is the first `length` rows and columns of a constant triangle. A run in which
  // they are more than it has fails: a side of at least 2 is not broadcast.
  Result<bool> IsCausal(const std::string& mask, const Expr& length) {
    std::string value = mask;
    std::set<std::int64_t> cut;
    while (const Node* slice = pattern_.index().Producer(value)) {
      if (!slice->Is("Slice") || !CutsTo(*slice, length, &cut)) return false;
      value = slice->inputs[0];
    }
    const Initializer* table = pattern_.index().FindInitializer(value);
    if (table == nullptr || table->type != DataType::kBool || table->dims.size() < 2 ||
        table->dims.size() > 4) {
      return false;
    }
    const std::int64_t side = table->dims.back();
    if (side < 2 || table->dims.end()[-2] != side || Elements(*table) != side * side) return false;
    if (cut.size() < 2 && !length.Is(side)) return false;
    const auto known = triangles_.find(value);
    if (known != triangles_.end()) return known->second;
    QB_TRY(const Bytes payload, PayloadOf(*table));
    return triangles_.emplace(value, IsTriangle(payload, side)).first->second;
  }

  // Whether a Slice keeps the first `length` of the last axis or of the one before; adds which,
  // counted from the end.
  bool CutsTo(const Node& slice, const Expr& length, std::set<std::int64_t>* cut) const {
    if (slice.inputs.size() < 4) return false;
    const auto& shape = pattern_.ShapeOf(slice.inputs[0]);
    const auto starts = pattern_.ElementsOf(slice.inputs[1]);
    const auto& ends = pattern_.Known(slice.inputs[2]).elements;
    const auto axes = pattern_.ElementsOf(slice.inputs[3]);
    if (!shape || !starts || !ends || !axes || starts->size() != axes->size() ||
        ends->size() != axes->size() || !StepsByOne(slice)) {
      return false;
    }
    for (std::size_t i = 0; i < axes->size(); ++i) {
      const std::int64_t axis = (*axes)[i];
      const std::int64_t back = axis < 0 ? -axis : static_cast<std::int64_t>(shape->size()) - axis;
      if ((*starts)[i] != 0 || (*ends)[i] != length || back < 1 || back > 2) return false;
      cut->insert(back);
    }
    return true;
  }

  bool StepsByOne(const Node& slice) const {
    if (slice.inputs.size() < 5 || slice.inputs[4].empty()) return true;
    const auto steps = pattern_.ElementsOf(slice.inputs[4]);
    return steps && std::all_of(steps->begin(), steps->end(), [](auto step) { return step == 1; });
  }

  static bool IsTriangle(const Bytes& payload, std::int64_t side) {
    std::size_t i = 0;
    for (std::int64_t row = 0; row < side; ++row) {
      for (std::int64_t column = 0; column < side; ++column, ++i) {
        if ((payload.view[i] != std::byte{0}) != (column <= row)) return false;
      }
    }
    return true;
  }

  // Whether the exponential of (fill - largest score) is 0 in float32 in every row: the operator
  // fills with the lowest number. Below it lies no score; above it, the weights must prove it.
  // Twice what they prove leaves room for rounding and for codes.
  Result<bool> FilledVanish(const AttentionPieces& found) {
    constexpr double kVanishes = 110;  // exp(-104) is below the smallest float32
    if (found.fill <= static_cast<double>(std::numeric_limits<float>::lowest())) return true;
    QB_TRY(const double largest,
           bound_.LargestProduct(found.query.source, found.keys.source, found.query.heads));
    return 2 * std::abs(found.scale) * largest < -found.fill - kVanishes;
  }

  const Pattern pattern_;
  ScoreBound bound_;
  const ElementTypes types_;
  std::int64_t opset_;
  std::map<std::string, bool> triangles_;  // by name, of constants
};

Node MakeAttention(const Graph& graph, const AttentionPieces& found) {
  const auto at = [&](std::int64_t place) -> const Node& {
    return graph.nodes[static_cast<std::size_t>(place)];
  };
  std::vector<Attribute> attributes = {
      Attribute::Int("num_heads", found.query.heads),
      Attribute::Float("scale", static_cast<float>(found.scale)),
  };
  if (!found.mask.empty()) attributes.push_back(Attribute::Int("unidirectional", 1));
  return MakeNode("MultiHeadAttention", at(found.product).name,
                  {found.query.source, found.keys.source, found.values.source},
                  at(found.last).outputs, std::move(attributes), kContribDomain);
}

}  // namespace

Status RecomposeAttention(Model* model, std::vector<std::string>* notes) {
  Graph& graph = model->graph;
  if (!HasOperator(graph, "Softmax")) return Ok();
  std::vector<AttentionPieces> all;
  {
    AttentionMatcher matcher(*model);
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      QB_TRY(auto found, matcher.At(static_cast<std::int64_t>(i)));
      if (found) all.push_back(std::move(*found));
    }
  }
  if (all.empty()) return Ok();
  for (const AttentionPieces& found : all) {
    graph.nodes[static_cast<std::size_t>(found.last)] = MakeAttention(graph, found);
  }
  RemoveDeadNodes(&graph);
  RemoveUnread({}, &graph);
  model->RequireOpset(kContribDomain, 1);
  if (notes != nullptr) notes->push_back(Format("{} attention recomposed", all.size()));
  return Ok();
}

}  // namespace quantbench
