// Signed symmetric codes, with Highway: compiled once per instruction set, chosen when first
// called.
#include "quantize/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "quantize/kernels_int8.cc"  // NOLINT(readability-identifier-naming)
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "quantize/kernels_reference.h"

HWY_BEFORE_NAMESPACE();
namespace quantbench::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using FloatTag = hn::ScalableTag<float>;
using FloatVec = hn::Vec<FloatTag>;

HWY_INLINE void StoreCodes(FloatVec quotients, std::int8_t* codes) {
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
  reference::QuantizeRow(reference::Tail(values, i), scale, reference::Tail(codes, i));
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
  reference::QuantizeRowByColumn(reference::Tail(row, j), reference::Tail(scales, j),
                                 reference::Tail(codes, j));
}

}  // namespace quantbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantbench::kernels {

HWY_EXPORT(QuantizeRow);
HWY_EXPORT(QuantizeRowByColumn);

void QuantizeRow(std::span<const float> values, float scale, std::span<std::int8_t> codes) {
  HWY_DYNAMIC_DISPATCH(QuantizeRow)(values, scale, codes);
}

void QuantizeRowByColumn(std::span<const float> row, std::span<const float> scales,
                         std::span<std::int8_t> codes) {
  HWY_DYNAMIC_DISPATCH(QuantizeRowByColumn)(row, scales, codes);
}

}  // namespace quantbench::kernels
#endif
