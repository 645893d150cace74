// The bias of a layer as it is added to a float product.
#pragma once

#include <span>
#include <string>

#include "quantize/emitter.h"

namespace quantbench {

// The name of a vector of one number an output, [1, C, 1, 1] for a convolution, with Gemm's beta in
// it, as the engine's fusions want it; empty: the layer has no bias. `shift`: what is added to the
// outputs of the weight before Gemm's alpha, one number an output, or nothing.
[[nodiscard]] Result<std::string> AddedBias(const Node& node, const WeightedLayer& layer,
                                            std::span<const double> shift, Emitter* emitter);

}  // namespace quantbench
