// Linear and recurrent layers with int8 weights, whose inputs are quantized while the model runs.
#pragma once

#include <string>
#include <vector>

#include "torch/quantize_layers.h"
#include "torch/quantize_rewrite.h"

namespace quantbench {

// Why dynamic int8 cannot take the layer; empty: it can.
[[nodiscard]] std::string WhyNotDynamic(const TorchLayer& layer);

// Puts the integer operator in the layer's place, and says which: "quantized::linear_dynamic". Its
// results are those of torch.ao.quantization.quantize_dynamic.
std::string MakeDynamic(const TorchLayer& layer, bool per_channel, TorchRewriter* rewriter);

}  // namespace quantbench
