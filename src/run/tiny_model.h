// Models made in code: one that costs nothing, to start the engine with, and one to test ourselves
// on.
#pragma once

#include <cstdint>

#include "quantbench/model.h"

namespace quantbench {

// `layers` products of a [1, rows, width] input with [width, width] weights, seeded and normal,
// each followed by Relu; float32.
Model ProductChain(std::int64_t rows, std::int64_t width, int layers);

}  // namespace quantbench
