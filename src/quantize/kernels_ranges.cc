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

std::size_t CountBelow(std::span<const float> values, float limit) {
  const BitsTag bits;
  const std::size_t lanes = hn::Lanes(bits);
  // 0 less 1 is the largest unsigned number.
  const BitsVec one = hn::Set(bits, 1U);
  const BitsVec end = hn::Set(bits, std::bit_cast<std::uint32_t>(limit) - 1U);
  std::size_t count = 0;
  std::size_t i = 0;
  for (; i + lanes <= values.size(); i += lanes) {
    const BitsVec now = Magnitude(hn::LoadU(FloatTag(), values.data() + i));
    count += hn::CountTrue(bits, hn::Lt(hn::Sub(now, one), end));
  }
  return count + reference::CountBelow(reference::Tail(values, i), limit);
}

std::size_t FindWideSum(std::span<const float> first, std::span<const float> second,
                        std::span<const float> limits, std::size_t from) {
  const FloatTag floats;
  const std::size_t lanes = hn::Lanes(floats);
  std::size_t i = from;
  for (; i + lanes <= first.size(); i += lanes) {
    const FloatVec sum =
        hn::Add(hn::LoadU(floats, first.data() + i), hn::LoadU(floats, second.data() + i));
    const auto wide = hn::Gt(hn::Abs(sum), hn::LoadU(floats, limits.data() + i));
    const auto lane = hn::FindFirstTrue(floats, wide);
    if (lane >= 0) return i + static_cast<std::size_t>(lane);
  }
  return reference::FindWideSum(first, second, limits, i);
}

std::size_t FindWidePair(std::span<const float> row, float limit, std::size_t from) {
  std::size_t i = from;
#if HWY_TARGET != HWY_SCALAR  // whose vectors hold no pairs
  const FloatTag floats;
  const std::size_t lanes = hn::Lanes(floats);
  const FloatVec limits = hn::Set(floats, limit);
  for (; i + lanes <= row.size(); i += lanes) {
    const FloatVec values = hn::LoadU(floats, row.data() + i);
    const auto wide = hn::Gt(hn::Abs(hn::Add(values, hn::Shuffle2301(values))), limits);
    const auto lane = hn::FindFirstTrue(floats, wide);
    if (lane >= 0) return i + static_cast<std::size_t>(lane);  // even: both of a pair are true
  }
#endif
  return reference::FindWidePair(row, limit, i);
}

}  // namespace quantbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantbench::kernels {

HWY_EXPORT(AbsMax);
HWY_EXPORT(AbsMaxInto);
HWY_EXPORT(BlockRanges);
HWY_EXPORT(RangesInto);
HWY_EXPORT(CountBelow);
HWY_EXPORT(FindWideSum);
HWY_EXPORT(FindWidePair);

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

std::size_t CountBelow(std::span<const float> values, float limit) {
  return HWY_DYNAMIC_DISPATCH(CountBelow)(values, limit);
}

std::size_t FindWideSum(std::span<const float> first, std::span<const float> second,
                        std::span<const float> limits, std::size_t from) {
  return HWY_DYNAMIC_DISPATCH(FindWideSum)(first, second, limits, from);
}

std::size_t FindWidePair(std::span<const float> row, float limit, std::size_t from) {
  return HWY_DYNAMIC_DISPATCH(FindWidePair)(row, limit, from);
}

}  // namespace quantbench::kernels
#endif
