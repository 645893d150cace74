// How large the scores of attention can become, from the weights that make queries and keys.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/base/status.h"
#include "quantbench/model.h"

namespace quantbench {

class Pattern;

// Bounds products of what a layer makes of a normalized input. Views the pattern's model.
class ScoreBound {
 public:
  explicit ScoreBound(const Pattern& pattern) : pattern_(pattern) {}

  // No product of a query and a key of one head, each a vector of the last axis cut into `heads`,
  // is larger in any run, rounding apart. Both must be x W + b or parts of it cut by Split, where x
  // comes from LayerNormalization over its last axis: |x| <= max|gamma| sqrt(K) + |beta|, and
  // |q| <= |x| |W of its columns| + |b|, in Euclidean and Frobenius norms [Cauchy-Schwarz].
  // Infinity where they are not. Errors as PayloadOf.
  [[nodiscard]] Result<double> LargestProduct(std::string_view query, std::string_view keys,
                                              std::int64_t heads);

 private:
  struct Projection;
  [[nodiscard]] bool FindProjection(std::string_view value, Projection* found) const;
  [[nodiscard]] std::int64_t WidthOf(std::string_view value) const;
  [[nodiscard]] bool FindPart(const Node& split, std::string_view value, Projection* found) const;
  [[nodiscard]] static bool ColumnsFit(const Projection& found);
  [[nodiscard]] bool FindNorm(std::string_view value, Projection* found) const;
  [[nodiscard]] Result<std::vector<double>> NormsOfHeads(const Projection& projection,
                                                         std::int64_t heads);
  [[nodiscard]] Status SumColumns(const Initializer& weight);

  const Pattern& pattern_;
  std::string summed_;           // the weight that `columns_` are of
  std::vector<double> columns_;  // sums of squares
};

}  // namespace quantbench
