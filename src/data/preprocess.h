// Preprocessing: from pixels or stored numbers to what the model takes.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "quantbench/data.h"

namespace quantbench {

// Resize of the short side, then centre crop, as torchvision's Resize(int) and CenterCrop do on PIL
// images; a crop beyond the image is padded with zeros. kMalformed: a long, narrow image would
// become more than 64 Mpixel.
Result<Image> ResizeAndCrop(Image image, const Preprocess& preprocess);

// Pixels as a uint8 tensor [height, width, channels]; "bgr" swaps the channels.
Tensor PixelsOf(const Image& image, bool bgr);

// Scale, mean and standard deviation, layout, and conversion to the input's element type; `sample`
// has no batch dimension. Errors name what does not fit.
Result<Tensor> ToInput(const Tensor& sample, const Preprocess& preprocess, double default_scale,
                       const InputSpec& input);

// A decoded image resized, cropped and turned into the input. Errors name it.
Result<Tensor> ImageToInput(Image image, const std::string& name, const Preprocess& preprocess,
                            const InputSpec& input);

// The image file at `path`, read and decoded for `preprocess`. Errors name it.
Result<Image> LoadImage(const std::filesystem::path& path, const Preprocess& preprocess);

// Whether [shape] without batch is what the input takes.
[[nodiscard]] bool FitsInput(const Shape& shape, const InputSpec& input);

}  // namespace quantbench
