// Kernels against their references, bit by bit, for every instruction set this machine has.
#include "quantize/kernels.h"

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "quantbench/base/random.h"

#include "quantize/every_target.h"
#include "quantize/kernels_reference.h"

namespace quantbench {
namespace kernels_test {

using testing::ForEachTarget;
using testing::Values;

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

TEST(CountBelow, EqualsTheReferenceAtEveryLength) {
  ForEachTarget([] {
    Random random(11);
    for (std::size_t length = 0; length <= 67; ++length) {
      const std::vector<float> values = Values(length, &random);
      for (const float limit : {0x1p-14F, 1e-40F, 3.0F}) {
        EXPECT_EQ(kernels::CountBelow(values, limit), kernels::reference::CountBelow(values, limit))
            << length;
      }
    }
  });
}

TEST(FindWideSum, FindsEveryOneThatTheReferenceFinds) {
  ForEachTarget([] {
    Random random(12);
    for (std::size_t length = 0; length <= 67; ++length) {
      const std::vector<float> first = Values(length, &random);
      const std::vector<float> second = Values(length, &random);
      const std::vector<float> limits(length, 60.0F);
      std::size_t i = 0;
      do {
        const std::size_t found = kernels::FindWideSum(first, second, limits, i);
        ASSERT_EQ(found, kernels::reference::FindWideSum(first, second, limits, i));
        i = found + 1;
      } while (i <= length);
    }
  });
}

TEST(FindWidePair, FindsEveryOneThatTheReferenceFinds) {
  ForEachTarget([] {
    Random random(13);
    for (std::size_t length = 0; length <= 67; ++length) {
      std::vector<float> row = Values(length, &random);
      if (length % 2 == 1) row.back() = 1e6F;  // it has no neighbour
      std::size_t i = 0;
      do {
        const std::size_t found = kernels::FindWidePair(row, 60.0F, i);
        ASSERT_EQ(found, kernels::reference::FindWidePair(row, 60.0F, i));
        i = found + 2;
      } while (i <= length);
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

// Bits, so that -0 and +0 differ and NaN equals itself.
std::vector<std::uint32_t> Bits(const std::vector<float>& values) {
  std::vector<std::uint32_t> bits;
  for (const float value : values) bits.push_back(std::bit_cast<std::uint32_t>(value));
  return bits;
}

// Values with infinities and NaN of both signs among them.
std::vector<float> AnyValues(std::size_t count, Random* random) {
  std::vector<float> values = Values(count, random);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  for (float& value : values) {
    if (random->Below(8) != 0) continue;
    constexpr std::array<float, 4> kSpecial = {kInfinity, -kInfinity, kNan, -kNan};
    value = kSpecial[random->Below(4)];
  }
  return values;
}

TEST(BlockRanges, EqualsTheReferenceForEveryLengthAndBlock) {
  ForEachTarget([] {
    Random random(6);
    for (std::size_t length = 0; length <= 70; ++length) {
      for (const std::size_t block : {1U, 5U, 16U, 32U, 64U, 100U}) {
        const std::vector<float> row = AnyValues(length, &random);
        const std::size_t blocks = (length + block - 1) / block;
        std::vector<float> lows(blocks);
        std::vector<float> highs(blocks);
        std::vector<float> expected_lows(blocks);
        std::vector<float> expected_highs(blocks);
        kernels::BlockRanges(row, block, lows, highs);
        kernels::reference::BlockRanges(row, block, expected_lows, expected_highs);
        EXPECT_EQ(Bits(lows), Bits(expected_lows)) << length << " by " << block;
        EXPECT_EQ(Bits(highs), Bits(expected_highs)) << length << " by " << block;
      }
    }
  });
}

TEST(BlockRanges, ShowsNanAndInfinityWhereverTheyStand) {
  ForEachTarget([] {
    for (std::size_t place = 0; place < 40; ++place) {
      for (const float bad :
           {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::quiet_NaN(),
            std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
        std::vector<float> row(40, 1.0F);
        row[place] = bad;
        float low = 0;
        float high = 0;
        kernels::BlockRanges(row, 40, {&low, 1}, {&high, 1});
        EXPECT_FALSE(std::isfinite(low) && std::isfinite(high)) << bad << " at " << place;
      }
    }
  });
}

TEST(RangesInto, EqualsTheReferenceAtEveryLength) {
  ForEachTarget([] {
    Random random(7);
    for (std::size_t length = 0; length <= 67; ++length) {
      std::vector<float> lows = AnyValues(length, &random);
      std::vector<float> highs = lows;
      std::vector<float> expected_lows = lows;
      std::vector<float> expected_highs = lows;
      for (int row = 0; row < 3; ++row) {
        const std::vector<float> values = AnyValues(length, &random);
        kernels::RangesInto(values, lows, highs);
        kernels::reference::RangesInto(values, expected_lows, expected_highs);
      }
      EXPECT_EQ(Bits(lows), Bits(expected_lows)) << length;
      EXPECT_EQ(Bits(highs), Bits(expected_highs)) << length;
    }
  });
}

}  // namespace kernels_test
}  // namespace quantbench
