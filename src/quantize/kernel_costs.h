// Kernel costs: what the engine's kernels take on a kind of processor.
#pragma once

#include "quantbench/quantize.h"

namespace quantbench {

// Nanoseconds, one thread, of the engine's kernels. Good to about a fifth: the formulas and what
// they were fitted to are in docs/quantization.md, "What pays".
struct ExpectedCost {
  double as_float = 0;
  double as_integers = 0;
};

// Nanoseconds, and rates a nanosecond.
struct KernelCosts {
  // A call, apart from its numbers: of a layer, and of an operator between layers.
  ExpectedCost call;
  ExpectedCost call_between;
  // A multiply-accumulate. Floats reach theirs with many channels: FloatConvRate.
  double float_rate = 1;
  double float_rate_of_few = 1;  // with no channels at all; then an output's and an input's
  double float_rate_an_output = 0;
  double float_rate_an_input = 0;
  double integer_rate = 1;
  // An output: written; summed up, scaled and rounded.
  ExpectedCost output;
  // A weight, read: of convolutions, and of products, which hardly use one twice.
  ExpectedCost weight;
  ExpectedCost product_weight;
  // What a window gathers: a pixel of channels by four, else a row of the kernel, copied.
  double gather_pixel = 0;
  double gather_row = 0;
  // Depthwise: an output, and a tap of it.
  ExpectedCost depthwise_output;
  ExpectedCost depthwise_tap;
  // How many times as long with channels that do not fill vectors: floats take them by 4.
  double odd_float_depthwise = 1;
  double odd_integer_depthwise = 1;
  // An element that Mul puts out; and a row of channels that integers multiply by one and the same.
  ExpectedCost multiplied;
  double multiplied_row = 0;
  // The gate of HardSwish, as floats beside its Mul: a call, and an element.
  double gate_call = 0;
  double gate = 0;
};

// Null: nothing was measured for that target.
[[nodiscard]] const KernelCosts* KernelCostsOf(Target target);

}  // namespace quantbench
