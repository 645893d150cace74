// Narrower float types, with Highway: compiled once per instruction set, chosen when first called.
// Integer arithmetic only, so that machines without such conversions agree with those that have
// them.
#include "quantize/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "quantize/kernels_float.cc"  // NOLINT(readability-identifier-naming)
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "quantize/kernels_reference.h"

HWY_BEFORE_NAMESPACE();
namespace quantbench::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using FloatTag = hn::ScalableTag<float>;
using BitsTag = hn::RebindToUnsigned<FloatTag>;
using FloatVec = hn::Vec<FloatTag>;
using BitsVec = hn::Vec<BitsTag>;

// A narrower format: how many of float32's 23 digits it drops, how much smaller its exponent bias
// is, its smallest normal number, and 2^23 times its smallest subnormal one.
struct Float16Format {
  static constexpr int kDropped = 13;
  static constexpr std::uint32_t kBias = 112;
  static constexpr float kSmallestNormal = 0x1p-14F;
  static constexpr float kAdder = 0x1p-1F;
};
struct Float8E5M2Format {
  static constexpr int kDropped = 21;
  static constexpr std::uint32_t kBias = 112;
  static constexpr float kSmallestNormal = 0x1p-14F;
  static constexpr float kAdder = 0x1p7F;
  static constexpr float kLargest = 57344.0F;
};
struct Float8E4M3Format {
  static constexpr int kDropped = 20;
  static constexpr std::uint32_t kBias = 120;
  static constexpr float kSmallestNormal = 0x1p-6F;
  static constexpr float kAdder = 0x1p14F;
  static constexpr float kLargest = 448.0F;
};

// The format's bits of a magnitude within its range. Normal numbers: the exponent is rebased and
// the dropped digits are rounded away, halves to even; a carry moves into the exponent as it
// should. Subnormal ones: a number whose last place is the smallest of them makes the float adder
// round for us.
template <typename Format>
HWY_INLINE BitsVec Round(BitsVec magnitude) {
  const FloatTag floats;
  const BitsTag bits;
  const FloatVec adder = hn::Set(floats, Format::kAdder);
  constexpr std::uint32_t kHalf = (1U << (Format::kDropped - 1U)) - 1U;
  const BitsVec odd = hn::And(hn::ShiftRight<Format::kDropped>(magnitude), hn::Set(bits, 1U));
  const BitsVec rebased = hn::Sub(magnitude, hn::Set(bits, (Format::kBias << 23U) - kHalf));
  const BitsVec normal = hn::ShiftRight<Format::kDropped>(hn::Add(rebased, odd));
  const FloatVec sum = hn::Add(hn::BitCast(floats, magnitude), adder);
  const BitsVec subnormal = hn::Sub(hn::BitCast(bits, sum), hn::BitCast(bits, adder));
  const BitsVec smallest = hn::BitCast(bits, hn::Set(floats, Format::kSmallestNormal));
  return hn::IfThenElse(hn::Lt(magnitude, smallest), subnormal, normal);
}

template <typename T>
HWY_INLINE void StoreBits(BitsVec values, T* out) {
  const hn::Rebind<T, FloatTag> narrow;
  const hn::RebindToSigned<BitsTag> ints;
  hn::StoreU(hn::DemoteTo(narrow, hn::BitCast(ints, values)), narrow, out);
}

void ToHalf(std::span<const float> values, std::span<std::uint16_t> halves) {
  const FloatTag floats;
  const BitsTag bits;
  const std::size_t lanes = hn::Lanes(floats);
  std::size_t i = 0;
  for (; i + lanes <= values.size(); i += lanes) {
    const BitsVec input = hn::BitCast(bits, hn::LoadU(floats, values.data() + i));
    const BitsVec magnitude = hn::And(input, hn::Set(bits, 0x7FFFFFFFU));
    const BitsVec sign = hn::ShiftRight<16>(hn::Xor(input, magnitude));
    StoreBits(hn::Or(Round<Float16Format>(magnitude), sign), halves.data() + i);
  }
  reference::ToHalf(reference::Tail(values, i), reference::Tail(halves, i));
}

void ToBfloat(std::span<const float> values, std::span<std::uint16_t> bfloats) {
  const FloatTag floats;
  const BitsTag bits;
  const std::size_t lanes = hn::Lanes(floats);
  const BitsVec infinity = hn::Set(bits, 0x7F800000U);
  std::size_t i = 0;
  for (; i + lanes <= values.size(); i += lanes) {
    const BitsVec input = hn::BitCast(bits, hn::LoadU(floats, values.data() + i));
    const BitsVec magnitude = hn::And(input, hn::Set(bits, 0x7FFFFFFFU));
    const BitsVec odd = hn::And(hn::ShiftRight<16>(input), hn::Set(bits, 1U));
    const BitsVec rounded = hn::Add(input, hn::Add(odd, hn::Set(bits, 0x7FFFU)));
    const BitsVec quiet = hn::Or(input, hn::Set(bits, 0x400000U));
    const BitsVec chosen = hn::IfThenElse(hn::Gt(magnitude, infinity), quiet, rounded);
    StoreBits(hn::ShiftRight<16>(chosen), bfloats.data() + i);
  }
  reference::ToBfloat(reference::Tail(values, i), reference::Tail(bfloats, i));
}

template <typename Format>
HWY_INLINE std::size_t ToFloat8(std::span<const float> values, float scale,
                                std::span<std::uint8_t> out) {
  const FloatTag floats;
  const BitsTag bits;
  const std::size_t lanes = hn::Lanes(floats);
  const FloatVec divisor = hn::Set(floats, scale);
  const BitsVec largest = hn::BitCast(bits, hn::Set(floats, Format::kLargest));
  const BitsVec infinity = hn::Set(bits, 0x7F800000U);
  std::size_t i = 0;
  for (; i + lanes <= values.size(); i += lanes) {
    const FloatVec quotients = hn::Div(hn::LoadU(floats, values.data() + i), divisor);
    const BitsVec input = hn::BitCast(bits, quotients);
    const BitsVec magnitude = hn::And(input, hn::Set(bits, 0x7FFFFFFFU));
    const BitsVec sign = hn::ShiftRight<24>(hn::Xor(input, magnitude));
    const BitsVec number = Round<Format>(hn::Min(magnitude, largest));
    const BitsVec nan = hn::Set(bits, 0x7FU);
    const BitsVec chosen = hn::IfThenElse(hn::Gt(magnitude, infinity), nan, number);
    StoreBits(hn::Or(chosen, sign), out.data() + i);
  }
  return i;
}

void ToFloat8E4M3(std::span<const float> values, float scale, std::span<std::uint8_t> out) {
  const std::size_t done = ToFloat8<Float8E4M3Format>(values, scale, out);
  reference::ToFloat8E4M3(reference::Tail(values, done), scale, reference::Tail(out, done));
}

void ToFloat8E5M2(std::span<const float> values, float scale, std::span<std::uint8_t> out) {
  const std::size_t done = ToFloat8<Float8E5M2Format>(values, scale, out);
  reference::ToFloat8E5M2(reference::Tail(values, done), scale, reference::Tail(out, done));
}

}  // namespace quantbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantbench::kernels {

HWY_EXPORT(ToHalf);
HWY_EXPORT(ToBfloat);
HWY_EXPORT(ToFloat8E4M3);
HWY_EXPORT(ToFloat8E5M2);

void ToHalf(std::span<const float> values, std::span<std::uint16_t> halves) {
  HWY_DYNAMIC_DISPATCH(ToHalf)(values, halves);
}

void ToBfloat(std::span<const float> values, std::span<std::uint16_t> bfloats) {
  HWY_DYNAMIC_DISPATCH(ToBfloat)(values, bfloats);
}

void ToFloat8E4M3(std::span<const float> values, float scale, std::span<std::uint8_t> out) {
  HWY_DYNAMIC_DISPATCH(ToFloat8E4M3)(values, scale, out);
}

void ToFloat8E5M2(std::span<const float> values, float scale, std::span<std::uint8_t> out) {
  HWY_DYNAMIC_DISPATCH(ToFloat8E5M2)(values, scale, out);
}

}  // namespace quantbench::kernels
#endif
