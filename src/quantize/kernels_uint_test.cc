// Unsigned codes: kernels against their references, bit by bit, and rounding as ONNX has it.
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "quantize/every_target.h"
#include "quantize/kernels_reference.h"

namespace quantbench {
namespace kernels_uint_test {

using testing::ForEachTarget;
using testing::Values;

// Scales of every magnitude and both signs, and zero points in [0, highest].
struct Parameters {
  std::vector<float> scales;
  std::vector<std::uint8_t> zero_points;
  std::uint8_t highest;

  Parameters(std::size_t count, std::uint8_t top, Random* random) : highest(top) {
    for (std::size_t i = 0; i < count; ++i) {
      const auto exponent = static_cast<int>(random->Below(30)) - 20;
      const auto scale = static_cast<float>(std::ldexp(random->Uniform() + 0.5, exponent));
      scales.push_back(random->Below(3) == 0 ? -scale : scale);
      zero_points.push_back(static_cast<std::uint8_t>(random->Below(highest + 1U)));
    }
  }
  [[nodiscard]] kernels::AffineBlocks blocks() const { return {scales, zero_points, highest}; }
};

TEST(QuantizeBlocks, EqualsTheReferenceForEveryLengthAndBlock) {
  ForEachTarget([] {
    Random random(11);
    for (std::size_t length = 0; length <= 70; ++length) {
      for (const std::size_t block : {1U, 16U, 32U, 70U}) {
        for (const std::uint8_t highest : {std::uint8_t{15}, std::uint8_t{255}}) {
          const std::vector<float> row = Values(length, &random);
          const Parameters parameters((length + block - 1) / block, highest, &random);
          std::vector<std::uint8_t> codes(length + 1, 99);
          std::vector<std::uint8_t> expected(length + 1, 99);
          kernels::QuantizeBlocks(row, block, parameters.blocks(), std::span(codes).first(length));
          kernels::reference::QuantizeBlocks(row, block, parameters.blocks(),
                                             std::span(expected).first(length));
          EXPECT_EQ(codes, expected) << length << " by " << block;
        }
      }
    }
  });
}

TEST(QuantizeBlocks, RoundsBeforeItAddsTheZeroPointAndSaturates) {
  ForEachTarget([] {
    // Halves go to the even quotient, whatever the zero point: 0.5 -> 0, 1.5 -> 2, 2.5 -> 2.
    const std::vector<float> row = {0.5F, 1.5F,  2.5F,   -0.5F,  -1.5F,  -2.5F, 1000.0F, -1000.0F,
                                    0.0F, 3e38F, -3e38F, 252.0F, 253.0F, -3.0F, -4.0F,   1e-40F};
    const float scale = 1;
    const std::uint8_t zero_point = 3;
    std::vector<std::uint8_t> codes(row.size());
    kernels::QuantizeBlocks(row, row.size(), {{&scale, 1}, {&zero_point, 1}, 255}, codes);
    EXPECT_EQ(codes,
              (std::vector<std::uint8_t>{3, 5, 5, 3, 1, 1, 255, 0, 3, 255, 0, 255, 255, 0, 0, 3}));
  });
}

TEST(QuantizeColumns, EqualsTheReferenceAtEveryLength) {
  ForEachTarget([] {
    Random random(12);
    for (std::size_t length = 0; length <= 67; ++length) {
      const std::vector<float> row = Values(length, &random);
      const Parameters parameters(length, 255, &random);
      std::vector<std::uint8_t> codes(length);
      std::vector<std::uint8_t> expected(length);
      kernels::QuantizeColumns(row, parameters.blocks(), codes);
      kernels::reference::QuantizeColumns(row, parameters.blocks(), expected);
      EXPECT_EQ(codes, expected) << length;
    }
  });
}

TEST(AddColumnErrors, IsNearTheReferenceAtEveryLengthAndEqualWhereverAColumnLies) {
  ForEachTarget([] {
    Random random(14);
    for (std::size_t length = 1; length <= 67; ++length) {
      const std::vector<float> row = Values(length, &random);
      const Parameters parameters(length, 15, &random);
      std::vector<float> errors(length, 1.5F);
      std::vector<float> expected = errors;
      kernels::AddColumnErrors(row, parameters.blocks(), errors);
      kernels::reference::AddColumnErrors(row, parameters.blocks(), expected);
      for (std::size_t j = 0; j < length; ++j) {
        // What stands beside 1.5 may be rounded once more: of the value's square, or of 1.5.
        const float limit = 1e-6F * (1.5F + row[j] * row[j]);
        if (!std::isfinite(expected[j])) continue;
        EXPECT_NEAR(errors[j], expected[j], limit) << length;
      }
      float alone = 1.5F;
      const std::size_t last = length - 1;
      kernels::AddColumnErrors(std::span(row).subspan(last),
                               {std::span(parameters.scales).subspan(last),
                                std::span(parameters.zero_points).subspan(last), 15},
                               {&alone, 1});
      EXPECT_TRUE(alone == errors[last] || std::isnan(alone));
    }
  });
}

TEST(PackNibbles, EqualsTheReferenceAtEveryLength) {
  ForEachTarget([] {
    Random random(13);
    for (std::size_t length = 0; length <= 300; ++length) {
      std::vector<std::uint8_t> codes(length);
      for (std::uint8_t& code : codes) code = static_cast<std::uint8_t>(random.Below(16));
      std::vector<std::uint8_t> packed((length + 1) / 2 + 1, 99);
      std::vector<std::uint8_t> expected = packed;
      kernels::PackNibbles(codes, std::span(packed).first((length + 1) / 2));
      kernels::reference::PackNibbles(codes, std::span(expected).first((length + 1) / 2));
      EXPECT_EQ(packed, expected) << length;
    }
  });
}

TEST(PackNibbles, PutsTheFirstCodeLow) {
  const std::vector<std::uint8_t> codes = {1, 2, 15, 0, 7};
  std::vector<std::uint8_t> packed(3);
  kernels::PackNibbles(codes, packed);
  EXPECT_EQ(packed, (std::vector<std::uint8_t>{0x21, 0x0F, 0x07}));
}

}  // namespace kernels_uint_test
}  // namespace quantbench
