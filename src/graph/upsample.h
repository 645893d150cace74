// ConvTranspose that only enlarges, as Conv.
#pragma once

#include <cstdint>

#include "quantbench/model.h"

namespace quantbench {

// The engine has no integer ConvTranspose. One with kernel = stride = 2x2 and no padding writes
// every output once: y[n, o, 2h + dy, 2w + dx] = sum_i x[n, i, h, w] W[i, o, dy, dx] + b[o]. So it
// is a 1x1 Conv of 4 O outputs in the order (dy, dx, o), whose result is moved, channels last (the
// layout of the engine's integer kernels), by Reshape and Transpose. The same function up to the
// order of sums. Only where H and W are proven constants (ShapeValues). The number of ConvTranspose
// rewritten; kMalformed when weights do not fit their shape.
[[nodiscard]] Result<std::int64_t> WriteUpsamplingAsConv(Model* model);

}  // namespace quantbench
