// Sums over pixels, with Highway: compiled once per instruction set, chosen when first called.
#include "data/kernels_resize.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "data/kernels_resize.cc"  // NOLINT(readability-identifier-naming)
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "data/kernels_resize_reference.h"

HWY_BEFORE_NAMESPACE();
namespace quantbench::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// The pixel or the stretch that `from` begins, times a weight.
template <typename SumTag>
HWY_INLINE hn::Vec<SumTag> Weighted([[maybe_unused]] SumTag sums, const std::uint8_t* from,
                                    std::int32_t weight) {
  const hn::Rebind<std::uint8_t, SumTag> bytes;
  return hn::Mul(hn::PromoteTo(sums, hn::LoadU(bytes, from)), hn::Set(sums, weight));
}

// Shifts sums to bytes, clamped to [0, 255].
template <typename SumTag>
HWY_INLINE void StoreBytes([[maybe_unused]] SumTag sums, hn::Vec<SumTag> sum, std::uint8_t* to) {
  const hn::Rebind<std::uint8_t, SumTag> bytes;
  hn::StoreU(hn::DemoteTo(bytes, hn::ShiftRight<kTapBits>(sum)), bytes, to);
}

void FilterRow(std::span<const std::uint8_t> in, std::size_t channels, const Taps& taps,
               std::span<std::uint8_t> out) {
#if HWY_TARGET == HWY_SCALAR
  reference::FilterRow(in, channels, taps, out);
#else
  if (channels != 3) {
    reference::FilterRow(in, channels, taps, out);
    return;
  }
  // A vector holds a pixel and a byte of the next, which the next overwrites.
  const hn::FixedTag<std::int32_t, kSlack> sums;
  for (std::size_t position = 0; position < taps.runs.size(); ++position) {
    const std::int32_t* weights = taps.WeightsOf(position);
    const Taps::Run run = taps.runs[position];
    const std::uint8_t* from = in.data() + 3 * run.first;
    auto sum = hn::Set(sums, reference::kHalf);
    for (std::size_t i = 0; i < run.count; ++i) {
      sum = hn::Add(sum, Weighted(sums, from + 3 * i, weights[i]));
    }
    StoreBytes(sums, sum, out.data() + 3 * position);
  }
#endif
}

void FilterColumns(std::span<const std::uint8_t> in, const Taps& taps, std::size_t position,
                   std::span<std::uint8_t> out) {
  const hn::ScalableTag<std::int32_t> sums;
  const std::size_t lanes = hn::Lanes(sums);
  const std::int32_t* weights = taps.WeightsOf(position);
  const Taps::Run run = taps.runs[position];
  const std::uint8_t* first = in.data() + run.first * out.size();
  std::size_t x = 0;
  for (; x + 2 * lanes <= out.size(); x += 2 * lanes) {
    auto sum = hn::Set(sums, reference::kHalf);
    auto other = sum;
    for (std::size_t i = 0; i < run.count; ++i) {
      const std::uint8_t* from = first + i * out.size() + x;
      sum = hn::Add(sum, Weighted(sums, from, weights[i]));
      other = hn::Add(other, Weighted(sums, from + lanes, weights[i]));
    }
    StoreBytes(sums, sum, out.data() + x);
    StoreBytes(sums, other, out.data() + x + lanes);
  }
  reference::FilterColumns(in, taps, position, x, out);
}

}  // namespace quantbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantbench::kernels {

HWY_EXPORT(FilterRow);
HWY_EXPORT(FilterColumns);

void FilterRow(std::span<const std::uint8_t> in, std::size_t channels, const Taps& taps,
               std::span<std::uint8_t> out) {
  HWY_DYNAMIC_DISPATCH(FilterRow)(in, channels, taps, out);
}

void FilterColumns(std::span<const std::uint8_t> in, const Taps& taps, std::size_t position,
                   std::span<std::uint8_t> out) {
  HWY_DYNAMIC_DISPATCH(FilterColumns)(in, taps, position, out);
}

}  // namespace quantbench::kernels
#endif
