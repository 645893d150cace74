// Images: decoding, resizing and cropping against pixels that PIL made
// (tests/data/preprocess/make.py).
#include "data/preprocess.h"

#include <cstdlib>
#include <random>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/base/file.h"

#include "data/kernels_resize_reference.h"
#include "data/resize.h"

namespace quantbench {
namespace preprocess_test {

const std::string kFolder = std::string(QB_SOURCE_DIR) + "/tests/data/preprocess/";

struct Expectation {
  const char* file;
  int resize;
  int crop;
  int tolerance;  // grey levels; a JPEG decoder of another version may round differently by one
};

class PreprocessTest : public ::testing::TestWithParam<Expectation> {};

TEST_P(PreprocessTest, GivesThePixelsThatPilGives) {
  const Expectation expectation = GetParam();
  const std::string path = kFolder + expectation.file;
  const auto bytes = ReadFile(path);
  ASSERT_TRUE(bytes.ok());
  auto decoded = DecodeImage(bytes.value(), path, 3);
  ASSERT_TRUE(decoded.ok()) << decoded.error().message();
  Preprocess preprocess;
  preprocess.resize = expectation.resize;
  preprocess.crop = expectation.crop;
  const Image image = ResizeAndCrop(std::move(decoded).value(), preprocess).value();
  const auto expected = ReadNpy(path + ".npy");
  ASSERT_TRUE(expected.ok()) << expected.error().message();
  const Tensor pixels = PixelsOf(image, false);
  ASSERT_EQ(pixels.shape, expected.value().shape);
  const auto got = pixels.As<std::uint8_t>();
  const auto want = expected.value().As<std::uint8_t>();
  int worst = 0;
  for (std::size_t i = 0; i < got.size(); ++i) worst = std::max(worst, std::abs(got[i] - want[i]));
  EXPECT_LE(worst, expectation.tolerance);
}

INSTANTIATE_TEST_SUITE_P(
    Files, PreprocessTest,
    ::testing::Values(Expectation{"wide.png", 24, 20, 0}, Expectation{"palette.png", 21, 16, 0},
                      Expectation{"alpha.png", 21, 16, 0}, Expectation{"gray.png", 40, 33, 0},
                      Expectation{"wide.jpg", 24, 20, 1}, Expectation{"small.jpg", 50, 48, 1},
                      Expectation{"cmyk.jpg", 24, 20, 1}));

std::vector<std::uint8_t> RandomBytes(std::size_t count, std::mt19937* random) {
  std::vector<std::uint8_t> bytes(count);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>((*random)());
  return bytes;
}

// Taps of random stretches whose weights sum to one, some of them negative so that sums leave
// bytes.
kernels::Taps RandomTaps(std::size_t in, std::size_t positions, std::mt19937* random) {
  kernels::Taps taps;
  taps.widest = std::min<std::size_t>(in, 5);
  for (std::size_t position = 0; position < positions; ++position) {
    const std::size_t count = 1 + (*random)() % taps.widest;
    taps.runs.push_back({(*random)() % (in - count + 1), count});
    std::int32_t rest = 1 << kernels::kTapBits;
    for (std::size_t i = 0; i < taps.widest; ++i) {
      const bool last = i + 1 >= count;
      const auto part = static_cast<std::int32_t>((*random)() % (1U << 19U)) - (1 << 17);
      taps.weights.push_back(i >= count ? 0 : last ? rest : part);
      if (i < count) rest -= taps.weights.back();
    }
  }
  return taps;
}

TEST(ResizeKernels, GiveTheBytesOfTheirReferences) {
  std::mt19937 random(6);
  for (std::size_t size = 1; size < 80; ++size) {
    for (const std::size_t channels : {1U, 3U}) {
      const kernels::Taps taps = RandomTaps(size, size + 3, &random);
      const auto row = RandomBytes(size * channels + kernels::kSlack, &random);
      std::vector<std::uint8_t> got(taps.runs.size() * channels + kernels::kSlack);
      std::vector<std::uint8_t> want(got.size());
      kernels::FilterRow(row, channels, taps, got);
      kernels::reference::FilterRow(row, channels, taps, want);
      got.resize(got.size() - kernels::kSlack);
      want.resize(got.size());
      ASSERT_EQ(got, want) << size;
    }
    const kernels::Taps taps = RandomTaps(7, 2, &random);
    const auto rows = RandomBytes(7 * size, &random);
    std::vector<std::uint8_t> got(size);
    std::vector<std::uint8_t> want(size);
    kernels::FilterColumns(rows, taps, 1, got);
    kernels::reference::FilterColumns(rows, taps, 1, 0, want);
    ASSERT_EQ(got, want) << size;
  }
}

TEST(ResizeWindow, IsTheWindowOfTheWholeResult) {
  std::mt19937 random(7);
  const auto up_to = [&](int most) {
    return 1 + static_cast<int>(random() % static_cast<unsigned>(most));
  };
  for (int round = 0; round < 200; ++round) {
    Image image{up_to(40), up_to(40), round % 2 == 0 ? 3 : 1, {}};
    image.pixels =
        RandomBytes(static_cast<std::size_t>(image.width * image.height * image.channels), &random);
    const int width = up_to(60);
    const int height = up_to(60);
    Window window{0, 0, up_to(width), up_to(height)};
    window.left = up_to(width - window.width + 1) - 1;
    window.top = up_to(height - window.height + 1) - 1;
    const Image whole = ResizeBilinear(image, width, height);
    ASSERT_EQ(ResizeWindow(image, width, height, window).pixels, CropWindow(whole, window).pixels)
        << image.width << " x " << image.height << " to " << width << " x " << height;
  }
}

TEST(ResizeAndCrop, RefusesWhatALongNarrowImageWouldBecome) {
  const Image image{20000, 1, 1, std::vector<std::uint8_t>(20000, 5)};
  Preprocess preprocess;
  preprocess.resize = 256;  // 256 x 5,120,000
  EXPECT_THAT(ResizeAndCrop(image, preprocess).error().message(),
              ::testing::HasSubstr("20000 x 1 pixels resized to 5120000 x 256"));
  preprocess.crop = 300;
  EXPECT_FALSE(ResizeAndCrop(image, preprocess).ok());
  preprocess.crop = 2;  // needs little of it
  EXPECT_THAT(ResizeAndCrop(image, preprocess).value().pixels, ::testing::Each(5));
}

TEST(CropWindow, IsZeroOutsideTheImage) {
  const Image image{2, 1, 1, {7, 9}};
  EXPECT_THAT(CropWindow(image, {-1, -1, 4, 3}).pixels,
              ::testing::ElementsAre(0, 0, 0, 0, 0, 7, 9, 0, 0, 0, 0, 0));
  EXPECT_THAT(CropWindow(image, {3, 0, 2, 1}).pixels, ::testing::ElementsAre(0, 0));
}

TEST(Normalize, FollowsTorchvision) {
  // ToTensor then Normalize on one pixel per channel: (x / 255 - mean) / std in float32.
  const Tensor pixels{DataType::kUint8, {1, 1, 3}, {std::byte{0}, std::byte{128}, std::byte{255}}};
  Preprocess preprocess;
  preprocess.mean = {0.485, 0.456, 0.406};
  preprocess.std = {0.229, 0.224, 0.225};
  preprocess.stored = "nhwc";
  const InputSpec input{"x", DataType::kFloat32, {-1, 3, 1, 1}, {"n", "", "", ""}, true};
  const auto tensor = ToInput(pixels, preprocess, 1.0 / 255.0, input);
  ASSERT_TRUE(tensor.ok()) << tensor.error().message();
  EXPECT_EQ(tensor.value().shape, (Shape{3, 1, 1}));
  const auto values = tensor.value().As<float>();
  EXPECT_FLOAT_EQ(values[0], (0.0F / 255.0F - 0.485F) / 0.229F);
  EXPECT_FLOAT_EQ(values[1], (128.0F / 255.0F - 0.456F) / 0.224F);
  EXPECT_FLOAT_EQ(values[2], (255.0F / 255.0F - 0.406F) / 0.225F);
}

TEST(ToInput, AddsAMissingChannelAndNamesWhatDoesNotFit) {
  const InputSpec gray{"x", DataType::kFloat32, {1, 1, 2, 2}, {"", "", "", ""}, true};
  const Tensor image{DataType::kUint8, {2, 2}, std::vector<std::byte>(4)};
  EXPECT_EQ(ToInput(image, {}, 1, gray).value().shape, (Shape{1, 2, 2}));
  const Tensor wrong{DataType::kUint8, {3, 2}, std::vector<std::byte>(6)};
  const auto refused = ToInput(wrong, {}, 1, gray);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message().find("[1, 3, 2]"), std::string::npos)
      << refused.error().message();
}

TEST(ToInput, RefusesNumbersThatTheModelsIntegersCannotHold) {
  const InputSpec ids{"ids", DataType::kUint8, {-1, 1}, {"n", ""}, true};
  EXPECT_FALSE(ToInput(Tensor::Of<std::int16_t>(DataType::kInt16, {1}, {300}), {}, 1, ids).ok());
  EXPECT_TRUE(ToInput(Tensor::Of<std::int16_t>(DataType::kInt16, {1}, {200}), {}, 1, ids).ok());
}

TEST(DecodeImage, NamesEveryKindOfDamage) {
  const auto jpeg = ReadFile(kFolder + "wide.jpg");
  const auto png = ReadFile(kFolder + "wide.png");
  ASSERT_TRUE(jpeg.ok() && png.ok());
  for (const std::string& good : {jpeg.value(), png.value()}) {
    for (std::size_t size = 0; size + 4 < good.size(); size += 97) {
      const auto image = DecodeImage(good.substr(0, size), "sample.x", 3);
      ASSERT_FALSE(image.ok()) << size;
      EXPECT_NE(image.error().message().find("sample.x"), std::string::npos);
    }
  }
  std::string huge = png.value();
  huge.replace(16, 8, std::string("\x00\x00\xff\xff\x00\x00\xff\xff", 8));  // width, height
  EXPECT_FALSE(DecodeImage(huge, "huge.png", 3).ok());
  EXPECT_FALSE(DecodeImage("GIF89a", "x.gif", 3).ok());
}

}  // namespace preprocess_test
}  // namespace quantbench
