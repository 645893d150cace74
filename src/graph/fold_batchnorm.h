// Folding BatchNormalization into a layer beside it.
#pragma once

#include <string>
#include <vector>

#include "quantbench/model.h"

namespace quantbench {

// BN(layer(x)) = layer'(x), with w' = w g / sqrt(v + eps) for each output channel and
// b' = (b - m) g / sqrt(v + eps) + beta, computed in double [Ioffe 2015; Jacob 2018, sec. 3.2].
// Layers are Conv, ConvTranspose, Gemm with alpha = beta = 1, and MatMul of matrices, the last with
// or without an Add of a bias. Only where the layer's output is read by nothing else and all
// numbers are float32 initializers. Notes how many.
[[nodiscard]] Status FoldBatchNorms(Model* model, std::vector<std::string>* notes);

// Conv(BN(x)) = Conv'(x), with w' = w g / sqrt(v + eps) for each input channel and
// b' = b + sum(w shift): exact only where the Conv pads nothing, since padding comes after the
// shift. For normalizations that the layer before cannot take. Notes how many.
[[nodiscard]] Status FoldBatchNormsForward(Model* model, std::vector<std::string>* notes);

}  // namespace quantbench
