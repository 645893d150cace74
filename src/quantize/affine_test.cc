// Scale and zero point: what every range must give.
#include <cfloat>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "quantbench/base/random.h"
#include "quantbench/quantize.h"

namespace quantbench {
namespace affine_test {

constexpr CodeRange kUint8 = {0, 255};
constexpr CodeRange kInt8 = {-128, 127};
constexpr CodeRange kNarrow = {-127, 127};

double RoundTrip(double value, QuantParams params, CodeRange codes) {
  const double code = std::clamp(std::nearbyint(value / params.scale) + params.zero_point,
                                 static_cast<double>(codes.low), static_cast<double>(codes.high));
  return params.scale * (code - params.zero_point);
}

void ExpectSound(QuantParams params, CodeRange codes) {
  EXPECT_GT(params.scale, 0);
  EXPECT_TRUE(std::isnormal(params.scale)) << params.scale;
  EXPECT_GE(params.zero_point, codes.low);
  EXPECT_LE(params.zero_point, codes.high);
}

TEST(ChooseAsymmetric, CoversTheRangeAndRepresentsZeroExactly) {
  Random random(1);
  for (int i = 0; i < 20000; ++i) {
    const double low = std::ldexp(random.Normal(), static_cast<int>(random.Below(60)) - 30);
    const double high = low + std::ldexp(random.Uniform(), static_cast<int>(random.Below(60)) - 30);
    for (const CodeRange codes : {kUint8, kInt8}) {
      const QuantParams params = ChooseAsymmetric(low, high, codes);
      ExpectSound(params, codes);
      EXPECT_EQ(RoundTrip(0, params, codes), 0);
      const double half_step = 0.5 * params.scale * (1 + 1e-6);
      for (const double share : {0.0, 0.25, 0.5, 0.83, 1.0}) {
        // Rounding the zero point moves the grid by up to half a step: that much may be cut at an
        // end.
        const double value = low + share * (high - low);
        const bool is_inside = share > 0.01 && share < 0.99;
        EXPECT_LE(std::abs(RoundTrip(value, params, codes) - value),
                  is_inside ? half_step : 2 * half_step)
            << low << " " << high << " " << value;
      }
    }
  }
}

TEST(ChooseAsymmetric, ExtendsOneSidedRangesToZero) {
  EXPECT_EQ(ChooseAsymmetric(0, 255, kUint8), (QuantParams{1, 0}));
  EXPECT_EQ(ChooseAsymmetric(51, 255, kUint8), (QuantParams{1, 0}));
  EXPECT_EQ(ChooseAsymmetric(-255, -51, kUint8), (QuantParams{1, 255}));
  EXPECT_EQ(ChooseAsymmetric(0, 255, kInt8), (QuantParams{1, -128}));
  EXPECT_EQ(ChooseAsymmetric(-1, 1, kUint8).zero_point, 128);  // 127.5, half to even
}

TEST(ChooseAsymmetric, GivesScaleOneForEmptyAndDenormalRanges) {
  for (const double width : {0.0, 1e-45, 1e-40, 1e-37, double{FLT_MIN}}) {
    EXPECT_EQ(ChooseAsymmetric(0, width, kUint8), (QuantParams{1, 0})) << width;
    EXPECT_EQ(ChooseAsymmetric(-width, 0, kInt8), (QuantParams{1, 0})) << width;
  }
}

TEST(ChooseAsymmetric, SurvivesRangesBeyondFloat) {
  constexpr double kHuge = std::numeric_limits<double>::max();
  for (const CodeRange codes : {kUint8, kInt8, kNarrow}) {
    ExpectSound(ChooseAsymmetric(-kHuge, kHuge, codes), codes);
    ExpectSound(ChooseAsymmetric(-FLT_MAX, FLT_MAX, codes), codes);
    ExpectSound(ChooseSymmetric(-kHuge, kHuge, codes), codes);
  }
}

TEST(ChooseSymmetric, PutsTheLargerMagnitudeAtTheLastCode) {
  EXPECT_EQ(ChooseSymmetric(-1, 127, kNarrow), (QuantParams{1, 0}));
  EXPECT_EQ(ChooseSymmetric(-254, 127, kNarrow), (QuantParams{2, 0}));
  EXPECT_EQ(ChooseSymmetric(-1, 1, kUint8).zero_point, 128);
}

TEST(ChooseSymmetric, KeepsEveryErrorWithinHalfAStepWhateverTheOutlier) {
  Random random(2);
  for (int i = 0; i < 20000; ++i) {
    const double outlier =
        std::ldexp(1 + random.Uniform(), static_cast<int>(random.Below(40)) - 20);
    const QuantParams params = ChooseSymmetric(-outlier, outlier / 3, kNarrow);
    ExpectSound(params, kNarrow);
    const double value = (2 * random.Uniform() - 1) * outlier;
    EXPECT_LE(std::abs(RoundTrip(value, params, kNarrow) - value), 0.5 * params.scale * (1 + 1e-6));
  }
}

TEST(ChooseSymmetric, GivesScaleOneForEmptyAndDenormalRanges) {
  EXPECT_EQ(ChooseSymmetric(0, 0, kNarrow), (QuantParams{1, 0}));
  EXPECT_EQ(ChooseSymmetric(-1e-40, 1e-41, kNarrow), (QuantParams{1, 0}));
}

}  // namespace affine_test
}  // namespace quantbench
