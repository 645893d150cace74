// Operators of libtorch, as its dispatcher names them: "aten::linear", "quantized::conv2d_relu".
#pragma once

#include <optional>
#include <string_view>

#include "explain/reasons.h"

namespace quantbench {

[[nodiscard]] bool IsTorchOperator(std::string_view op_type);
[[nodiscard]] OperatorClass ClassOfTorch(std::string_view op_type);
[[nodiscard]] LayerFamily FamilyOfTorch(const ProfiledOperator& op);

// Why a layer of the quantized model that computes in float does so.
[[nodiscard]] Reason WhyTorchIsFloat(const LayerFacts& facts);
// A recurrence that is hardly faster than the original's, or slower; nothing of others.
[[nodiscard]] std::optional<Reason> WhyTorchRecurrenceGainsLittle(const LayerFacts& facts);
// Why a layer on codes takes longer than the original's; none of these: nothing.
[[nodiscard]] std::optional<Reason> WhyTorchIsSlow(const LayerFacts& facts, std::string_view isa);

}  // namespace quantbench
