// Operators that exporters wrote in pieces, put together again.
#pragma once

#include <string>
#include <vector>

#include "quantbench/model.h"

namespace quantbench {

// (x - mean) / sqrt(mean((x - mean)^2) + epsilon) gamma + beta, over the last axis, written as
// ReduceMean, Sub, Pow or Mul, ReduceMean, Add, Sqrt, Div, Mul and Add, becomes LayerNormalization
// [ONNX LayerNormalization-17], from operator set 17 on. Only where nothing else reads the pieces.
// Without gamma it gets ones. Notes how many.
void RecomposeLayerNorms(Model* model, std::vector<std::string>* notes);

// x / 2 (1 + erf(x / sqrt(2))), in any order of its factors, becomes Gelu [Hendrycks 2016]: ONNX's
// from operator set 20 on, com.microsoft's before. Only the form with erf, only with constants
// exact to float32, and only where nothing else reads the pieces. Notes how many.
void RecomposeGelus(Model* model, std::vector<std::string>* notes);

}  // namespace quantbench
