// Operators that cast, move, cut or join constants, and what they make of them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "quantbench/model.h"

#include "graph/shape_rules.h"
#include "graph/shape_values.h"

namespace quantbench {

// What a node makes of constants, before any of it is computed.
struct MovedWeights {
  enum class Kind : std::uint8_t { kCast, kPermute, kReshape, kTake, kJoin };
  Kind kind = Kind::kReshape;
  Shape order;                       // kPermute: of the source's axes
  std::vector<TakenElements> taken;  // kTake: for each result, of the source
  std::size_t axis = 0;              // kJoin: along which the sources follow each other
  std::vector<Promise> results;      // one an output

  // Nodes of one form make the same of the same sources.
  [[nodiscard]] std::string Form() const;
};

// Cast to float32, Transpose, Reshape, Flatten, Squeeze and Unsqueeze, and of floats also Slice,
// Split and Concat. (Integers that are cut and joined are shapes: simplify_shapes.h.)
class WeightOperators {
 public:
  // The graph must outlive it, unedited.
  WeightOperators(const Graph& graph, std::int64_t opset) : opset_(opset), values_(graph, opset) {}

  // The inputs whose numbers the node moves; none for an operator that is not listed above.
  [[nodiscard]] static std::span<const std::string> SourcesOf(const Node& node);
  // What it makes of such sources; absent where that does not follow from the graph.
  [[nodiscard]] std::optional<MovedWeights> Of(const Node& node, std::span<const Promise> sources);

 private:
  [[nodiscard]] std::optional<MovedWeights> Reshaped(const Node& node, const Promise& source) const;
  [[nodiscard]] std::optional<MovedWeights> Sliced(const Node& node, const Promise& source);
  [[nodiscard]] std::optional<MovedWeights> Divided(const Node& node, const Promise& source) const;

  std::int64_t opset_;
  ShapeValues values_;
};

// The results as initializers. No number is computed before it is asked for; reshaping shares them.
// Errors as Permuted.
[[nodiscard]] Result<std::vector<Initializer>> MoveWeights(const MovedWeights& moved,
                                                           const std::vector<Initializer>& sources);

}  // namespace quantbench
