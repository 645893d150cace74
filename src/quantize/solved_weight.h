// Solved weights: a weight as rows for the steps, and their codes back in the weight's layout.
#pragma once

#include <string>
#include <vector>

#include "quantbench/quantize.h"

#include "quantize/scopes.h"
#include "quantize/weighted_layer.h"

namespace quantbench {

// The weight with an output a row, each in the order of its inputs; a filter of a Conv is a row.
// kMalformed for NaN and infinities.
struct WeightMatrix {
  std::vector<float> values;
  std::int64_t rows = 0;
  std::int64_t columns = 0;

  [[nodiscard]] static Result<WeightMatrix> Of(const Initializer& weight, Channels outputs);
  [[nodiscard]] WeightRows view() const { return {values, rows, columns}; }
  // Rows [begin, begin + count).
  [[nodiscard]] WeightRows Part(std::int64_t begin, std::int64_t count) const;
};

// Codes of one scale a row around the middle of `bits`, as int8 around 0 in the weight's own shape.
[[nodiscard]] Tensor CodesInLayout(const SolvedWeight& solved, int bits, const Shape& dims,
                                   Channels outputs);

// A layer of the plan that has steps, or codes that only steps make.
struct StepLayer {
  const LayerPlan* plan = nullptr;
  const Node* node = nullptr;
  WeightedLayer layer;
  Channels outputs = Channels::kRows;
  std::int64_t request = -1;  // of StepWork; -1: its inputs are not asked for
};
struct StepWork {
  std::vector<StepLayer> layers;  // in graph order, those inside bodies last
  std::vector<InputRequest> requests;
};
// Views `scopes`, which are those of the prepared model.
[[nodiscard]] StepWork WorkOf(const Scopes& scopes, const Plan& plan);

}  // namespace quantbench
