// Kernels with Highway: compiled once per instruction set, chosen when first called.
#include "quantize/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "quantize/kernels.cc"  // NOLINT(readability-identifier-naming)
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

// The rest of a row that does not fill a vector is left to the reference.
template <typename T>
std::span<T> Tail(std::span<T> values, std::size_t begin) {
  return values.subspan(begin);
}

BitsVec Magnitude(FloatVec values) {
  const BitsTag bits;
  return hn::And(hn::BitCast(bits, values), hn::Set(bits, 0x7FFFFFFFU));
}

float AbsMax(std::span<const float> values) {
  const FloatTag floats;
  const BitsTag bits;
  const std::size_t lanes = hn::Lanes(floats);
  BitsVec largest = hn::Zero(bits);
  BitsVec other = hn::Zero(bits);
  std::size_t i = 0;
  for (; i + 2 * lanes <= values.size(); i += 2 * lanes) {
    largest = hn::Max(largest, Magnitude(hn::LoadU(floats, values.data() + i)));
    other = hn::Max(other, Magnitude(hn::LoadU(floats, values.data() + i + lanes)));
  }
  const std::uint32_t vector_max = hn::GetLane(hn::MaxOfLanes(bits, hn::Max(largest, other)));
  const float tail = reference::AbsMax(Tail(values, i));
  return std::bit_cast<float>(std::max(vector_max, reference::MagnitudeBits(tail)));
}

void AbsMaxInto(std::span<const float> row, std::span<float> maxima) {
  const FloatTag floats;
  const std::size_t lanes = hn::Lanes(floats);
  std::size_t j = 0;
  for (; j + lanes <= row.size(); j += lanes) {
    const BitsVec seen = Magnitude(hn::LoadU(floats, maxima.data() + j));
    const BitsVec now = Magnitude(hn::LoadU(floats, row.data() + j));
    hn::StoreU(hn::BitCast(floats, hn::Max(seen, now)), floats, maxima.data() + j);
  }
  reference::AbsMaxInto(Tail(row, j), Tail(maxima, j));
}

void StoreCodes(FloatVec quotients, std::int8_t* codes) {
  const FloatTag floats;
  const hn::Rebind<std::int8_t, FloatTag> bytes;
  const FloatVec limit = hn::Set(floats, 127.0F);
  const FloatVec steps = hn::Min(hn::Max(quotients, hn::Neg(limit)), limit);
  hn::StoreU(hn::DemoteTo(bytes, hn::NearestInt(steps)), bytes, codes);
}

void QuantizeRow(std::span<const float> values, float scale, std::span<std::int8_t> codes) {
  const FloatTag floats;
  const std::size_t lanes = hn::Lanes(floats);
  const FloatVec divisor = hn::Set(floats, scale);
  std::size_t i = 0;
  for (; i + lanes <= values.size(); i += lanes) {
    StoreCodes(hn::Div(hn::LoadU(floats, values.data() + i), divisor), codes.data() + i);
  }
  reference::QuantizeRow(Tail(values, i), scale, Tail(codes, i));
}

void QuantizeRowByColumn(std::span<const float> row, std::span<const float> scales,
                         std::span<std::int8_t> codes) {
  const FloatTag floats;
  const std::size_t lanes = hn::Lanes(floats);
  std::size_t j = 0;
  for (; j + lanes <= row.size(); j += lanes) {
    const FloatVec divisors = hn::LoadU(floats, scales.data() + j);
    StoreCodes(hn::Div(hn::LoadU(floats, row.data() + j), divisors), codes.data() + j);
  }
  reference::QuantizeRowByColumn(Tail(row, j), Tail(scales, j), Tail(codes, j));
}

// Integer arithmetic only, so that machines without float16 conversion agree with those that have
// it. Normal halves: the exponent is rebased and the 13 lowest bits are rounded away, halves to
// even; a carry moves into the exponent as it should. Subnormal halves: adding 0.5 (whose last
// place is the smallest half, 2^-24) makes the float adder round for us.
void ToHalf(std::span<const float> values, std::span<std::uint16_t> halves) {
  const FloatTag floats;
  const BitsTag bits;
  const hn::Rebind<std::uint16_t, FloatTag> shorts;
  const std::size_t lanes = hn::Lanes(floats);
  const FloatVec half = hn::Set(floats, 0.5F);
  const BitsVec smallest_normal = hn::Set(bits, 0x38800000U);  // 2^-14
  std::size_t i = 0;
  for (; i + lanes <= values.size(); i += lanes) {
    const BitsVec input = hn::BitCast(bits, hn::LoadU(floats, values.data() + i));
    const BitsVec magnitude = hn::And(input, hn::Set(bits, 0x7FFFFFFFU));
    const BitsVec sign = hn::ShiftRight<16>(hn::Xor(input, magnitude));
    const BitsVec odd = hn::And(hn::ShiftRight<13>(magnitude), hn::Set(bits, 1U));
    const BitsVec rebased = hn::Sub(magnitude, hn::Set(bits, (112U << 23U) - 0xFFFU));
    const BitsVec normal = hn::ShiftRight<13>(hn::Add(rebased, odd));
    const FloatVec sum = hn::Add(hn::BitCast(floats, magnitude), half);
    const BitsVec subnormal = hn::Sub(hn::BitCast(bits, sum), hn::BitCast(bits, half));
    const auto is_small = hn::Lt(magnitude, smallest_normal);
    const BitsVec rounded = hn::Or(hn::IfThenElse(is_small, subnormal, normal), sign);
    const hn::RebindToSigned<BitsTag> ints;
    hn::StoreU(hn::DemoteTo(shorts, hn::BitCast(ints, rounded)), shorts, halves.data() + i);
  }
  reference::ToHalf(Tail(values, i), Tail(halves, i));
}

}  // namespace quantbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantbench::kernels {

HWY_EXPORT(AbsMax);
HWY_EXPORT(AbsMaxInto);
HWY_EXPORT(QuantizeRow);
HWY_EXPORT(QuantizeRowByColumn);
HWY_EXPORT(ToHalf);

float AbsMax(std::span<const float> values) {
  return HWY_DYNAMIC_DISPATCH(AbsMax)(values);
}

void AbsMaxInto(std::span<const float> row, std::span<float> maxima) {
  HWY_DYNAMIC_DISPATCH(AbsMaxInto)(row, maxima);
}

void QuantizeRow(std::span<const float> values, float scale, std::span<std::int8_t> codes) {
  HWY_DYNAMIC_DISPATCH(QuantizeRow)(values, scale, codes);
}

void QuantizeRowByColumn(std::span<const float> row, std::span<const float> scales,
                         std::span<std::int8_t> codes) {
  HWY_DYNAMIC_DISPATCH(QuantizeRowByColumn)(row, scales, codes);
}

void ToHalf(std::span<const float> values, std::span<std::uint16_t> halves) {
  HWY_DYNAMIC_DISPATCH(ToHalf)(values, halves);
}

}  // namespace quantbench::kernels
#endif
