// Constants, fitted to profiles of whole networks.
#include "quantize/kernel_costs.h"

namespace quantbench {
namespace {

// AVX2, no VNNI.
constexpr KernelCosts kAvx2 = {
    .call = {500, 2500},
    .call_between = {500, 1000},
    .float_rate = 36,
    .float_rate_of_few = 10,
    .float_rate_an_output = 0.35,
    .float_rate_an_input = 1.2,
    .integer_rate = 100,
    .output = {0.08, 0.3},
    .weight = {0.12, 0.04},
    .product_weight = {0.2, 0.06},
    .gather_pixel = 1.7,
    .gather_row = 13,
    .depthwise_output = {0.02, 0.2},
    .depthwise_tap = {0.07, 0.07},
    .odd_float_depthwise = 4.5,
    .odd_integer_depthwise = 2.1,
    .multiplied = {0.25, 0.25},
    .multiplied_row = 0,
    .gate_call = 1000,  // an Add and a Clip
    .gate = 0.5,
};
// AVX-512 with VNNI.
constexpr KernelCosts kVnni = {
    .call = {500, 1200},
    .call_between = {500, 1000},
    .float_rate = 70,
    .float_rate_of_few = 25,
    .float_rate_an_output = 0.3,
    .float_rate_an_input = 1.5,
    .integer_rate = 360,
    .output = {0.05, 0.16},
    .weight = {0.17, 0.075},
    .product_weight = {0.25, 0.08},
    .gather_pixel = 1.9,
    .gather_row = 10,
    .depthwise_output = {0.1, 0.3},
    .depthwise_tap = {0.03, 0.04},
    .odd_float_depthwise = 12,
    .odd_integer_depthwise = 2.5,
    .multiplied = {0.25, 0.42},
    .multiplied_row = 25,
    .gate_call = 0,  // the convolution before computes it
    .gate = 0,
};

}  // namespace

const KernelCosts* KernelCostsOf(Target target) {
  if (target == Target::kX64) return &kAvx2;
  return target == Target::kX64Vnni ? &kVnni : nullptr;
}

}  // namespace quantbench
