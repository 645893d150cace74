// Tied weights: an output layer whose weight is the transpose of an embedding table, as exporters
// write language models. Where both become the same codes, the file holds them once.
#pragma once

#include "quantize/emitter.h"
#include "quantize/scopes.h"
#include "quantize/weight_facts.h"

namespace quantbench {

// Ties the layers of the plan that allow it, and says so in its notes.
[[nodiscard]] Status TieWeights(const Scopes& scopes, Plan* plan, WeightFacts* facts);

// kInvalidArgument for a plan that ties what is not the same, naming the layer.
[[nodiscard]] Status CheckTied(const Model& prepared, const Plan& plan, WeightFacts* facts);

// Whether a layer of the plan is tied to the table.
[[nodiscard]] bool IsTied(const Plan& plan, std::string_view table);

// The scales of a table's rows. Of one that products are tied to, they are those of a product: such
// that its sums do not overflow.
[[nodiscard]] Result<WeightScales> TableScales(const Initializer& table, const Plan& plan,
                                               int threads, WeightFacts* facts);
// int8 codes of a table [V, K] and those scales, [V, 1].
[[nodiscard]] Result<Names> TableCodes(const Initializer& table, Emitter* emitter);
// The same as a product reads them: codes [K, V], which the engine transposes when it loads the
// model, and scales [V].
[[nodiscard]] Result<Names> TransposedTableCodes(const Initializer& table, Emitter* emitter);

}  // namespace quantbench
