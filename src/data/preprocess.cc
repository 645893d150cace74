// Preprocessing: from pixels or stored numbers to what the model takes.
#include "data/preprocess.h"

#include <algorithm>
#include <climits>
#include <cmath>
#include <cstring>
#include <limits>

#include "quantbench/base/format.h"

#include "data/resize.h"

namespace quantbench {
namespace {

// Sizes the input's dimensions without its batch.
std::span<const std::int64_t> SampleDims(const InputSpec& input) {
  const std::span<const std::int64_t> dims = input.dims;
  return input.batched && !dims.empty() ? dims.subspan(1) : dims;
}

// [h, w, c] to [c, h, w].
Tensor ChannelsFirst(const Tensor& tensor) {
  const auto height = static_cast<std::size_t>(tensor.shape[0]);
  const auto width = static_cast<std::size_t>(tensor.shape[1]);
  const auto channels = static_cast<std::size_t>(tensor.shape[2]);
  const auto element = static_cast<std::size_t>(BitsPerElement(tensor.type) / 8);
  Tensor result{tensor.type, {tensor.shape[2], tensor.shape[0], tensor.shape[1]}, {}};
  result.bytes.resize(tensor.bytes.size());
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t pixel = 0; pixel < height * width; ++pixel) {
      std::memcpy(result.bytes.data() + (c * height * width + pixel) * element,
                  tensor.bytes.data() + (pixel * channels + c) * element, element);
    }
  }
  return result;
}

// x * scale, then (x - mean) / std, in float as torchvision computes it.
class Affine {
 public:
  Affine(const Preprocess& preprocess, double scale) : scale_(scale), preprocess_(preprocess) {}

  [[nodiscard]] bool identity() const {
    return scale_ == 1 && preprocess_.mean.empty() && preprocess_.std.empty();
  }

  // The axis that mean and std run along; -1 when they are scalars.
  [[nodiscard]] Result<std::int64_t> Axis(const Shape& shape) const {
    const std::size_t n = std::max(preprocess_.mean.size(), preprocess_.std.size());
    if (n <= 1) return -1;
    const auto wanted = static_cast<std::int64_t>(n);
    if (!shape.empty() && shape.front() == wanted) return 0;
    if (!shape.empty() && shape.back() == wanted)
      return static_cast<std::int64_t>(shape.size()) - 1;
    return Error(ErrorCode::kInvalidArgument,
                 Format("preprocess has {} means or standard deviations, the sample has shape {}",
                        n, ToString(shape)));
  }

  [[nodiscard]] float Apply(double value, std::size_t channel) const {
    // float32 throughout: ToTensor divides in float32, Normalize subtracts and divides in float32.
    auto x = static_cast<float>(value);
    if (scale_ == 1.0 / 255.0) {
      x /= 255.0F;
    } else if (scale_ != 1) {
      x *= static_cast<float>(scale_);
    }
    if (!preprocess_.mean.empty()) x -= static_cast<float>(Pick(preprocess_.mean, channel));
    if (!preprocess_.std.empty()) x /= static_cast<float>(Pick(preprocess_.std, channel));
    return x;
  }

 private:
  static double Pick(const std::vector<double>& values, std::size_t channel) {
    return values.size() == 1 ? values[0] : values[channel];
  }
  double scale_;
  const Preprocess& preprocess_;
};

Result<Tensor> Normalize(const Tensor& sample, const Affine& affine) {
  QB_TRY(const std::int64_t axis, affine.Axis(sample.shape));
  QB_TRY(const std::vector<double> values, ToDoubles(sample));
  std::size_t inner = 1;
  std::size_t channels = 1;
  if (axis >= 0) {
    channels = static_cast<std::size_t>(sample.shape[static_cast<std::size_t>(axis)]);
    for (std::size_t i = static_cast<std::size_t>(axis) + 1; i < sample.shape.size(); ++i) {
      inner *= static_cast<std::size_t>(sample.shape[i]);
    }
  }
  std::vector<float> out(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    out[i] = affine.Apply(values[i], i / inner % channels);
  }
  return Tensor::OfFloats(sample.shape, out);
}

// The largest and smallest value of an integer type as doubles.
std::pair<double, double> IntegerRange(DataType type) {
  const int bits = BitsPerElement(type);
  const bool is_unsigned = Name(type).starts_with('u');
  if (is_unsigned) return {0, std::ldexp(1, bits) - 1};
  return {-std::ldexp(1, bits - 1), std::ldexp(1, bits - 1) - 1};
}

Result<Tensor> Convert(Tensor sample, const InputSpec& input) {
  if (sample.type == input.type) return sample;
  QB_TRY(const std::vector<double> values, ToDoubles(sample));
  if (IsInteger(input.type)) {
    const auto [low, high] = IntegerRange(input.type);
    for (const double value : values) {
      if (value != std::trunc(value) || value < low || value > high) {
        return Error(ErrorCode::kInvalidArgument,
                     Format("{} is not a value of {}", value, Name(input.type)));
      }
    }
  }
  return FromDoubles(input.type, sample.shape, values);
}

struct Size {
  int width = 0;
  int height = 0;
};

Result<Image> ResizeWhole(Image image, const Size& size) {
  if (size.width == image.width && size.height == image.height) return image;
  if (std::int64_t{size.width} * size.height > kMostPixels) {
    return Error(ErrorCode::kMalformed,
                 Format("{} x {} pixels resized to {} x {} are outside the limit of {} million",
                        image.width, image.height, size.width, size.height, kMostPixels >> 20U));
  }
  return ResizeBilinear(image, size.width, size.height);
}

// The size that makes the short side `side` pixels, the long one in proportion, rounded down as
// torchvision does; the image's own for 0.
Size ResizedSize(const Image& image, int side) {
  if (side <= 0) return {image.width, image.height};
  const auto longer = [&](int long_side, int short_side) {
    return static_cast<int>(
        std::min<std::int64_t>(std::int64_t{side} * long_side / short_side, INT_MAX));
  };
  if (image.width >= image.height) return {longer(image.width, image.height), side};
  return {side, longer(image.height, image.width)};
}

}  // namespace

bool FitsInput(const Shape& shape, const InputSpec& input) {
  const std::span<const std::int64_t> dims = SampleDims(input);
  if (shape.size() != dims.size()) return false;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (dims[i] >= 0 && dims[i] != shape[i]) return false;
  }
  return true;
}

Result<Image> ResizeAndCrop(Image image, const Preprocess& preprocess) {
  if (preprocess.size.size() == 2) {
    const Size size{static_cast<int>(preprocess.size[1]), static_cast<int>(preprocess.size[0])};
    QB_TRY(image, ResizeWhole(std::move(image), size));
  }
  const auto [width, height] = ResizedSize(image, preprocess.resize);
  const bool same = width == image.width && height == image.height;
  const int side = preprocess.crop;
  if (side <= 0) return ResizeWhole(std::move(image), {width, height});
  // torchvision: offsets round((h - crop) / 2), halves to even; smaller images are padded first.
  const Window window{static_cast<int>(std::nearbyint((width - side) / 2.0)),
                      static_cast<int>(std::nearbyint((height - side) / 2.0)), side, side};
  if (same) return CropWindow(image, window);
  if (side <= width && side <= height) return ResizeWindow(image, width, height, window);
  QB_TRY(const Image whole, ResizeWhole(std::move(image), {width, height}));
  return CropWindow(whole, window);
}

Tensor PixelsOf(const Image& image, bool bgr) {
  Tensor tensor{DataType::kUint8, {image.height, image.width, image.channels}, {}};
  tensor.bytes.resize(image.pixels.size());
  std::memcpy(tensor.bytes.data(), image.pixels.data(), image.pixels.size());
  if (bgr && image.channels == 3) {
    for (std::size_t i = 0; i + 2 < tensor.bytes.size(); i += 3) {
      std::swap(tensor.bytes[i], tensor.bytes[i + 2]);
    }
  }
  return tensor;
}

Result<Tensor> ToInput(const Tensor& sample, const Preprocess& preprocess, double default_scale,
                       const InputSpec& input) {
  Tensor tensor = sample;
  if (preprocess.stored == "nhwc" && preprocess.layout == "nchw" && tensor.shape.size() == 3) {
    tensor = ChannelsFirst(tensor);
  }
  // A gray image without a channel axis, or vectors for a model that takes a single channel.
  const std::span<const std::int64_t> dims = SampleDims(input);
  if (tensor.shape.size() + 1 == dims.size() && (dims.front() == 1 || dims.front() < 0)) {
    tensor.shape.insert(tensor.shape.begin(), 1);
  }
  if (!FitsInput(tensor.shape, input)) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("a sample has shape {}, input \"{}\" takes {} without its batch",
                        ToString(tensor.shape), Printable(input.name), ToString(dims)));
  }
  const Affine affine(preprocess, preprocess.scale.value_or(default_scale));
  if (!affine.identity()) {
    QB_TRY(tensor, Normalize(tensor, affine));
  }
  return Convert(std::move(tensor), input);
}

}  // namespace quantbench
