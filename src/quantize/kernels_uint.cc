// Unsigned codes with zero points, and 4-bit ones packed, with Highway: compiled once per
// instruction set, chosen when first called.
#include <algorithm>
#include <array>

#include "quantize/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "quantize/kernels_uint.cc"  // NOLINT(readability-identifier-naming)
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "quantize/kernels_reference.h"

HWY_BEFORE_NAMESPACE();
namespace quantbench::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using FloatTag = hn::ScalableTag<float>;
using FloatVec = hn::Vec<FloatTag>;
using ByteTag = hn::Rebind<std::uint8_t, FloatTag>;

// Clamping first gives the same codes as adding first: the limits are whole numbers of steps.
HWY_INLINE void StoreCodes(FloatVec quotients, FloatVec zero_points, FloatVec highest,
                           std::uint8_t* codes) {
  const hn::RebindToSigned<FloatTag> ints;
  const FloatVec steps =
      hn::Min(hn::Max(quotients, hn::Neg(zero_points)), hn::Sub(highest, zero_points));
  const auto sums = hn::Add(hn::NearestInt(steps), hn::ConvertTo(ints, zero_points));
  hn::StoreU(hn::DemoteTo(ByteTag(), sums), ByteTag(), codes);
}

void QuantizeBlocks(std::span<const float> row, std::size_t block, const AffineBlocks& blocks,
                    std::span<std::uint8_t> codes) {
  const FloatTag floats;
  const std::size_t lanes = hn::Lanes(floats);
  const FloatVec highest = hn::Set(floats, static_cast<float>(blocks.highest));
  for (std::size_t b = 0; b < blocks.scales.size(); ++b) {
    const std::span<const float> values = reference::Block(row, block, b);
    std::uint8_t* out = codes.data() + b * block;
    const FloatVec scale = hn::Set(floats, blocks.scales[b]);
    const FloatVec zero_point = hn::Set(floats, static_cast<float>(blocks.zero_points[b]));
    std::size_t i = 0;
    for (; i + lanes <= values.size(); i += lanes) {
      const FloatVec quotients = hn::Div(hn::LoadU(floats, values.data() + i), scale);
      StoreCodes(quotients, zero_point, highest, out + i);
    }
    for (; i < values.size(); ++i) {
      out[i] = reference::QuantizeUnsigned(values[i], blocks.scales[b], blocks.zero_points[b],
                                           blocks.highest);
    }
  }
}

void QuantizeColumns(std::span<const float> row, const AffineBlocks& columns,
                     std::span<std::uint8_t> codes) {
  const FloatTag floats;
  const hn::RebindToSigned<FloatTag> ints;
  const std::size_t lanes = hn::Lanes(floats);
  const FloatVec highest = hn::Set(floats, static_cast<float>(columns.highest));
  std::size_t j = 0;
  for (; j + lanes <= row.size(); j += lanes) {
    const FloatVec scales = hn::LoadU(floats, columns.scales.data() + j);
    const auto points = hn::PromoteTo(ints, hn::LoadU(ByteTag(), columns.zero_points.data() + j));
    const FloatVec quotients = hn::Div(hn::LoadU(floats, row.data() + j), scales);
    StoreCodes(quotients, hn::ConvertTo(floats, points), highest, codes.data() + j);
  }
  reference::QuantizeColumns(reference::Tail(row, j),
                             {reference::Tail(columns.scales, j),
                              reference::Tail(columns.zero_points, j), columns.highest},
                             reference::Tail(codes, j));
}

// A vector of columns.
HWY_INLINE void AddErrors(const float* row, const float* scales, const std::uint8_t* zero_points,
                          FloatVec highest, float* errors) {
  const FloatTag floats;
  const hn::RebindToSigned<FloatTag> ints;
  const FloatVec values = hn::LoadU(floats, row);
  const FloatVec scale = hn::LoadU(floats, scales);
  const FloatVec zero_point =
      hn::ConvertTo(floats, hn::PromoteTo(ints, hn::LoadU(ByteTag(), zero_points)));
  const FloatVec steps =
      hn::Min(hn::Max(hn::Div(values, scale), hn::Neg(zero_point)), hn::Sub(highest, zero_point));
  const FloatVec error = hn::NegMulAdd(hn::Round(steps), scale, values);
  hn::StoreU(hn::MulAdd(error, error, hn::LoadU(floats, errors)), floats, errors);
}

// The last columns go through the same instructions as the others: the sum of a column does not
// depend on where it lies.
void AddColumnErrors(std::span<const float> row, const AffineBlocks& columns,
                     std::span<float> errors) {
  const FloatTag floats;
  const std::size_t lanes = hn::Lanes(floats);
  const FloatVec highest = hn::Set(floats, static_cast<float>(columns.highest));
  std::size_t j = 0;
  for (; j + lanes <= row.size(); j += lanes) {
    AddErrors(row.data() + j, columns.scales.data() + j, columns.zero_points.data() + j, highest,
              errors.data() + j);
  }
  if (j == row.size()) return;
  std::array<float, hn::MaxLanes(floats)> values{};
  std::array<float, hn::MaxLanes(floats)> sums{};
  std::array<float, hn::MaxLanes(floats)> scales;
  std::array<std::uint8_t, hn::MaxLanes(floats)> zero_points{};
  scales.fill(1);
  std::ranges::copy(reference::Tail(row, j), values.begin());
  std::ranges::copy(reference::Tail(columns.scales, j), scales.begin());
  std::ranges::copy(reference::Tail(columns.zero_points, j), zero_points.begin());
  std::ranges::copy(reference::Tail(errors, j), sums.begin());
  AddErrors(values.data(), scales.data(), zero_points.data(), highest, sums.data());
  std::copy_n(sums.begin(), row.size() - j, errors.begin() + static_cast<std::ptrdiff_t>(j));
}

// Two codes are one 16-bit lane, the first in its low byte: shifting the lane right by 4 puts the
// second beside the first.
void PackNibbles(std::span<const std::uint8_t> codes, std::span<std::uint8_t> packed) {
  std::size_t i = 0;
#if HWY_TARGET != HWY_SCALAR  // one byte is no pair
  const hn::ScalableTag<std::uint8_t> bytes;
  const hn::Repartition<std::uint16_t, decltype(bytes)> pairs;
  const hn::RebindToSigned<decltype(pairs)> signed_pairs;
  const hn::Rebind<std::uint8_t, decltype(pairs)> half;
  const std::size_t lanes = hn::Lanes(bytes);
  for (; i + lanes <= codes.size(); i += lanes) {
    const auto two = hn::BitCast(pairs, hn::LoadU(bytes, codes.data() + i));
    const auto joined =
        hn::And(hn::Or(two, hn::ShiftRight<4>(two)), hn::Set(pairs, std::uint16_t{0xFF}));
    hn::StoreU(hn::DemoteTo(half, hn::BitCast(signed_pairs, joined)), half, packed.data() + i / 2);
  }
#endif
  reference::PackNibbles(reference::Tail(codes, i), reference::Tail(packed, i / 2));
}

}  // namespace quantbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantbench::kernels {

HWY_EXPORT(QuantizeBlocks);
HWY_EXPORT(QuantizeColumns);
HWY_EXPORT(AddColumnErrors);
HWY_EXPORT(PackNibbles);

void QuantizeBlocks(std::span<const float> row, std::size_t block, const AffineBlocks& blocks,
                    std::span<std::uint8_t> codes) {
  HWY_DYNAMIC_DISPATCH(QuantizeBlocks)(row, block, blocks, codes);
}

void QuantizeColumns(std::span<const float> row, const AffineBlocks& columns,
                     std::span<std::uint8_t> codes) {
  HWY_DYNAMIC_DISPATCH(QuantizeColumns)(row, columns, codes);
}

void AddColumnErrors(std::span<const float> row, const AffineBlocks& columns,
                     std::span<float> errors) {
  HWY_DYNAMIC_DISPATCH(AddColumnErrors)(row, columns, errors);
}

void PackNibbles(std::span<const std::uint8_t> codes, std::span<std::uint8_t> packed) {
  HWY_DYNAMIC_DISPATCH(PackNibbles)(codes, packed);
}

}  // namespace quantbench::kernels
#endif
