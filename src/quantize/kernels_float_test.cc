// Narrower floats: kernels against their references, bit by bit, and against the engine's Cast.
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "engine_runner.h"
#include "model_builder.h"
#include "quantize/every_target.h"
#include "quantize/kernels_reference.h"

namespace quantbench {
namespace kernels_float_test {

using testing::ForEachTarget;
using testing::ModelBuilder;
using testing::Values;

TEST(ToHalf, EqualsTheReferenceAtEveryLength) {
  ForEachTarget([] {
    Random random(5);
    for (std::size_t length = 0; length <= 67; ++length) {
      const std::vector<float> values = Values(length, &random);
      std::vector<std::uint16_t> halves(length);
      std::vector<std::uint16_t> expected(length);
      kernels::ToHalf(values, halves);
      kernels::reference::ToHalf(values, expected);
      EXPECT_EQ(halves, expected) << length;
    }
  });
}

TEST(ToHalf, RoundsEveryHalfItsNeighboursAndTheTiesBetween) {
  ForEachTarget([] {
    std::vector<float> values;
    for (std::uint32_t code = 0; code < 0x7C00; ++code) {
      const float half = HalfToFloat(static_cast<std::uint16_t>(code));
      const float next = HalfToFloat(static_cast<std::uint16_t>(std::min(code + 1, 0x7BFFU)));
      const float tie = half + (next - half) / 2;
      for (const float value :
           {half, -half, tie, -tie, std::nextafter(tie, 1e9F), std::nextafter(tie, 0.0F)}) {
        values.push_back(value);
      }
    }
    std::vector<std::uint16_t> halves(values.size());
    std::vector<std::uint16_t> expected(values.size());
    kernels::ToHalf(values, halves);
    kernels::reference::ToHalf(values, expected);
    EXPECT_EQ(halves, expected);
  });
}

// Every 16-bit pattern as the upper half of a float, with lower halves around the ties.
std::vector<float> EveryUpperHalf() {
  std::vector<float> values;
  for (std::uint32_t upper = 0; upper < 0x10000; ++upper) {
    for (const std::uint32_t lower : {0U, 1U, 0x7FFFU, 0x8000U, 0x8001U, 0xFFFFU}) {
      values.push_back(std::bit_cast<float>((upper << 16U) | lower));
    }
  }
  return values;
}

TEST(ToBfloat, EqualsTheReferenceForEveryPatternAndLength) {
  ForEachTarget([] {
    const std::vector<float> all = EveryUpperHalf();
    std::vector<std::uint16_t> bfloats(all.size());
    std::vector<std::uint16_t> expected(all.size());
    kernels::ToBfloat(all, bfloats);
    kernels::reference::ToBfloat(all, expected);
    EXPECT_EQ(bfloats, expected);
    Random random(8);
    for (std::size_t length = 0; length <= 67; ++length) {
      const std::vector<float> values = Values(length, &random);
      bfloats.resize(length);
      expected.resize(length);
      kernels::ToBfloat(values, bfloats);
      kernels::reference::ToBfloat(values, expected);
      EXPECT_EQ(bfloats, expected) << length;
    }
  });
}

TEST(ToBfloat, KeepsNanAndMakesItQuiet) {
  const std::vector<float> signalling(40, std::bit_cast<float>(0xFF800001U));
  std::vector<std::uint16_t> bfloats(40);
  kernels::ToBfloat(signalling, bfloats);
  EXPECT_EQ(bfloats, std::vector<std::uint16_t>(40, 0xFFC0));
}

struct Float8 {
  std::string name;
  DataType type;
  void (*kernel)(std::span<const float>, float, std::span<std::uint8_t>);
  void (*reference)(std::span<const float>, float, std::span<std::uint8_t>);
  float largest;
};

void PrintTo(const Float8& format, std::ostream* out) {
  *out << format.name;
}

class ToFloat8 : public ::testing::TestWithParam<Float8> {};

TEST_P(ToFloat8, EqualsTheReferenceForEveryPatternAndLength) {
  ForEachTarget([] {
    const std::vector<float> all = EveryUpperHalf();
    std::vector<std::uint8_t> codes(all.size());
    std::vector<std::uint8_t> expected(all.size());
    for (const float scale : {1.0F, 0.37F}) {
      GetParam().kernel(all, scale, codes);
      GetParam().reference(all, scale, expected);
      EXPECT_EQ(codes, expected) << scale;
    }
    Random random(9);
    for (std::size_t length = 0; length <= 67; ++length) {
      const std::vector<float> values = Values(length, &random);
      codes.resize(length);
      expected.resize(length);
      GetParam().kernel(values, 0.01F, codes);
      GetParam().reference(values, 0.01F, expected);
      EXPECT_EQ(codes, expected) << length;
    }
  });
}

TEST_P(ToFloat8, SaturatesAndKeepsNan) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float largest = GetParam().largest;
  const std::vector<float> values = {
      largest,      -largest,  largest * 2,
      -largest * 2, kInfinity, -kInfinity,
      3e38F,        -0.0F,     std::numeric_limits<float>::quiet_NaN()};
  std::vector<std::uint8_t> codes(values.size());
  GetParam().kernel(values, 1, codes);
  const auto top =
      static_cast<std::uint8_t>(GetParam().type == DataType::kFloat8E4M3FN ? 0x7E : 0x7B);
  const auto bottom = static_cast<std::uint8_t>(top | 0x80);
  EXPECT_EQ(codes,
            (std::vector<std::uint8_t>{top, bottom, top, bottom, top, bottom, top, 0x80, 0x7F}));
}

// The engine's Cast is an independent implementation of the same table.
TEST_P(ToFloat8, EqualsTheEnginesCast) {
  ModelBuilder builder(19, 9);
  const std::string input = builder.Input("x", {-1});
  builder.Output(builder.Add("Cast", "cast", {input},
                             {Attribute::Int("to", static_cast<std::int64_t>(GetParam().type))}),
                 GetParam().type);
  std::vector<float> values;
  for (const float value : EveryUpperHalf()) {
    if (!std::isnan(value)) values.push_back(value);  // the sign of NaN is free
  }
  const Tensor x = Tensor::OfFloats({static_cast<std::int64_t>(values.size())}, values);
  const Tensor cast = testing::RunModel(builder.Build(), {{"x", x}})[0];
  std::vector<std::uint8_t> codes(values.size());
  GetParam().kernel(values, 1, codes);
  ASSERT_EQ(cast.type, GetParam().type);
  const auto expected = cast.As<std::uint8_t>();
  ASSERT_EQ(expected.size(), codes.size());
  for (std::size_t i = 0; i < codes.size(); ++i) {
    ASSERT_EQ(codes[i], expected[i]) << values[i];
  }
}

INSTANTIATE_TEST_SUITE_P(
    Formats, ToFloat8,
    ::testing::Values(Float8{"E4M3", DataType::kFloat8E4M3FN, kernels::ToFloat8E4M3,
                             kernels::reference::ToFloat8E4M3, 448},
                      Float8{"E5M2", DataType::kFloat8E5M2, kernels::ToFloat8E5M2,
                             kernels::reference::ToFloat8E5M2, 57344}),
    [](const auto& test) { return test.param.name; });

}  // namespace kernels_float_test
}  // namespace quantbench
