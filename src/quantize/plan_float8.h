// Planning float8: a scale for the input of every layer that asks for it.
#pragma once

#include <string>
#include <vector>

#include "quantize/layer_choices.h"

namespace quantbench {

// The activations that float8 layers read.
[[nodiscard]] std::vector<std::string> Float8Inputs(const PlanContext& context,
                                                    const LayerChoices& choices);

// Their scales: the largest magnitude seen becomes float8's largest number. [ONNX
// QuantizeLinear-19] Layers whose input was not seen as float32 are demoted. kMalformed for NaN or
// infinities in one.
[[nodiscard]] Result<std::vector<ActivationPlan>> PlanFloat8(const PlanContext& context,
                                                             const CalibrationTable& table,
                                                             LayerChoices* choices);

// The largest finite number of a float8 type.
[[nodiscard]] double LargestFloat8(DataType type);

}  // namespace quantbench
