// Resizing and cropping in one go.
#pragma once

#include <cstdint>

#include "quantbench/data.h"

namespace quantbench {

// Of an image, decoded or resized.
constexpr std::int64_t kMostPixels = std::int64_t{64} << 20U;

// Some pixels of an image: columns [left, left + width), rows [top, top + height).
struct Window {
  int left = 0;
  int top = 0;
  int width = 0;
  int height = 0;
};

// The window of ResizeBilinear(image, width, height), inside it: only what it needs is computed.
[[nodiscard]] Image ResizeWindow(const Image& image, int width, int height, const Window& window);

// The window of the image; what lies outside the image is zero.
[[nodiscard]] Image CropWindow(const Image& image, const Window& window);

}  // namespace quantbench
