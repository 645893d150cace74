// Weights as int8, and packed as libtorch's quantized operators take them.
#pragma once

#include <string>
#include <vector>

#include <torch/script.h>

namespace quantbench {

// A range of floats and how they become codes.
struct TorchRange {
  double scale = 1;
  std::int64_t zero_point = 0;
};

// qint8, symmetric: scale = max|w| / 127.5, at least FLT_EPSILON, of the whole tensor or of each
// output (dimension 0): what MinMaxObserver and PerChannelMinMaxObserver of torch.ao.quantization
// choose. Throws for NaN and infinities.
[[nodiscard]] at::Tensor QuantizeTorchWeight(const at::Tensor& weight, bool per_channel);

// quint8 codes 0..`levels`-1 for [low, high], 0 included, as MinMaxObserver chooses them.
[[nodiscard]] TorchRange RangeOfCodes(double low, double high, int levels);

// Calls an operator of libtorch by its name ("quantized::linear_prepack"). Throws what it throws,
// and when this libtorch has it not.
[[nodiscard]] c10::IValue CallOperator(const char* name, std::vector<c10::IValue> arguments);

// `bias` may be undefined.
[[nodiscard]] c10::IValue PackLinear(const at::Tensor& weight, const at::Tensor& bias);

}  // namespace quantbench
