// How much an operator of libtorch multiplies, from what it was called with.
#include "torch/operator_work.h"

#include <algorithm>
#include <initializer_list>
#include <string>

#include <ATen/ATen.h>

#include "torch/quantize_weights.h"

namespace quantbench {
namespace {

using Inputs = const std::vector<c10::IValue>&;

const at::Tensor* TensorAt(Inputs inputs, std::size_t place) {
  if (place >= inputs.size() || !inputs[place].isTensor()) return nullptr;
  const at::Tensor& tensor = inputs[place].toTensor();
  return tensor.defined() ? &tensor : nullptr;
}

// Sums as long as the last dimension of what is multiplied, one for every output.
std::int64_t OfProduct(Inputs inputs, const at::Tensor& output, std::size_t place) {
  const at::Tensor* rows = TensorAt(inputs, place);
  return rows == nullptr || rows->dim() == 0 ? 0 : rows->size(-1) * output.numel();
}

std::int64_t OfPackedWeight(const std::string& prepacked_by, const c10::IValue& packed,
                            const at::Tensor& output) {
  const c10::IValue weight = CallOperator(prepacked_by.c_str(), {packed});
  if (!weight.isTensor() || weight.toTensor().dim() == 0) return 0;
  const at::Tensor& plain = weight.toTensor();
  return plain.numel() / std::max<std::int64_t>(1, plain.size(0)) * output.numel();
}

// A convolution: weights of one output channel for every output; transposed, of one input channel
// for every input.
std::int64_t OfConvolution(std::string_view name, Inputs inputs, const at::Tensor& output) {
  constexpr std::size_t kTransposed = 6;  // an argument of aten::_convolution and aten::convolution
  if (name.substr(0, 11) == "quantized::" && inputs.size() > 1) {
    const std::string dims = name.find("conv1d") != name.npos   ? "conv1d"
                             : name.find("conv3d") != name.npos ? "conv3d"
                                                                : "conv2d";
    return OfPackedWeight("quantized::" + dims + "_unpack", inputs[1], output);
  }
  const at::Tensor* weight = TensorAt(inputs, 1);
  const at::Tensor* input = TensorAt(inputs, 0);
  if (weight == nullptr || input == nullptr || weight->dim() == 0) return 0;
  const bool general = name == "aten::_convolution" || name == "aten::convolution";
  const bool transposed = name.find("transpose") != name.npos ||
                          (general && inputs.size() > kTransposed && inputs[kTransposed].isBool() &&
                           inputs[kTransposed].toBool());
  return weight->numel() / std::max<std::int64_t>(1, weight->size(0)) *
         (transposed ? input->numel() : output.numel());
}

// The first state of a recurrence: [layers times directions, batch, width].
at::Tensor FirstState(const c10::IValue& states) {
  if (states.isTensor()) return states.toTensor();
  if (!states.isList()) return {};
  const c10::List<c10::IValue> list = states.toList();
  return list.empty() || !list.get(0).isTensor() ? at::Tensor() : list.get(0).toTensor();
}

// A recurrence over [steps, batch, features], or the first two swapped. lstm, gru, rnn_* and the
// quantized ones all take (input, states, weights, has_biases, layers, dropout, train,
// bidirectional, ...) [native_functions.yaml].
std::int64_t OfRecurrence(Inputs inputs, std::int64_t gates) {
  constexpr std::size_t kBidirectional = 7;
  const at::Tensor* input = TensorAt(inputs, 0);
  if (input == nullptr || inputs.size() <= kBidirectional) return 0;
  const at::Tensor state = FirstState(inputs[1]);
  if (input->dim() != 3 || !state.defined() || state.dim() != 3) return 0;
  const bool both = inputs[kBidirectional].isBool() && inputs[kBidirectional].toBool();
  const std::int64_t directions = both ? 2 : 1;
  const std::int64_t width = state.size(2);
  const std::int64_t rows = input->size(0) * input->size(1);
  std::int64_t macs = 0;
  for (std::int64_t place = 0; place < state.size(0); ++place) {
    const std::int64_t features = place < directions ? input->size(2) : width * directions;
    macs += gates * width * (features + width) * rows;
  }
  return macs;
}

bool IsOneOf(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::int64_t MacsOfCall(std::string_view name, Inputs inputs,
                        const std::vector<c10::IValue>& outputs) {
  if (outputs.empty() || !outputs[0].isTensor() || !outputs[0].toTensor().defined()) return 0;
  const at::Tensor& output = outputs[0].toTensor();
  if (IsOneOf(name, {"aten::addmm", "aten::addmm_", "aten::baddbmm"})) {
    return OfProduct(inputs, output, 1);
  }
  if (IsOneOf(name, {"aten::linear", "aten::mm", "aten::bmm", "aten::matmul"}) ||
      name.rfind("quantized::linear", 0) == 0 || name == "quantized::matmul") {
    return OfProduct(inputs, output, 0);
  }
  if (name.find("conv") != name.npos && name.find("pack") == name.npos) {
    return OfConvolution(name, inputs, output);
  }
  if (name.find("lstm") != name.npos) return OfRecurrence(inputs, 4);
  if (name.find("gru") != name.npos) return OfRecurrence(inputs, 3);
  return name.rfind("aten::rnn_", 0) == 0 ? OfRecurrence(inputs, 1) : 0;
}

}  // namespace quantbench
