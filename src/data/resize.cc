// Resizing: PIL's BILINEAR, whose support grows with the reduction, in PIL's own fixed point.
//
// PIL computes coefficients in double, normalizes them, rounds them to 22 fractional bits, and runs
// a horizontal and then a vertical pass, each rounding to 8 bits. The same arithmetic here gives
// the same pixels.   [Pillow 9.4, the behaviour of Image.resize; tests/data/preprocess holds
// expectations]
#include <algorithm>
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

// One pass along an axis. `step` is the distance of neighbours along it, `lines` the starts of the
// lines to filter, `out_step` likewise for the result.
void Pass(const std::uint8_t* in, std::size_t step, const Taps& taps, std::uint8_t* out,
          std::size_t out_step) {
  for (std::size_t position = 0; position < taps.first.size(); ++position) {
    const std::int32_t* weights =
        taps.weights.data() + position * static_cast<std::size_t>(taps.widest);
    std::int32_t sum = 1 << (kFractionBits - 1);
    for (int i = 0; i < taps.count[position]; ++i) {
      sum += in[static_cast<std::size_t>(taps.first[position] + i) * step] * weights[i];
    }
    out[position * out_step] = ToByte(sum);
  }
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
    for (std::size_t row = 0; row < static_cast<std::size_t>(image.height); ++row) {
      const std::uint8_t* in =
          image.pixels.data() + row * static_cast<std::size_t>(image.width) * channels;
      std::uint8_t* out = wide.pixels.data() + row * static_cast<std::size_t>(width) * channels;
      for (std::size_t c = 0; c < channels; ++c) Pass(in + c, channels, taps, out + c, channels);
    }
  }
  if (height == image.height) return wide;
  Image result{width, height, image.channels, {}};
  const std::size_t stride = static_cast<std::size_t>(width) * channels;
  result.pixels.resize(stride * static_cast<std::size_t>(height));
  const Taps taps = MakeTaps(image.height, height);
  for (std::size_t column = 0; column < stride; ++column) {
    Pass(wide.pixels.data() + column, stride, taps, result.pixels.data() + column, stride);
  }
  return result;
}

}  // namespace quantbench
