// Ranges of values, with Highway: compiled once per instruction set, chosen when first called.
#include "quantize/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "quantize/kernels_ranges.cc"  // NOLINT(readability-identifier-naming)
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

HWY_INLINE BitsVec Magnitude(FloatVec values) {
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
  const float tail = reference::AbsMax(reference::Tail(values, i));
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
  reference::AbsMaxInto(reference::Tail(row, j), reference::Tail(maxima, j));
}

// A float's bits as a signed number that orders like the float: NaN lies beyond infinity.
using KeyTag = hn::RebindToSigned<FloatTag>;
using KeyVec = hn::Vec<KeyTag>;

HWY_INLINE KeyVec Flip(KeyVec bits) {
  return hn::Xor(bits, hn::And(hn::ShiftRight<31>(bits), hn::Set(KeyTag(), 0x7FFFFFFF)));
}

HWY_INLINE KeyVec LoadKeys(const float* values) {
  return Flip(hn::BitCast(KeyTag(), hn::LoadU(FloatTag(), values)));
}

void BlockRanges(std::span<const float> row, std::size_t block, std::span<float> lows,
                 std::span<float> highs) {
  const KeyTag keys;
  const std::size_t lanes = hn::Lanes(keys);
  for (std::size_t b = 0; b < lows.size(); ++b) {
    const std::span<const float> values = reference::Block(row, block, b);
    KeyVec low = hn::Set(keys, reference::OrderKey(values[0]));
    KeyVec high = low;
    std::size_t i = 0;
    for (; i + lanes <= values.size(); i += lanes) {
      const KeyVec now = LoadKeys(values.data() + i);
      low = hn::Min(low, now);
      high = hn::Max(high, now);
    }
    std::int32_t lowest = hn::GetLane(hn::MinOfLanes(keys, low));
    std::int32_t highest = hn::GetLane(hn::MaxOfLanes(keys, high));
    for (const float value : reference::Tail(values, i)) {
      lowest = std::min(lowest, reference::OrderKey(value));
      highest = std::max(highest, reference::OrderKey(value));
    }
    lows[b] = reference::FromOrderKey(lowest);
    highs[b] = reference::FromOrderKey(highest);
  }
}

void RangesInto(std::span<const float> row, std::span<float> lows, std::span<float> highs) {
  const FloatTag floats;
  const std::size_t lanes = hn::Lanes(floats);
  std::size_t j = 0;
  for (; j + lanes <= row.size(); j += lanes) {
    const KeyVec now = LoadKeys(row.data() + j);
    const KeyVec low = hn::Min(LoadKeys(lows.data() + j), now);
    const KeyVec high = hn::Max(LoadKeys(highs.data() + j), now);
    hn::StoreU(hn::BitCast(floats, Flip(low)), floats, lows.data() + j);
    hn::StoreU(hn::BitCast(floats, Flip(high)), floats, highs.data() + j);
  }
  reference::RangesInto(reference::Tail(row, j), reference::Tail(lows, j),
                        reference::Tail(highs, j));
}

}  // namespace quantbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantbench::kernels {

HWY_EXPORT(AbsMax);
HWY_EXPORT(AbsMaxInto);
HWY_EXPORT(BlockRanges);
HWY_EXPORT(RangesInto);

float AbsMax(std::span<const float> values) {
  return HWY_DYNAMIC_DISPATCH(AbsMax)(values);
}

void AbsMaxInto(std::span<const float> row, std::span<float> maxima) {
  HWY_DYNAMIC_DISPATCH(AbsMaxInto)(row, maxima);
}

void BlockRanges(std::span<const float> row, std::size_t block, std::span<float> lows,
                 std::span<float> highs) {
  HWY_DYNAMIC_DISPATCH(BlockRanges)(row, block, lows, highs);
}

void RangesInto(std::span<const float> row, std::span<float> lows, std::span<float> highs) {
  HWY_DYNAMIC_DISPATCH(RangesInto)(row, lows, highs);
}

}  // namespace quantbench::kernels
#endif
