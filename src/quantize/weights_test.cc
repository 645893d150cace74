// Weights: codes are right, the same at any number of threads, and bad numbers are named.
#include "quantize/weights.h"

#include <cmath>
#include <fstream>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model_builder.h"
#include "quantize/kernels_reference.h"

namespace quantbench {
namespace weights_test {

using ::testing::HasSubstr;
using testing::ModelBuilder;

Initializer Weight(const Shape& dims, double deviation = 1) {
  ModelBuilder builder;
  builder.Weight("w", dims, deviation);
  return builder.Build().graph.initializers[0];
}

std::vector<float> Floats(const Initializer& weight) {
  const Tensor tensor = ReadTensor(weight).value();
  const auto values = tensor.As<float>();
  return {values.begin(), values.end()};
}

TEST(ChannelMaxima, AgreesWithALoopForEveryLayoutAndThreadCount) {
  // More than one chunk of 2^18 numbers, and chunks that do not divide.
  const Initializer weight = Weight({777, 1031});
  const std::vector<float> values = Floats(weight);
  std::vector<float> rows(777);
  std::vector<float> columns(1031);
  for (std::size_t i = 0; i < values.size(); ++i) {
    rows[i / 1031] = std::max(rows[i / 1031], std::abs(values[i]));
    columns[i % 1031] = std::max(columns[i % 1031], std::abs(values[i]));
  }
  const float largest = *std::max_element(rows.begin(), rows.end());
  for (const int threads : {1, 2, 5}) {
    EXPECT_EQ(ChannelMaxima(weight, Channels::kRows, threads).value(), rows);
    EXPECT_EQ(ChannelMaxima(weight, Channels::kColumns, threads).value(), columns);
    EXPECT_EQ(ChannelMaxima(weight, Channels::kNone, threads).value(), std::vector<float>{largest});
  }
}

TEST(ChannelMaxima, RefusesNanAndInfinityByName) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    std::vector<float> values(64, 1.0F);
    values[37] = bad;
    const Initializer weight = Initializer::Of("conv.weight", Tensor::OfFloats({8, 8}, values));
    for (const Channels channels : {Channels::kNone, Channels::kRows, Channels::kColumns}) {
      const auto maxima = ChannelMaxima(weight, channels, 1);
      ASSERT_FALSE(maxima.ok());
      EXPECT_EQ(maxima.error().code(), ErrorCode::kMalformed);
      EXPECT_THAT(maxima.error().message(), HasSubstr("\"conv.weight\""));
      EXPECT_THAT(maxima.error().message(), HasSubstr(std::isnan(bad) ? "NaN" : "infinity"));
    }
  }
}

TEST(QuantizeWeights, KeepsEveryErrorWithinHalfAStep) {
  const Initializer weight = Weight({33, 70}, 0.02);
  const std::vector<float> values = Floats(weight);
  const auto maxima = ChannelMaxima(weight, Channels::kRows, 1).value();
  const std::vector<float> scales = SymmetricScales(maxima);
  const Tensor codes = QuantizeWeights(weight, scales, {Channels::kRows}, 1).value();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double scale = scales[i / 70];
    EXPECT_LE(std::abs(scale * codes.As<std::int8_t>()[i] - values[i]), 0.5 * scale * (1 + 1e-6));
  }
}

TEST(QuantizeWeights, GivesTheSameBytesAtAnyNumberOfThreads) {
  const Initializer weight = Weight({640, 1000});
  for (const Channels channels : {Channels::kNone, Channels::kRows, Channels::kColumns}) {
    const auto maxima = ChannelMaxima(weight, channels, 1).value();
    const std::vector<float> scales = SymmetricScales(maxima);
    CodeLayout layout{channels};
    layout.transpose = true;
    const Tensor one = QuantizeWeights(weight, scales, layout, 1).value();
    for (const int threads : {2, 3, 8}) {
      EXPECT_EQ(QuantizeWeights(weight, scales, layout, threads).value().bytes, one.bytes);
    }
  }
}

TEST(QuantizeWeights, TransposesNegatesAndOffsets) {
  const Initializer weight = Initializer::Of("w", Tensor::OfFloats({2, 3}, {1, -2, 3, -127, 5, 0}));
  const std::vector<float> scale = {1.0F};
  const auto codes_of = [&](const CodeLayout& layout) {
    return QuantizeWeights(weight, scale, layout, 1).value();
  };
  CodeLayout layout;
  layout.transpose = true;
  Tensor codes = codes_of(layout);
  EXPECT_EQ(codes.shape, (Shape{3, 2}));
  EXPECT_THAT(codes.As<std::int8_t>(), ::testing::ElementsAre(1, -127, -2, 5, 3, 0));
  layout = {};
  layout.negate = true;
  EXPECT_THAT(codes_of(layout).As<std::int8_t>(), ::testing::ElementsAre(-1, 2, -3, 127, -5, 0));
  layout = {};
  layout.offset = true;
  codes = codes_of(layout);
  EXPECT_EQ(codes.type, DataType::kUint8);
  EXPECT_THAT(codes.As<std::uint8_t>(), ::testing::ElementsAre(129, 126, 131, 1, 133, 128));
}

TEST(QuantizeWeights, ReadsNumbersAtOddAddressesOfAFile) {
  const std::string path = ::testing::TempDir() + "weights_test_odd.onnx";
  for (const std::string name : {"w", "wx", "wxy", "wxyz"}) {  // moves the numbers byte by byte
    ModelBuilder builder;
    builder.Weight(name, {64, 48});
    const Model model = builder.Build();
    SaveOptions options;
    options.replace_existing = true;
    ASSERT_TRUE(SaveModel(model, path, options).ok());
    const Model loaded = LoadModel(path).value();
    const Initializer& weight = loaded.graph.initializers[0];
    const auto maxima = ChannelMaxima(weight, Channels::kColumns, 2).value();
    const std::vector<float> scales = SymmetricScales(maxima);
    EXPECT_EQ(QuantizeWeights(weight, scales, {Channels::kColumns}, 2).value().bytes,
              QuantizeWeights(model.graph.initializers[0], scales, {Channels::kColumns}, 1)
                  .value()
                  .bytes);
  }
  std::filesystem::remove(path);
}

TEST(HalfWeights, RoundsEveryNumberAsTheReferenceDoes) {
  const Initializer weight = Weight({300, 1001}, 0.001);
  const Tensor halves = HalfWeights(weight, 2).value();
  std::vector<std::uint16_t> expected(halves.As<std::uint16_t>().size());
  kernels::reference::ToHalf(Floats(weight), expected);
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), halves.As<std::uint16_t>().begin()));
}

TEST(BfloatWeights, RoundsEveryNumberAsTheReferenceDoes) {
  const Initializer weight = Weight({300, 1001});
  const Tensor bfloats = BfloatWeights(weight, 2).value();
  EXPECT_EQ(bfloats.type, DataType::kBfloat16);
  std::vector<std::uint16_t> expected(bfloats.As<std::uint16_t>().size());
  kernels::reference::ToBfloat(Floats(weight), expected);
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), bfloats.As<std::uint16_t>().begin()));
}

TEST(Float8Weights, DividesAndRoundsEveryNumberAsTheReferenceDoes) {
  const Initializer weight = Weight({300, 1001}, 100);
  for (const DataType type : {DataType::kFloat8E4M3FN, DataType::kFloat8E5M2}) {
    const Tensor codes = Float8Weights(weight, type, 0.75F, 2).value();
    EXPECT_EQ(codes.type, type);
    std::vector<std::uint8_t> expected(codes.As<std::uint8_t>().size());
    const bool is_e4m3 = type == DataType::kFloat8E4M3FN;
    (is_e4m3 ? kernels::reference::ToFloat8E4M3 : kernels::reference::ToFloat8E5M2)(
        Floats(weight), 0.75F, expected);
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), codes.As<std::uint8_t>().begin()));
  }
}

TEST(SurveyForHalf, FindsTheLargestAndCountsTheSmall) {
  std::vector<float> values(1000, 1.0F);
  values[1] = -70000.0F;
  values[2] = 0.0F;
  values[3] = 6e-5F;
  values[4] = -1e-8F;
  values[5] = 0x1p-14F;
  const auto survey = SurveyForHalf(Initializer::Of("w", Tensor::OfFloats({1000}, values)));
  EXPECT_EQ(survey.value().largest, 70000.0F);
  EXPECT_EQ(survey.value().small, 2);
}

}  // namespace weights_test
}  // namespace quantbench
