// What this libtorch is, and how fast it multiplies.
#pragma once

#include <nlohmann/json.hpp>

namespace quantbench {

// The library's version, its engines of quantized arithmetic and the one that is taken, CUDA
// devices, and which BLAS it multiplies float32 matrices with.
[[nodiscard]] nlohmann::ordered_json DescribeTorch();
// A product of two float32 matrices of 256 x 256, the fastest of those done in about 50 ms.
[[nodiscard]] nlohmann::ordered_json MeasureBlas(int threads);

}  // namespace quantbench
