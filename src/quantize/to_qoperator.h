// From the QDQ format to the QOperator format.
#pragma once

#include <cstdint>

#include "quantbench/model.h"

namespace quantbench {

// Rewrites the outer graph: DequantizeLinear ... -> operator -> QuantizeLinear becomes the operator
// on codes (see QLinearForm); quantizers and parameters that nothing reads any more go. Operators
// without such a form keep their quantizers around them. The numbers are those that the engine
// computes from the QDQ form, which it fuses to the same operators, up to one code. Returns how
// many operators it rewrote.
std::int64_t ToQOperator(Model* model);

}  // namespace quantbench
