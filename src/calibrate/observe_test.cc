// Observing: exact ranges, whatever the order and the split, and honest counts of what is not
// finite.
#include <cmath>
#include <limits>
#include <string_view>

#include <gtest/gtest.h>

#include "calibrate/value_loops.h"

namespace quantbench {
namespace observe_test {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// What these values add, as one sample.
void See(const Tensor& tensor, TensorStatistics* seen, std::string_view sample = "sample 0") {
  const auto status = Observe({tensor.type, tensor.shape, tensor.bytes}, sample, false, seen);
  ASSERT_TRUE(status.ok()) << status.error().message();
}

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

TEST(RangeOf, CountsZerosOfBothSigns) {
  EXPECT_EQ(RangeOf(std::vector<float>{0, -0.0F, 1e-45F, 0, kNan}).zeros, 3);
}

TEST(RangeOf, CountsDenormalsOfBothSigns) {
  constexpr float kLeast = std::numeric_limits<float>::min();  // the smallest that is none
  for (std::size_t place = 0; place + 1 < 67; ++place) {
    std::vector<float> values(67, place % 2 == 0 ? 0.0F : kLeast);
    values[place] = -1e-45F;
    values[place + 1] = std::nextafter(kLeast, 0.0F);
    EXPECT_EQ(RangeOf(values).denormals, 2);
  }
  EXPECT_EQ(RangeOf(std::vector<float>{kNan, kInfinity, -kLeast}).denormals, 0);
}

TEST(Observe, AddsDenormalsUpAndKeepsThemInAFile) {
  TensorStatistics seen;
  See(Vector({1, 1e-40F, 0}), &seen);
  TensorStatistics more;
  See(Vector({-1e-39F, 1e-39F, 2}), &more);
  seen.Merge(more);
  EXPECT_EQ(seen.denormals, 3);
  EXPECT_EQ(TensorStatistics::FromJson(seen.ToJson(), "x").value(), seen);
  CalibrationStatistics all;
  all.tensors["x"] = seen;
  const auto table = ChooseRanges(all, {}).value();
  EXPECT_EQ(CalibrationTable::FromJson(table.ToJson()).value().ranges.at("x").denormals, 3);
}

TEST(Observe, DoesNotStretchOneSidedRangesToZero) {
  TensorStatistics seen;
  See(Vector({3, 5}), &seen);
  EXPECT_EQ(seen.min, 3);
  EXPECT_EQ(seen.max, 5);
  EXPECT_EQ(seen.shape, (Shape{2}));
  See(Vector({4, kNan, 9}), &seen, "sample 7");
  See(Vector({kNan}), &seen, "sample 8");
  EXPECT_EQ(seen.max, 9);
  EXPECT_EQ(seen.count, 6);
  EXPECT_EQ(seen.nonfinite, 2);
  EXPECT_EQ(seen.nonfinite_in, "sample 7");
  EXPECT_EQ(seen.samples, 3);
  EXPECT_EQ(seen.finite_samples, 2);
}

TEST(Observe, TakesTheFirstFiniteValueAfterNoneWas) {
  TensorStatistics seen;
  See(Vector({kNan, kInfinity}), &seen);
  EXPECT_EQ(seen.nonfinite, 2);
  See(Vector({-5, -4}), &seen);
  EXPECT_EQ(seen.min, -5);
  EXPECT_EQ(seen.max, -4);
}

TEST(Observe, ReadsOtherFloatTypesAndSkipsEmptyTensors) {
  TensorStatistics seen;
  See(Vector({}), &seen);
  EXPECT_EQ(seen.count, 0);
  EXPECT_EQ(seen.finite_samples, 0);
  TensorStatistics half;
  See(FromDoubles(DataType::kFloat16, {4}, std::vector<double>{-1.5, 2, 0.25, 0}).value(), &half);
  EXPECT_EQ(half.min, -1.5);
  EXPECT_EQ(half.max, 2);
  EXPECT_EQ(half.zeros, 1);
  EXPECT_EQ(half.type, DataType::kFloat16);
}

}  // namespace observe_test
}  // namespace quantbench
