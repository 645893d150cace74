#include "torch/quantize_weights.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include <ATen/core/dispatch/Dispatcher.h>

namespace quantbench {
namespace {

constexpr float kLeastScale = std::numeric_limits<float>::epsilon();
constexpr float kHalfCodes = (127.0F - -128.0F) / 2;

}  // namespace

at::Tensor QuantizeTorchWeight(const at::Tensor& weight, bool per_channel) {
  const at::NoGradGuard no_grad;
  const at::Tensor plain = weight.contiguous();
  const at::Tensor rows = per_channel ? plain.flatten(1) : plain.reshape({1, -1});
  const at::Tensor largest = rows.abs().amax({1});
  if (!at::isfinite(largest).all().item<bool>())
    throw std::runtime_error("weights hold NaN or infinities");
  const at::Tensor scales = (largest / kHalfCodes).clamp_min(kLeastScale);
  if (!per_channel) return at::quantize_per_tensor(plain, scales.item<double>(), 0, at::kQInt8);
  return at::quantize_per_channel(plain, scales.to(at::kDouble), at::zeros_like(scales, at::kLong),
                                  0, at::kQInt8);
}

TorchRange RangeOfCodes(double low, double high, int levels) {
  low = std::min(low, 0.0);
  high = std::max(high, 0.0);
  const double top = levels - 1;
  TorchRange range;
  range.scale = std::max((high - low) / top, static_cast<double>(kLeastScale));
  range.zero_point =
      static_cast<std::int64_t>(std::clamp(-std::nearbyint(low / range.scale), 0.0, top));
  return range;
}

c10::IValue CallOperator(const char* name, std::vector<c10::IValue> arguments) {
  const auto op = c10::Dispatcher::singleton().findSchema({name, ""});
  if (!op) throw std::runtime_error(std::string("this libtorch has no operator ") + name);
  torch::jit::Stack stack = std::move(arguments);
  op->callBoxed(&stack);
  return stack.empty() ? c10::IValue() : std::move(stack.front());
}

c10::IValue PackLinear(const at::Tensor& weight, const at::Tensor& bias) {
  return CallOperator("quantized::linear_prepack",
                      {weight, bias.defined() ? c10::IValue(bias.contiguous()) : c10::IValue()});
}

}  // namespace quantbench
