// Folding BatchNormalization into the convolution before it.
#pragma once

#include <cstdint>

#include "quantbench/model.h"

namespace quantbench {

// BN(Conv(x)) = Conv'(x), with w' = w g / sqrt(v + eps) and b' = (b - m) g / sqrt(v + eps) + beta,
// computed in double [Ioffe 2015; Jacob 2018, sec. 3.2]. Only where the convolution's output is
// read by nothing else and all numbers are float32 initializers. The number of pairs folded.
[[nodiscard]] Result<std::int64_t> FoldBatchNorms(Model* model);

}  // namespace quantbench
