// From an encoded image to a model's input. 8-bit pixels take 256 values a channel, so scale, mean
// and standard deviation are a table; what the table does not cover goes the general way.
#include <array>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"

#include "data/preprocess.h"

namespace quantbench {
namespace {

constexpr double kPixelScale = 1.0 / 255.0;

// The input's value of every pixel value, by the general way, so that both agree to the bit.
// Absent when the input is not float or the numbers are not a channel each.
std::optional<std::vector<std::array<float, 256>>> PixelTable(const Preprocess& preprocess,
                                                              std::size_t channels) {
  Tensor ramp{DataType::kUint8, {static_cast<std::int64_t>(channels), 256, 1}, {}};
  for (std::size_t c = 0; c < channels; ++c) {
    for (int value = 0; value < 256; ++value) ramp.bytes.push_back(static_cast<std::byte>(value));
  }
  Preprocess plain = preprocess;
  plain.stored = "nchw";
  const InputSpec any{"ramp", DataType::kFloat32, {-1, -1, -1, -1}, {"", "", "", ""}, true};
  const auto values = ToInput(ramp, plain, kPixelScale, any);
  if (!values.ok()) return std::nullopt;
  const std::span<const float> floats = values.value().As<float>();
  std::vector<std::array<float, 256>> table(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    std::copy_n(floats.begin() + static_cast<std::ptrdiff_t>(256 * c), 256, table[c].begin());
  }
  return table;
}

Tensor ApplyTable(const Image& image, const std::vector<std::array<float, 256>>& table, bool bgr,
                  bool planar) {
  const auto channels = static_cast<std::size_t>(image.channels);
  const std::size_t pixels = image.pixels.size() / channels;
  const Shape shape = planar ? Shape{image.channels, image.height, image.width}
                             : Shape{image.height, image.width, image.channels};
  Tensor tensor{DataType::kFloat32, shape,
                std::vector<std::byte>(image.pixels.size() * sizeof(float))};
  auto* out = reinterpret_cast<float*>(tensor.bytes.data());
  for (std::size_t c = 0; c < channels; ++c) {
    const std::size_t from = bgr ? channels - 1 - c : c;
    const std::array<float, 256>& values = table[c];
    const std::uint8_t* in = image.pixels.data() + from;
    float* to = out + (planar ? c * pixels : c);
    const std::size_t step = planar ? 1 : channels;
    for (std::size_t i = 0; i < pixels; ++i) to[i * step] = values[in[i * channels]];
  }
  return tensor;
}

}  // namespace

Result<Image> LoadImage(const std::filesystem::path& path, const Preprocess& preprocess) {
  QB_TRY(const auto file, MappedFile::Open(path));
  return DecodeImage(file->text(), path.string(), preprocess.channels == "gray" ? 1 : 3);
}

Result<Tensor> ImageToInput(Image image, const std::string& name, const Preprocess& preprocess,
                            const InputSpec& input) {
  const bool bgr = preprocess.channels == "bgr";
  auto resized = ResizeAndCrop(std::move(image), preprocess);
  if (!resized.ok()) return resized.error().Within(name);
  image = std::move(resized).value();
  const auto channels = static_cast<std::size_t>(image.channels);
  if (input.type == DataType::kFloat32) {
    if (const auto table = PixelTable(preprocess, channels)) {
      Tensor tensor = ApplyTable(image, *table, bgr, preprocess.layout != "nhwc");
      if (FitsInput(tensor.shape, input)) return tensor;
    }
  }
  Preprocess general = preprocess;
  general.stored = "nhwc";
  auto tensor = ToInput(PixelsOf(image, bgr), general, kPixelScale, input);
  if (!tensor.ok()) return tensor.error().Within(name);
  return tensor;
}

}  // namespace quantbench
