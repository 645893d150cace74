// Observing: exact ranges, whatever the order and the split, and honest counts of what is not
// finite.
#include "calibrate/observe.h"

#include <limits>

#include <gtest/gtest.h>

#include "quantbench/base/random.h"

namespace quantbench {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

Tensor Vector(const std::vector<float>& values) {
  return Tensor::OfFloats({static_cast<std::int64_t>(values.size())}, values);
}

TEST(RangeOf, FindsTheExtremesAtEveryLengthAndPlace) {
  for (std::size_t length = 1; length <= 67; ++length) {
    for (std::size_t place = 0; place < length; ++place) {
      std::vector<float> values(length, 0.5F);
      values[place] = -3;
      values[(place + 1) % length] = 7;
      const ValueRange range = RangeOf(values);
      EXPECT_EQ(range.high, 7);
      EXPECT_EQ(range.low, length == 1 ? 7 : -3);
      EXPECT_EQ(range.nonfinite, 0);
    }
  }
}

TEST(RangeOf, SkipsAndCountsWhatIsNotFinite) {
  for (std::size_t place = 0; place < 67; ++place) {
    std::vector<float> values(67, -2.0F);
    values[place] = kNan;
    values[66 - place] = place % 2 == 0 ? kInfinity : -kInfinity;
    const ValueRange range = RangeOf(values);
    EXPECT_EQ(range.low, -2);
    EXPECT_EQ(range.high, -2);
    EXPECT_EQ(range.nonfinite, place == 33 ? 1 : 2);
  }
}

TEST(Observe, DoesNotStretchOneSidedRangesToZero) {
  TensorRange range;
  ASSERT_TRUE(Observe(Vector({3, 5}), &range).ok());
  EXPECT_EQ(range, (TensorRange{3, 5, 2, 0, DataType::kFloat32, {2}}));
  ASSERT_TRUE(Observe(Vector({4, kNan, 9}), &range).ok());
  EXPECT_EQ(range, (TensorRange{3, 9, 5, 1, DataType::kFloat32, {2}}));
}

TEST(Observe, TakesTheFirstFiniteValueAfterNoneWas) {
  TensorRange range;
  ASSERT_TRUE(Observe(Vector({kNan, kInfinity}), &range).ok());
  EXPECT_EQ(range.count, 2);
  EXPECT_EQ(range.nonfinite, 2);
  ASSERT_TRUE(Observe(Vector({-5, -4}), &range).ok());
  EXPECT_EQ(range.min, -5);
  EXPECT_EQ(range.max, -4);
}

TEST(Observe, GivesTheSameRangeForEverySplitAndOrder) {
  Random random(1);
  std::vector<float> values(1000);
  for (float& value : values) value = static_cast<float>(random.Normal());
  values[500] = kNan;
  TensorRange whole;
  ASSERT_TRUE(Observe(Vector(values), &whole).ok());
  for (int i = 0; i < 50; ++i) {
    const std::size_t cut = 1 + random.Below(998);
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(cut);
    TensorRange parts;
    parts.type = whole.type;
    parts.shape = whole.shape;
    ASSERT_TRUE(Observe(Vector({middle, values.end()}), &parts).ok());
    ASSERT_TRUE(Observe(Vector({values.begin(), middle}), &parts).ok());
    EXPECT_EQ(parts, whole);
  }
}

TEST(Observe, ReadsOtherFloatTypesAndSkipsEmptyTensors) {
  TensorRange range;
  ASSERT_TRUE(Observe(Vector({}), &range).ok());
  EXPECT_EQ(range.count, 0);
  TensorRange half;
  const Tensor tensor =
      FromDoubles(DataType::kFloat16, {3}, std::vector<double>{-1.5, 2, 0.25}).value();
  ASSERT_TRUE(Observe(tensor, &half).ok());
  EXPECT_EQ(half, (TensorRange{-1.5, 2, 3, 0, DataType::kFloat16, {3}}));
}

}  // namespace
}  // namespace quantbench
