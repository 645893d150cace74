// Images: decoding, resizing and cropping against pixels that PIL made
// (tests/data/preprocess/make.py).
#include "data/preprocess.h"

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "quantbench/base/file.h"

namespace quantbench {
namespace {

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
  const Image image = ResizeAndCrop(std::move(decoded).value(), preprocess);
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

}  // namespace
}  // namespace quantbench
