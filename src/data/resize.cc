// Resizing: PIL's BILINEAR, whose support grows with the reduction, in PIL's own fixed point.
//
// PIL computes coefficients in double, normalizes them, rounds them to 22 fractional bits, and runs
// a horizontal and then a vertical pass, each rounding to 8 bits. The same arithmetic here gives
// the same pixels.   [Pillow 9.4, the behaviour of Image.resize; tests/data/preprocess holds
// expectations]
#include <algorithm>
#include <array>
#include <cmath>

#include "quantbench/data.h"

namespace quantbench {
namespace {

constexpr int kFractionBits = 32 - 8 - 2;

// For every output position: the first input position and the weights from there on.
struct Taps {
  std::vector<int> first;
  std::vector<int> count;
  std::vector<std::int32_t> weights;  // `widest` for each position
  int widest = 0;
};

// Truncating x + 0.5 is what PIL does, and what makes the pixels equal.
// NOLINTBEGIN(bugprone-incorrect-roundings)
Taps MakeTaps(int in, int out) {
  const double scale = static_cast<double>(in) / out;
  const double filter_scale = std::max(scale, 1.0);
  const double support = filter_scale;  // bilinear: a triangle of half-width 1
  Taps taps;
  taps.widest = static_cast<int>(std::ceil(support)) * 2 + 1;
  taps.weights.assign(static_cast<std::size_t>(out) * static_cast<std::size_t>(taps.widest), 0);
  for (int position = 0; position < out; ++position) {
    const double center = (position + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(center - support + 0.5));
    const int end = std::min(in, static_cast<int>(center + support + 0.5));
    std::vector<double> weights;
    double sum = 0;
    for (int i = first; i < end; ++i) {
      const double distance = std::fabs((i - center + 0.5) / filter_scale);
      weights.push_back(distance < 1.0 ? 1.0 - distance : 0.0);
      sum += weights.back();
    }
    const std::size_t base =
        static_cast<std::size_t>(position) * static_cast<std::size_t>(taps.widest);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double weight = sum != 0 ? weights[i] / sum : 0;
      taps.weights[base + i] = static_cast<std::int32_t>(0.5 + weight * (1 << kFractionBits));
    }
    taps.first.push_back(first);
    taps.count.push_back(end - first);
  }
  return taps;
}
// NOLINTEND(bugprone-incorrect-roundings)

std::uint8_t ToByte(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kFractionBits, 0, 255));
}

// One row of interleaved pixels, filtered along itself.
template <std::size_t kChannels>
void FilterRow(const std::uint8_t* in, const Taps& taps, std::uint8_t* out) {
  for (std::size_t position = 0; position < taps.first.size(); ++position) {
    const std::int32_t* weights =
        taps.weights.data() + position * static_cast<std::size_t>(taps.widest);
    const std::uint8_t* from = in + static_cast<std::size_t>(taps.first[position]) * kChannels;
    std::array<std::int32_t, kChannels> sums;
    sums.fill(1 << (kFractionBits - 1));
    for (int i = 0; i < taps.count[position]; ++i, from += kChannels) {
      for (std::size_t c = 0; c < kChannels; ++c) sums[c] += from[c] * weights[i];
    }
    for (std::size_t c = 0; c < kChannels; ++c) out[position * kChannels + c] = ToByte(sums[c]);
  }
}

// One row of the result from the rows it covers; `sums` is scratch of `stride` elements.
void FilterColumns(const std::uint8_t* in, std::size_t stride, const Taps& taps,
                   std::size_t position, std::vector<std::int32_t>* sums, std::uint8_t* out) {
  const std::int32_t* weights =
      taps.weights.data() + position * static_cast<std::size_t>(taps.widest);
  std::fill(sums->begin(), sums->end(), 1 << (kFractionBits - 1));
  std::int32_t* sum = sums->data();
  for (int i = 0; i < taps.count[position]; ++i) {
    const std::uint8_t* row = in + static_cast<std::size_t>(taps.first[position] + i) * stride;
    const std::int32_t weight = weights[i];
    for (std::size_t x = 0; x < stride; ++x) sum[x] += row[x] * weight;
  }
  for (std::size_t x = 0; x < stride; ++x) out[x] = ToByte(sum[x]);
}

}  // namespace

Image ResizeBilinear(const Image& image, int width, int height) {
  const auto channels = static_cast<std::size_t>(image.channels);
  Image wide{width, image.height, image.channels, {}};
  wide.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(image.height) *
                     channels);
  if (width == image.width) {
    wide.pixels = image.pixels;
  } else {
    const Taps taps = MakeTaps(image.width, width);
    const auto filter = channels == 1 ? FilterRow<1> : FilterRow<3>;
    for (std::size_t row = 0; row < static_cast<std::size_t>(image.height); ++row) {
      filter(image.pixels.data() + row * static_cast<std::size_t>(image.width) * channels, taps,
             wide.pixels.data() + row * static_cast<std::size_t>(width) * channels);
    }
  }
  if (height == image.height) return wide;
  Image result{width, height, image.channels, {}};
  const std::size_t stride = static_cast<std::size_t>(width) * channels;
  result.pixels.resize(stride * static_cast<std::size_t>(height));
  const Taps taps = MakeTaps(image.height, height);
  std::vector<std::int32_t> sums(stride);
  for (std::size_t row = 0; row < static_cast<std::size_t>(height); ++row) {
    FilterColumns(wide.pixels.data(), stride, taps, row, &sums,
                  result.pixels.data() + row * stride);
  }
  return result;
}

}  // namespace quantbench
