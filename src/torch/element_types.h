// Element types: the numbers of quantbench/tensor.h, which are ONNX's, and libtorch's.
#pragma once

#include <cstdint>

#include <c10/core/ScalarType.h>

namespace quantbench {

// Throws where the other side has no such type.
[[nodiscard]] c10::ScalarType ScalarTypeOf(std::int32_t code);
[[nodiscard]] std::int32_t CodeOf(c10::ScalarType type);

}  // namespace quantbench
