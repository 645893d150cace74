// Operator sets: which version a form needs, and whether an old model may be read as a newer one.
#pragma once

#include <cstdint>
#include <string>

#include "quantbench/model.h"

namespace quantbench {

inline constexpr std::int64_t kDynamicOpset = 11;    // DynamicQuantizeLinear
inline constexpr std::int64_t kPerAxisOpset = 13;    // DequantizeLinear with an axis
inline constexpr std::int64_t kOldestIntegers = 10;  // QLinearConv, QLinearMatMul
inline constexpr std::string_view kContribDomain = "com.microsoft";

// The version of the ONNX domain, however it is spelled.
[[nodiscard]] std::int64_t OnnxOpset(const Model& model);

// Empty when the model has that version, or when every one of its operators means the same up to
// it; else a reason naming an operator that does not. `version` is at most 13.
[[nodiscard]] std::string WhyNotOpset(const Model& model, std::int64_t version);

// The version that the static form of the model has: 13 where it can be, for ONNX's own
// DequantizeLinear per axis; else the model's, at least 10. 0 when the model cannot be raised that
// far.
[[nodiscard]] std::int64_t StaticOpset(const Model& model);

// Raises the version (as WhyNotOpset allows), and the IR version to what the operator set belongs
// to.
void RaiseOpset(std::int64_t version, Model* model);

}  // namespace quantbench
