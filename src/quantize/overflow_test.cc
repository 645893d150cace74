// Overflow: the proof is exact, the scales are the smallest safe ones.
#include "quantize/overflow.h"

#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/base/random.h"

#include "quantize/weights.h"

namespace quantbench {
namespace overflow_test {

using ::testing::Gt;

Initializer Uniform(const Shape& dims, std::uint64_t seed = 1) {
  Random random(seed);
  std::vector<float> values(static_cast<std::size_t>(ElementCount(dims).value()));
  for (float& value : values) value = static_cast<float>(random.Uniform() * 2 - 1);
  return Initializer::Of("w", Tensor::OfFloats(dims, values));
}

Channels ChannelsOf(const PairLayout& layout) {
  return layout.order == PairOrder::kColumns ? Channels::kColumns : Channels::kRows;
}

Tensor Codes(const Initializer& weight, const PairLayout& layout,
             const std::vector<float>& scales) {
  const Channels channels = scales.size() == 1 ? Channels::kNone : ChannelsOf(layout);
  return QuantizeWeights(weight, scales, {channels}, 1).value();
}

std::vector<float> PlainScales(const Initializer& weight, Channels channels) {
  return SymmetricScales(ChannelMaxima(weight, channels, 1).value());
}

TEST(CountUnsafeOutputs, AgreesWithTheWorstActivationsForEveryPairOfCodes) {
  std::vector<std::int8_t> codes;
  for (int first = -128; first < 128; ++first) {
    for (int second = -128; second < 128; ++second) {
      codes.push_back(static_cast<std::int8_t>(first));
      codes.push_back(static_cast<std::int8_t>(second));
    }
  }
  for (const int highest : {255, 254, 200, 131, 130, 129, 128, 127, 1, 0}) {
    for (const int lowest : {0, highest / 2}) {  // a lowest code above 0 changes nothing
      std::int64_t expected = 0;
      for (std::size_t i = 0; i < codes.size(); i += 2) {
        bool saturates = false;
        for (const int x : {lowest, highest}) {
          for (const int y : {lowest, highest}) {
            const int sum = x * codes[i] + y * codes[i + 1];
            saturates = saturates || sum > 32767 || sum < -32768;
          }
        }
        if (saturates) ++expected;
      }
      const Tensor pairs = Tensor::Of(DataType::kInt8, {256 * 256, 2}, codes);
      EXPECT_EQ(CountUnsafeOutputs(pairs, {PairOrder::kRows}, highest).value(), expected)
          << lowest << " to " << highest;
    }
  }
}

TEST(CountUnsafeOutputs, PairsNeighboursInTheOrderOfTheKernel) {
  const auto count = [](const Shape& shape, const std::vector<std::int8_t>& codes,
                        const PairLayout& layout) {
    return CountUnsafeOutputs(Tensor::Of(DataType::kInt8, shape, codes), layout, 255).value();
  };
  // Neighbours (0, 1) and (2, 3); an odd last one stands alone.
  EXPECT_EQ(count({1, 5}, {127, 2, 0, 0, 0}, {PairOrder::kRows}), 1);
  EXPECT_EQ(count({1, 5}, {0, 127, 127, 0, 0}, {PairOrder::kRows}), 0);
  EXPECT_EQ(count({1, 5}, {0, 0, 0, 127, 127}, {PairOrder::kRows}), 0);
  EXPECT_EQ(count({1, 5}, {0, 0, -127, -2, 0}, {PairOrder::kRows}), 1);
  EXPECT_EQ(count({1, 5}, {127, 1, 127, -127, 127}, {PairOrder::kRows}), 0);
  EXPECT_EQ(count({4, 2}, {127, 0, 2, 0, 0, 1, 0, 1}, {PairOrder::kColumns}), 1);
  // Two channels of two taps: neighbours are the channels of a tap, not the taps of a channel.
  EXPECT_EQ(count({1, 2, 2}, {127, 127, 0, 0}, {PairOrder::kConv}), 0);
  EXPECT_EQ(count({1, 2, 2}, {127, 0, 127, 0}, {PairOrder::kConv}), 1);
  // Three channels of two taps: the last channel of the first tap meets the first of the second.
  EXPECT_EQ(count({1, 3, 2}, {0, 127, 0, 0, 127, 0}, {PairOrder::kConv}), 1);
}

struct Case {
  Shape dims;
  PairLayout layout;
};

std::vector<Case> Cases() {
  return {{{37, 65}, {PairOrder::kRows}},       {{65, 37}, {PairOrder::kColumns}},
          {{1, 4}, {PairOrder::kRows}},         {{700, 900}, {PairOrder::kColumns}},
          {{700, 900}, {PairOrder::kRows}},     {{20, 3, 7, 7}, {PairOrder::kConv}},
          {{20, 6, 3, 3}, {PairOrder::kConv}},  {{20, 5, 3}, {PairOrder::kConv}},
          {{20, 64, 1, 1}, {PairOrder::kConv}}, {{12, 1, 3, 3}, {PairOrder::kConv, 4}}};
}

TEST(SafeScales, AreTheSmallestThatAreSafe) {
  for (const Case& test : Cases()) {
    const Initializer weight = Uniform(test.dims);
    const std::vector<float> plain = PlainScales(weight, ChannelsOf(test.layout));
    for (const int highest : {255, 180}) {
      const auto report = SafeScales(weight, test.layout, plain, highest, 2).value();
      ASSERT_EQ(report.scales.size(), plain.size());
      EXPECT_EQ(CountUnsafeOutputs(Codes(weight, test.layout, plain), test.layout, highest).value(),
                report.unsafe_outputs);
      EXPECT_EQ(CountUnsafeOutputs(Codes(weight, test.layout, report.scales), test.layout, highest)
                    .value(),
                0);
      // One float less, and every output that grew is unsafe again.
      std::vector<float> smaller = report.scales;
      std::int64_t grown = 0;
      float largest = 1;
      for (std::size_t i = 0; i < smaller.size(); ++i) {
        EXPECT_GE(report.scales[i], plain[i]);
        largest = std::max(largest, report.scales[i] / plain[i]);
        if (report.scales[i] == plain[i]) continue;
        ++grown;
        smaller[i] = std::nextafter(smaller[i], 0.0F);
      }
      EXPECT_EQ(grown, report.unsafe_outputs);
      EXPECT_EQ(
          CountUnsafeOutputs(Codes(weight, test.layout, smaller), test.layout, highest).value(),
          grown);
      EXPECT_EQ(report.largest_factor, largest);
      EXPECT_LE(largest, 2.02F);
    }
  }
}

TEST(SafeScales, WidenOneScaleForAllByTheWorstOutput) {
  for (const Case& test : Cases()) {
    const Initializer weight = Uniform(test.dims);
    const std::vector<float> plain = PlainScales(weight, Channels::kNone);
    const auto report = SafeScales(weight, test.layout, plain, 255, 2).value();
    ASSERT_EQ(report.scales.size(), 1U);
    EXPECT_EQ(CountUnsafeOutputs(Codes(weight, test.layout, plain), test.layout, 255).value(),
              report.unsafe_outputs);
    EXPECT_EQ(
        CountUnsafeOutputs(Codes(weight, test.layout, report.scales), test.layout, 255).value(), 0);
    EXPECT_EQ(report.largest_factor, report.scales[0] / plain[0]);
    if (report.unsafe_outputs == 0) continue;
    const std::vector<float> smaller = {std::nextafter(report.scales[0], 0.0F)};
    EXPECT_THAT(CountUnsafeOutputs(Codes(weight, test.layout, smaller), test.layout, 255).value(),
                Gt(0));
  }
}

TEST(SafeScales, LeaveSafeOutputsAlone) {
  // The first output has one large weight, the second two beside each other.
  const Initializer weight =
      Initializer::Of("w", Tensor::OfFloats({2, 4}, {1, 0.005F, 0.3F, 0.3F, 1, 1, 0, 0}));
  const std::vector<float> plain = {1 / 127.0F, 1 / 127.0F};
  const auto report = SafeScales(weight, {PairOrder::kRows}, plain, 255, 1).value();
  EXPECT_EQ(report.unsafe_outputs, 1);
  EXPECT_EQ(report.scales[0], plain[0]);
  // Both must become 64, the largest code that rounds to it being just below 64.5.
  EXPECT_NEAR(report.scales[1], 1 / 64.5, 1e-7);
  EXPECT_NEAR(report.largest_factor, 127 / 64.5, 1e-5);
  const auto narrow = SafeScales(weight, {PairOrder::kRows}, plain, 129, 1).value();
  EXPECT_EQ(narrow.unsafe_outputs, 0);
  EXPECT_EQ(narrow.scales, plain);
}

TEST(SafeScales, GrowWhereScalesClip) {
  const Initializer weight = Initializer::Of("w", Tensor::OfFloats({1, 2}, {1000, 3e38F}));
  const std::vector<float> scale = {1.0F};
  const auto report = SafeScales(weight, {PairOrder::kRows}, scale, 255, 1).value();
  EXPECT_EQ(
      CountUnsafeOutputs(Codes(weight, {PairOrder::kRows}, report.scales), {PairOrder::kRows}, 255)
          .value(),
      0);
}

TEST(SafeScales, AreTheSameAtAnyNumberOfThreadsAndEitherWayRound) {
  const Initializer rows = Uniform({501, 902});
  const Tensor tensor = ReadTensor(rows).value();
  std::vector<float> turned(501 * 902);
  for (std::size_t i = 0; i < turned.size(); ++i) {
    turned[i % 902 * 501 + i / 902] = tensor.As<float>()[i];
  }
  const Initializer columns = Initializer::Of("w", Tensor::OfFloats({902, 501}, turned));
  const std::vector<float> plain = PlainScales(rows, Channels::kRows);
  const auto one = SafeScales(rows, {PairOrder::kRows}, plain, 255, 1).value();
  EXPECT_THAT(one.unsafe_outputs, Gt(0));
  for (const int threads : {1, 2, 5}) {
    EXPECT_EQ(SafeScales(rows, {PairOrder::kRows}, plain, 255, threads).value().scales, one.scales);
    EXPECT_EQ(SafeScales(columns, {PairOrder::kColumns}, plain, 255, threads).value().scales,
              one.scales);
  }
}

TEST(SafeScales, LeaveDepthwiseConvolutionsAlone) {
  const Initializer weight = Uniform({16, 1, 3, 3});
  const std::vector<float> plain = PlainScales(weight, Channels::kRows);
  const auto report = SafeScales(weight, {PairOrder::kConv, 16}, plain, 255, 1).value();
  EXPECT_EQ(report.scales, plain);
  EXPECT_EQ(report.unsafe_outputs, 0);
  // Two outputs a channel have no depthwise kernel.
  EXPECT_THAT(SafeScales(weight, {PairOrder::kConv, 8}, plain, 255, 1).value().unsafe_outputs,
              Gt(0));
}

TEST(SafeScales, RefuseWhatDoesNotFit) {
  const std::vector<float> two = {1, 1};
  const auto code = [&](const Shape& dims, PairOrder order) {
    return SafeScales(Uniform(dims), {order}, two, 255, 1).error().code();
  };
  EXPECT_EQ(code({2, 2, 2}, PairOrder::kRows), ErrorCode::kUnsupported);
  EXPECT_EQ(code({2}, PairOrder::kColumns), ErrorCode::kUnsupported);
  EXPECT_EQ(code({2, 2}, PairOrder::kConv), ErrorCode::kUnsupported);
  EXPECT_EQ(code({2, 0}, PairOrder::kRows), ErrorCode::kUnsupported);
  EXPECT_EQ(code({3, 4}, PairOrder::kRows), ErrorCode::kInvalidArgument);
  const Tensor bytes = Tensor::Make(DataType::kUint8, {2, 2}).value();
  EXPECT_EQ(SafeScales(Initializer::Of("w", bytes), {}, two, 255, 1).error().code(),
            ErrorCode::kUnsupported);
  EXPECT_EQ(CountUnsafeOutputs(bytes, {}, 255).error().code(), ErrorCode::kUnsupported);
}

}  // namespace overflow_test
}  // namespace quantbench
