// Kernels against their references, bit by bit, for every instruction set this machine has.
#include "quantize/kernels.h"

#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include "quantbench/base/random.h"

#include "quantize/kernels_reference.h"

namespace quantbench {
namespace {

// Runs the body once for each instruction set that was compiled and is supported here.
void ForEachTarget(const std::function<void()>& body) {
  const std::int64_t supported = hwy::SupportedTargets();
  std::int64_t left = supported;
  while (left != 0) {
    const std::int64_t target = left & -left;
    left &= left - 1;
    hwy::SetSupportedTargetsForTest(target);
    SCOPED_TRACE(hwy::TargetName(target));
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
}

// Values of every magnitude, exact halves of steps, zeros of both signs, subnormals.
std::vector<float> Values(std::size_t count, Random* random) {
  std::vector<float> values(count);
  for (float& value : values) {
    switch (random->Below(6)) {
      case 0: value = static_cast<float>(random->Normal()); break;
      case 1: value = static_cast<float>(static_cast<int>(random->Below(511)) - 255) * 0.5F; break;
      case 2: value = random->Below(2) == 0 ? 0.0F : -0.0F; break;
      case 3: value = static_cast<float>(random->Normal() * 1e-40); break;
      case 4:
        value = static_cast<float>(
            std::ldexp(random->Normal(), static_cast<int>(random->Below(40)) - 25));
        break;
      default: value = static_cast<float>(random->Uniform() * 200 - 100); break;
    }
  }
  return values;
}

TEST(AbsMax, EqualsTheReferenceAtEveryLength) {
  ForEachTarget([] {
    Random random(1);
    for (std::size_t length = 0; length <= 67; ++length) {
      const std::vector<float> values = Values(length, &random);
      EXPECT_EQ(kernels::AbsMax(values), kernels::reference::AbsMax(values)) << length;
    }
  });
}

TEST(AbsMax, ShowsNanAndInfinityWhereverTheyStand) {
  ForEachTarget([] {
    for (std::size_t place = 0; place < 67; ++place) {
      std::vector<float> values(67, 1.0F);
      values[place] = -std::numeric_limits<float>::infinity();
      EXPECT_TRUE(std::isinf(kernels::AbsMax(values))) << place;
      values[place] = -std::numeric_limits<float>::quiet_NaN();
      EXPECT_TRUE(std::isnan(kernels::AbsMax(values))) << place;
      values[66 - place] = std::numeric_limits<float>::infinity();
      values[place] = std::numeric_limits<float>::quiet_NaN();
      EXPECT_TRUE(std::isnan(kernels::AbsMax(values))) << place;
    }
  });
}

TEST(AbsMaxInto, EqualsTheReferenceAndKeepsNan) {
  ForEachTarget([] {
    Random random(2);
    for (std::size_t length = 0; length <= 67; ++length) {
      std::vector<float> maxima(length, 0.25F);
      std::vector<float> expected = maxima;
      for (int row = 0; row < 3; ++row) {
        std::vector<float> values = Values(length, &random);
        if (row == 1 && length > 0) values[length / 2] = std::numeric_limits<float>::quiet_NaN();
        kernels::AbsMaxInto(values, maxima);
        kernels::reference::AbsMaxInto(values, expected);
      }
      for (std::size_t i = 0; i < length; ++i) {
        EXPECT_EQ(std::bit_cast<std::uint32_t>(maxima[i]),
                  std::bit_cast<std::uint32_t>(expected[i]));
      }
      EXPECT_TRUE(length == 0 || std::isnan(maxima[length / 2]));
    }
  });
}

TEST(QuantizeRow, EqualsTheReferenceAtEveryLength) {
  ForEachTarget([] {
    Random random(3);
    for (std::size_t length = 0; length <= 67; ++length) {
      for (const float scale : {1.0F, 0.5F, 0.0123F, 1e-30F, 3e38F}) {
        const std::vector<float> values = Values(length, &random);
        std::vector<std::int8_t> codes(length + 1, 99);
        std::vector<std::int8_t> expected(length + 1, 99);
        kernels::QuantizeRow(values, scale, std::span(codes).first(length));
        kernels::reference::QuantizeRow(values, scale, std::span(expected).first(length));
        EXPECT_EQ(codes, expected) << length << " values, scale " << scale;
      }
    }
  });
}

TEST(QuantizeRow, RoundsHalvesToEvenAndSaturatesAt127) {
  ForEachTarget([] {
    const std::vector<float> values = {0.5F, 1.5F,  2.5F,    -0.5F,   -1.5F, 126.5F, 127.5F, 128.0F,
                                       1e9F, -1e9F, -128.0F, -126.5F, 3e38F, -3e38F, 0.49F,  -0.0F};
    std::vector<std::int8_t> codes(values.size());
    kernels::QuantizeRow(values, 1.0F, codes);
    EXPECT_EQ(codes, (std::vector<std::int8_t>{0, 2, 2, 0, -2, 126, 127, 127, 127, -127, -127, -126,
                                               127, -127, 0, 0}));
  });
}

TEST(QuantizeRowByColumn, EqualsTheReferenceAtEveryLength) {
  ForEachTarget([] {
    Random random(4);
    for (std::size_t length = 0; length <= 67; ++length) {
      const std::vector<float> values = Values(length, &random);
      std::vector<float> scales(length);
      for (float& scale : scales) scale = static_cast<float>(random.Uniform() + 1e-3);
      std::vector<std::int8_t> codes(length);
      std::vector<std::int8_t> expected(length);
      kernels::QuantizeRowByColumn(values, scales, codes);
      kernels::reference::QuantizeRowByColumn(values, scales, expected);
      EXPECT_EQ(codes, expected) << length;
    }
  });
}

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

}  // namespace
}  // namespace quantbench
