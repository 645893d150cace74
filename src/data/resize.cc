// Resizing: PIL's BILINEAR, whose support grows with the reduction, in PIL's own fixed point.
//
// PIL computes coefficients in double, normalizes them, rounds them to 22 fractional bits, and runs
// a horizontal and then a vertical pass, each rounding to 8 bits. The same arithmetic here gives
// the same pixels.   [Pillow 9.4, the behaviour of Image.resize; tests/data/preprocess holds
// expectations]
#include "data/resize.h"

#include <algorithm>
#include <cmath>

#include "data/kernels_resize.h"

namespace quantbench {
namespace {

using kernels::Taps;

// Truncating x + 0.5 is what PIL does, and what makes the pixels equal.
// NOLINTBEGIN(bugprone-incorrect-roundings)
// The taps of the positions [begin, end) of `out`.
Taps MakeTaps(int in, int out, int begin, int end) {
  const double scale = static_cast<double>(in) / out;
  const double filter_scale = std::max(scale, 1.0);
  const double support = filter_scale;  // bilinear: a triangle of half-width 1
  Taps taps;
  taps.widest = static_cast<std::size_t>(std::ceil(support)) * 2 + 1;
  taps.weights.assign(static_cast<std::size_t>(end - begin) * taps.widest, 0);
  std::vector<double> weights;
  for (int position = begin; position < end; ++position) {
    const double center = (position + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(center - support + 0.5));
    const int last = std::min(in, static_cast<int>(center + support + 0.5));
    weights.clear();
    double sum = 0;
    for (int i = first; i < last; ++i) {
      const double distance = std::fabs((i - center + 0.5) / filter_scale);
      weights.push_back(distance < 1.0 ? 1.0 - distance : 0.0);
      sum += weights.back();
    }
    std::int32_t* fixed = taps.weights.data() + taps.runs.size() * taps.widest;
    for (const double weight : weights) {
      const double share = sum != 0 ? weight / sum : 0;
      *fixed++ = static_cast<std::int32_t>(0.5 + share * (1 << kernels::kTapBits));
    }
    taps.runs.push_back({static_cast<std::size_t>(first), weights.size()});
  }
  return taps;
}
// NOLINTEND(bugprone-incorrect-roundings)

std::size_t StrideOf(const Image& image) {
  return static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.channels);
}

// Rows [begin, end) of the image, each filtered along itself; kSlack bytes follow the last.
std::vector<std::uint8_t> FilterRows(const Image& image, const Taps& taps, std::size_t begin,
                                     std::size_t end) {
  const auto channels = static_cast<std::size_t>(image.channels);
  const std::size_t in_stride = StrideOf(image);
  const std::size_t stride = taps.runs.size() * channels;
  std::vector<std::uint8_t> filtered((end - begin) * stride + kernels::kSlack);
  std::vector<std::uint8_t> row(in_stride + kernels::kSlack);
  for (std::size_t y = begin; y < end; ++y) {
    std::copy_n(image.pixels.data() + y * in_stride, in_stride, row.data());
    kernels::FilterRow(row, channels, taps,
                       std::span(filtered).subspan((y - begin) * stride, stride + kernels::kSlack));
  }
  return filtered;
}

}  // namespace

Image ResizeWindow(const Image& image, int width, int height, const Window& window) {
  const Taps across = MakeTaps(image.width, width, window.left, window.left + window.width);
  Taps down = MakeTaps(image.height, height, window.top, window.top + window.height);
  const std::size_t begin = down.runs.front().first;
  const std::size_t end = down.runs.back().first + down.runs.back().count;
  const std::vector<std::uint8_t> rows = FilterRows(image, across, begin, end);
  for (Taps::Run& run : down.runs) run.first -= begin;
  Image result{window.width, window.height, image.channels, {}};
  const std::size_t stride = StrideOf(result);
  result.pixels.resize(stride * static_cast<std::size_t>(window.height));
  for (std::size_t y = 0; y < down.runs.size(); ++y) {
    kernels::FilterColumns(rows, down, y, std::span(result.pixels).subspan(y * stride, stride));
  }
  return result;
}

Image ResizeBilinear(const Image& image, int width, int height) {
  if (width == image.width && height == image.height) return image;
  return ResizeWindow(image, width, height, {0, 0, width, height});
}

Image CropWindow(const Image& image, const Window& window) {
  Image crop{window.width, window.height, image.channels, {}};
  const std::size_t stride = StrideOf(crop);
  crop.pixels.assign(stride * static_cast<std::size_t>(window.height), 0);
  const int begin = std::max(0, -window.left);
  const int end = std::min(window.width, image.width - window.left);
  const auto channels = static_cast<std::size_t>(image.channels);
  for (int y = 0; y < window.height && begin < end; ++y) {
    const int row = window.top + y;
    if (row < 0 || row >= image.height) continue;
    const std::uint8_t* from = image.pixels.data() +
                               static_cast<std::size_t>(row) * StrideOf(image) +
                               static_cast<std::size_t>(window.left + begin) * channels;
    std::copy_n(from, static_cast<std::size_t>(end - begin) * channels,
                crop.pixels.data() + static_cast<std::size_t>(y) * stride +
                    static_cast<std::size_t>(begin) * channels);
  }
  return crop;
}

}  // namespace quantbench
