// Element types, checked shapes, conversions.
#include "quantbench/tensor.h"

#include <bit>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace quantbench {
namespace tensor_test {

TEST(DataType, NamesReadBack) {
  for (int number = 1; number <= 26; ++number) {
    const auto type = static_cast<DataType>(number);
    EXPECT_TRUE(IsKnown(type));
    const auto again = ParseDataType(Name(type));
    ASSERT_TRUE(again.ok()) << Name(type);
    EXPECT_EQ(again.value(), type);
  }
  EXPECT_EQ(Name(static_cast<DataType>(99)), "type 99");
  EXPECT_FALSE(ParseDataType("float33").ok());
}

TEST(ElementCount, MultipliesAndChecks) {
  EXPECT_EQ(ElementCount(Shape{}).value(), 1);
  EXPECT_EQ(ElementCount(Shape{2, 3, 4}).value(), 24);
  EXPECT_EQ(ElementCount(Shape{2, 0, 4}).value(), 0);
  EXPECT_FALSE(ElementCount(Shape{2, -1}).ok());
  EXPECT_FALSE(ElementCount(Shape{std::int64_t{1} << 40, std::int64_t{1} << 40}).ok());
  EXPECT_EQ(ElementCount(Shape{std::int64_t{1} << 40, std::int64_t{1} << 40, 0}).value(), 0);
  EXPECT_FALSE(ElementCount(Shape(65, 1)).ok());
}

TEST(ByteCount, PacksSubByteElements) {
  EXPECT_EQ(ByteCount(DataType::kInt4, Shape{3}).value(), 2U);
  EXPECT_EQ(ByteCount(DataType::kUint2, Shape{5}).value(), 2U);
  EXPECT_EQ(ByteCount(DataType::kFloat64, Shape{3}).value(), 24U);
  EXPECT_FALSE(ByteCount(DataType::kString, Shape{3}).ok());
  EXPECT_FALSE(ByteCount(DataType::kFloat64, Shape{std::int64_t{1} << 61}).ok());
}

// Every one of the 65536 codes survives the way to float and back; NaN stays NaN.
TEST(Half, RoundTripsEveryCode) {
  for (std::uint32_t code = 0; code <= 0xFFFF; ++code) {
    const auto half = static_cast<std::uint16_t>(code);
    const float value = HalfToFloat(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(HalfToFloat(FloatToHalf(value))));
    } else {
      ASSERT_EQ(FloatToHalf(value), half) << code;
    }
  }
}

TEST(Half, RoundsToNearestEven) {
  EXPECT_EQ(FloatToHalf(1.0F + 0x1p-11F), 0x3C00);      // a tie, down to even
  EXPECT_EQ(FloatToHalf(1.0F + 3 * 0x1p-11F), 0x3C02);  // a tie, up to even
  EXPECT_EQ(FloatToHalf(std::nextafter(1.0F + 0x1p-11F, 2.0F)), 0x3C01);
  EXPECT_EQ(FloatToHalf(65504.0F), 0x7BFF);
  EXPECT_EQ(FloatToHalf(65519.99F), 0x7BFF);
  EXPECT_EQ(FloatToHalf(65520.0F), 0x7C00);  // overflow to infinity
  EXPECT_EQ(FloatToHalf(0x1p-24F), 0x0001);  // smallest subnormal
  EXPECT_EQ(FloatToHalf(0x1p-25F), 0x0000);  // a tie, to even zero
  EXPECT_EQ(FloatToHalf(-0.0F), 0x8000);
}

// Between two neighbouring half values the nearer one wins, checked against double arithmetic.
TEST(Half, PicksTheNearerNeighbour) {
  for (std::uint32_t code = 0; code < 0x7BFF; code += 7) {
    const double low = HalfToFloat(static_cast<std::uint16_t>(code));
    const double high = HalfToFloat(static_cast<std::uint16_t>(code + 1));
    EXPECT_EQ(FloatToHalf(static_cast<float>(low + (high - low) * 0.25)), code);
    EXPECT_EQ(FloatToHalf(static_cast<float>(low + (high - low) * 0.75)), code + 1);
  }
}

TEST(Bfloat, RoundsToNearestEvenAndKeepsNan) {
  EXPECT_EQ(FloatToBfloat(1.0F), 0x3F80);
  EXPECT_EQ(FloatToBfloat(std::bit_cast<float>(0x3F808000U)), 0x3F80);  // tie to even
  EXPECT_EQ(FloatToBfloat(std::bit_cast<float>(0x3F818000U)), 0x3F82);
  EXPECT_TRUE(std::isnan(BfloatToFloat(FloatToBfloat(std::numeric_limits<float>::quiet_NaN()))));
  EXPECT_TRUE(std::isinf(BfloatToFloat(FloatToBfloat(std::numeric_limits<float>::max()))));
}

TEST(ToDoubles, UnpacksFourBitIntegersLowNibbleFirst) {
  const Tensor tensor{DataType::kInt4, {3}, {std::byte{0x8F}, std::byte{0x07}}};
  EXPECT_EQ(ToDoubles(tensor).value(), (std::vector<double>{-1, -8, 7}));
  const Tensor unsigned_tensor{DataType::kUint4, {2}, {std::byte{0x8F}}};
  EXPECT_EQ(ToDoubles(unsigned_tensor).value(), (std::vector<double>{15, 8}));
}

TEST(FromDoubles, SaturatesAndRoundsHalfToEven) {
  const auto tensor =
      FromDoubles(DataType::kInt8, {5}, std::vector<double>{-1000, 0.5, 1.5, 1000, NAN});
  ASSERT_TRUE(tensor.ok());
  const auto codes = tensor.value().As<std::int8_t>();
  EXPECT_EQ(std::vector<int>(codes.begin(), codes.end()), (std::vector<int>{-128, 0, 2, 127, 0}));
  EXPECT_FALSE(FromDoubles(DataType::kFloat8E5M2, {1}, std::vector<double>{1}).ok());
}

}  // namespace tensor_test
}  // namespace quantbench
