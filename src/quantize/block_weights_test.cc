// Block-wise weights: every number within half a step, zero exact, layouts byte by byte.
#include "quantize/block_weights.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>
#include <span>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/base/random.h"
#include "quantbench/recover.h"

#include "model_builder.h"
#include "quantize/block_coded.h"
#include "quantize/block_decode.h"

namespace quantbench {
namespace block_weights_test {

using testing::DecodeInPlace;
using testing::DecodeOutputs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::ModelBuilder;

std::vector<BlockSpec> EverySpec() {
  std::vector<BlockSpec> specs;
  for (const int bits : {4, 8}) {
    for (const std::int64_t block : {16, 32, 64, 128, 256}) {
      for (const bool symmetric : {true, false}) specs.push_back({bits, block, symmetric});
      if (bits == 4) specs.push_back({bits, block, true, true});
    }
  }
  return specs;
}

std::string Describe(const BlockSpec& spec) {
  return std::to_string(spec.bits) + " bits, block " + std::to_string(spec.block) +
         (spec.symmetric ? ", symmetric" : ", asymmetric") +
         (spec.positive_scales ? ", positive" : "");
}

// Normal weights with a few zeros and outliers, rows of one sign, an empty row.
Initializer Weight(std::int64_t rows, std::int64_t columns, std::uint64_t seed = 1) {
  Random random(seed);
  std::vector<float> values(static_cast<std::size_t>(rows * columns));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto row = i / static_cast<std::size_t>(columns);
    auto value = static_cast<float>(random.Normal() * 0.02);
    if (random.Below(50) == 0) value *= 8;
    if (random.Below(20) == 0 || row % 9 == 7) value = 0;
    if (row % 9 == 5) value = std::abs(value) + 1;
    values[i] = row % 9 == 6 ? -std::abs(value) : value;
  }
  return Initializer::Of("w", Tensor::OfFloats({rows, columns}, values));
}

std::vector<float> Floats(const Initializer& weight) {
  const Tensor tensor = ReadTensor(weight).value();
  const auto values = tensor.As<float>();
  return {values.begin(), values.end()};
}

Initializer Transposed(const Initializer& weight) {
  const std::vector<float> from = Floats(weight);
  const auto rows = static_cast<std::size_t>(weight.dims[0]);
  const auto columns = static_cast<std::size_t>(weight.dims[1]);
  std::vector<float> to(from.size());
  for (std::size_t i = 0; i < from.size(); ++i) to[i % columns * rows + i / columns] = from[i];
  return Initializer::Of("w", Tensor::OfFloats({weight.dims[1], weight.dims[0]}, to));
}

// |decoded - original| <= scale / 2, where scale is that of the block; 0 becomes 0.
void ExpectHalfAStep(const std::vector<float>& original, const std::vector<double>& decoded,
                     const std::function<double(std::size_t)>& scale_of) {
  ASSERT_EQ(original.size(), decoded.size());
  for (std::size_t i = 0; i < original.size(); ++i) {
    const double limit = 0.5 * std::abs(scale_of(i)) * (1 + 1e-6);
    ASSERT_LE(std::abs(decoded[i] - original[i]), limit) << "number " << i;
    ASSERT_TRUE(original[i] != 0 || decoded[i] == 0) << "number " << i;
  }
}

std::vector<std::byte> ZeroPointBytes(const BlockWeights& weights) {
  return weights.zero_points.has_value() ? weights.zero_points->bytes : std::vector<std::byte>{};
}

TEST(ChooseBlockGrid, KeepsEveryValueWithinHalfAStepAndZeroExact) {
  Random random(2);
  for (const BlockSpec& spec : EverySpec()) {
    if (spec.block != 16) continue;
    for (int i = 0; i < 5000; ++i) {
      const auto exponent = static_cast<int>(random.Below(240)) - 120;
      auto low = static_cast<float>(std::ldexp(random.Normal(), exponent));
      auto high = static_cast<float>(std::ldexp(random.Normal(), exponent));
      if (low > high) std::swap(low, high);
      const BlockGrid grid = ChooseBlockGrid(low, high, spec);
      ASSERT_TRUE(std::isnormal(grid.scale));
      ASSERT_TRUE(!spec.positive_scales || grid.scale > 0);
      ASSERT_LT(grid.zero_point, 1 << spec.bits);
      for (const float value : {low, high, low + (high - low) * 0.3F}) {
        const double steps = std::nearbyint(double{value / grid.scale});
        const double code =
            std::clamp(steps + grid.zero_point, 0.0, static_cast<double>((1 << spec.bits) - 1));
        const double real = grid.scale * (code - grid.zero_point);
        ASSERT_LE(std::abs(real - value), 0.5 * std::abs(grid.scale) * (1 + 1e-6))
            << low << " to " << high << ": " << value;
      }
    }
  }
}

TEST(ChooseBlockGrid, MakesTheLargerEndOfFourBitsExact) {
  const auto scale = [](float low, float high, bool positive) {
    const BlockGrid grid = ChooseBlockGrid(low, high, {4, 32, true, positive});
    EXPECT_EQ(grid.zero_point, 8);
    return grid.scale;
  };
  for (const bool positive : {false, true}) {
    EXPECT_EQ(scale(-4, 3, positive), 0.5F);  // -4 is -8 steps
    EXPECT_EQ(scale(-4, -1, positive), 0.5F);
    EXPECT_EQ(scale(-4, 4, positive), 4 / 7.5F);  // +4 would be 8 steps: a whole one beyond +7
  }
  EXPECT_EQ(scale(-3, 4, false), -0.5F);  // 4 is -8 steps of -0.5
  EXPECT_EQ(scale(1, 4, false), -0.5F);
  EXPECT_EQ(scale(-3, 4, true), 4 / 7.0F);  // 4 is +7 steps
}

TEST(ChooseBlockGrid, TakesEmptyAndDenormalRangesAsScaleOne) {
  for (const BlockSpec& spec : EverySpec()) {
    for (const float end : {0.0F, 1e-40F, FLT_TRUE_MIN}) {
      const BlockGrid grid = ChooseBlockGrid(-end, end, spec);
      EXPECT_EQ(grid.scale, 1) << Describe(spec);
      EXPECT_EQ(grid.zero_point, !spec.symmetric ? 0 : spec.bits == 4 ? 8 : 128);
    }
    const BlockGrid widest = ChooseBlockGrid(-FLT_MAX, FLT_MAX, spec);
    EXPECT_TRUE(std::isfinite(widest.scale)) << Describe(spec);
  }
}

class EveryBlockSpec : public ::testing::TestWithParam<BlockSpec> {};

TEST_P(EveryBlockSpec, MatMulNBitsHasItsShapesAndErrors) {
  const BlockSpec spec = GetParam();
  for (const std::int64_t inputs : {1, 15, 16, 33, 256, 301, 1030}) {
    for (const std::int64_t outputs : {1, 3, 17, 40}) {
      const Initializer rows = Weight(outputs, inputs);
      const BlockWeights weights = QuantizeForMatMulNBits(rows, Channels::kRows, spec, 2).value();
      const std::int64_t blocks = (inputs + spec.block - 1) / spec.block;
      EXPECT_EQ(weights.codes.shape, (Shape{outputs, blocks, spec.block * spec.bits / 8}));
      EXPECT_EQ(weights.codes.type, DataType::kUint8);
      EXPECT_EQ(weights.scales.shape, (Shape{outputs, blocks}));
      EXPECT_EQ(weights.zero_points.has_value(), !spec.symmetric);
      std::uint64_t bytes = weights.codes.bytes.size() + weights.scales.bytes.size();
      if (!spec.symmetric) {
        EXPECT_EQ(weights.zero_points->shape, (Shape{outputs, (blocks * spec.bits + 7) / 8}));
        bytes += weights.zero_points->bytes.size();
      }
      EXPECT_EQ(BlockWeightBytes(outputs, inputs, spec), bytes);
      ExpectHalfAStep(Floats(rows), DecodeOutputs(weights, spec, inputs), [&](std::size_t i) {
        const auto k = static_cast<std::int64_t>(i) % inputs;
        const auto n = static_cast<std::int64_t>(i) / inputs;
        return weights.scales.As<float>()[static_cast<std::size_t>(n * blocks + k / spec.block)];
      });
      // The same weight the other way round.
      const BlockWeights columns =
          QuantizeForMatMulNBits(Transposed(rows), Channels::kColumns, spec, 2).value();
      EXPECT_EQ(columns.codes.bytes, weights.codes.bytes);
      EXPECT_EQ(columns.scales.bytes, weights.scales.bytes);
      EXPECT_EQ(columns.codes.shape, weights.codes.shape);
      EXPECT_EQ(ZeroPointBytes(columns), ZeroPointBytes(weights));
    }
  }
}

TEST_P(EveryBlockSpec, InputsBeyondTheLastAreZero) {
  const BlockSpec spec = GetParam();
  const BlockWeights weights =
      QuantizeForMatMulNBits(Weight(9, spec.block + 5), Channels::kRows, spec, 1).value();
  const std::vector<double> padded = DecodeOutputs(weights, spec, 2 * spec.block);
  for (std::int64_t n = 0; n < 9; ++n) {
    for (std::int64_t k = spec.block + 5; k < 2 * spec.block; ++k) {
      EXPECT_EQ(padded[static_cast<std::size_t>(n * 2 * spec.block + k)], 0);
    }
  }
}

TEST_P(EveryBlockSpec, GatherSharesTheBytesOfMatMulNBits) {
  const BlockSpec spec = GetParam();
  const Initializer whole = Weight(37, 2 * spec.block);
  const BlockWeights table = QuantizeForGather(whole, spec, 2).value();
  const BlockWeights product = QuantizeForMatMulNBits(whole, Channels::kRows, spec, 2).value();
  EXPECT_EQ(table.codes.shape, (Shape{37, 2 * spec.block * spec.bits / 8}));
  EXPECT_EQ(table.codes.bytes, product.codes.bytes);
  EXPECT_EQ(table.scales.bytes, product.scales.bytes);
  EXPECT_EQ(table.scales.shape, product.scales.shape);
  EXPECT_EQ(ZeroPointBytes(table), ZeroPointBytes(product));

  const std::int64_t inputs = spec.block + 6;
  const Initializer broken = Weight(37, inputs);
  const BlockWeights rows = QuantizeForGather(broken, spec, 2).value();
  EXPECT_EQ(rows.codes.shape, (Shape{37, inputs * spec.bits / 8}));
  ExpectHalfAStep(Floats(broken), DecodeOutputs(rows, spec, inputs), [&](std::size_t i) {
    const auto k = static_cast<std::int64_t>(i) % inputs;
    const auto n = static_cast<std::int64_t>(i) / inputs;
    return rows.scales.As<float>()[static_cast<std::size_t>(n * 2 + k / spec.block)];
  });
}

TEST_P(EveryBlockSpec, DequantizeKeepsTheLayoutOfTheWeight) {
  const BlockSpec spec = GetParam();
  for (const Channels outputs : {Channels::kRows, Channels::kColumns}) {
    const std::size_t axis = outputs == Channels::kRows ? 1 : 0;
    for (const Shape& dims : std::vector<Shape>{{1, 1}, {3, 5}, {33, 7}, {16, 300}, {301, 33}}) {
      const Initializer weight = Weight(dims[0], dims[1]);
      const BlockWeights weights = QuantizeForBlockDequantize(weight, outputs, spec, 2).value();
      const DataType narrow = spec.symmetric ? DataType::kInt4 : DataType::kUint4;
      const DataType wide = spec.symmetric ? DataType::kInt8 : DataType::kUint8;
      EXPECT_EQ(weights.codes.type, spec.bits == 4 ? narrow : wide);
      EXPECT_EQ(weights.codes.shape, dims);
      Shape grid = dims;
      grid[axis] = (dims[axis] + spec.block - 1) / spec.block;
      EXPECT_EQ(weights.scales.shape, grid);
      EXPECT_TRUE(!spec.positive_scales ||
                  std::ranges::all_of(weights.scales.As<float>(), [](float s) { return s > 0; }));
      if (!spec.symmetric) {
        EXPECT_EQ(weights.zero_points->shape, grid);
        EXPECT_EQ(weights.zero_points->type, weights.codes.type);
      }
      const std::vector<float> original = Floats(weight);
      ExpectHalfAStep(original, DecodeInPlace(weights, spec, axis), [&](std::size_t i) {
        const auto row = static_cast<std::int64_t>(i) / dims[1] / (axis == 0 ? spec.block : 1);
        const auto column = static_cast<std::int64_t>(i) % dims[1] / (axis == 1 ? spec.block : 1);
        return weights.scales.As<float>()[static_cast<std::size_t>(row * grid[1] + column)];
      });
    }
  }
}

TEST_P(EveryBlockSpec, GivesTheSameBytesAtAnyNumberOfThreads) {
  const BlockSpec spec = GetParam();
  const Initializer weight = Weight(600, 1001);
  const auto all = [&](int threads) {
    std::vector<std::vector<std::byte>> bytes;
    for (const Channels outputs : {Channels::kRows, Channels::kColumns}) {
      for (const auto quantize : {QuantizeForMatMulNBits, QuantizeForBlockDequantize}) {
        const BlockWeights weights = quantize(weight, outputs, spec, threads).value();
        bytes.push_back(weights.codes.bytes);
        bytes.push_back(weights.scales.bytes);
        bytes.push_back(ZeroPointBytes(weights));
      }
    }
    return bytes;
  };
  const auto one = all(1);
  for (const int threads : {2, 5}) EXPECT_EQ(all(threads), one) << threads;
}

INSTANTIATE_TEST_SUITE_P(Specs, EveryBlockSpec, ::testing::ValuesIn(EverySpec()),
                         [](const auto& test) {
                           return "Bits" + std::to_string(test.param.bits) + "Block" +
                                  std::to_string(test.param.block) +
                                  (test.param.symmetric ? "Symmetric" : "Asymmetric") +
                                  (test.param.positive_scales ? "Positive" : "");
                         });

double SquaredError(const std::vector<float>& original, std::span<const double> decoded) {
  double sum = 0;
  for (std::size_t i = 0; i < original.size(); ++i) {
    sum += (decoded[i] - original[i]) * (decoded[i] - original[i]);
  }
  return sum;
}

TEST(ClippedBlocks, LoseWhatTheSearchInDoublesLosesInEveryLayout) {
  const Initializer weight = Weight(24, 200);
  const std::vector<float> values = Floats(weight);
  for (BlockSpec spec : EverySpec()) {
    SCOPED_TRACE(Describe(spec));
    const BlockWeights plain = QuantizeForMatMulNBits(weight, Channels::kRows, spec, 1).value();
    spec.clip = true;
    const BlockWeights rows = QuantizeForMatMulNBits(weight, Channels::kRows, spec, 2).value();
    const BlockWeights columns =
        QuantizeForMatMulNBits(Transposed(weight), Channels::kColumns, spec, 1).value();
    EXPECT_EQ(rows.codes.bytes, columns.codes.bytes);
    EXPECT_EQ(rows.scales.bytes, columns.scales.bytes);
    const BlockWeights in_place =
        QuantizeForBlockDequantize(weight, Channels::kRows, spec, 1).value();
    const std::vector<double> decoded = DecodeOutputs(rows, spec, 200);
    EXPECT_EQ(DecodeInPlace(in_place, spec, 1), decoded);

    const CodeGrid grid = GridOfBlocks(spec);
    const WeightRows matrix{values, 24, 200};
    const CodedRows searched = RoundToNearest(matrix, grid, ClipByMse(matrix, grid, {}, 1), 1);
    const std::vector<float> best = DecodeRows(searched, 200, grid);
    const double least = SquaredError(values, std::vector<double>(best.begin(), best.end()));
    // Less where 8 bits are symmetric: the lowest of 256 codes may be used, if only by clipping.
    EXPECT_LT(SquaredError(values, decoded), 1.001 * least);
    EXPECT_GT(SquaredError(values, decoded), 0.99 * least);
    if (spec.bits == 4) {
      EXPECT_LT(least, 0.97 * SquaredError(values, DecodeOutputs(plain, spec, 200)));
    }
  }
}

TEST(BlockWeights, LayOutKnownCodesByteByByte) {
  // Two outputs of 18 inputs, blocks of 16; the larger end is -8 of the first, 4 of the second.
  std::vector<float> values(36, 0.0F);
  for (std::size_t k = 0; k < 16; ++k) values[k] = static_cast<float>(k) - 8;
  values[16] = -4;
  values[17] = 3;
  values[18] = 4;
  const Initializer weight = Initializer::Of("w", Tensor::OfFloats({2, 18}, values));
  const BlockWeights product =
      QuantizeForMatMulNBits(weight, Channels::kRows, {4, 16, true}, 1).value();
  EXPECT_THAT(product.scales.As<float>(), ElementsAre(1, 0.5F, -0.5F, 1));
  const auto codes = product.codes.As<std::uint8_t>();
  EXPECT_THAT(codes.first(8), ElementsAre(0x10, 0x32, 0x54, 0x76, 0x98, 0xBA, 0xDC, 0xFE));
  EXPECT_THAT(codes.subspan(8, 8), ElementsAre(0xE0, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88));
  EXPECT_THAT(codes.subspan(16, 2), ElementsAre(0x80, 0x88));
  const BlockWeights plain =
      QuantizeForBlockDequantize(weight, Channels::kRows, {4, 16, true, true}, 1).value();
  EXPECT_THAT(plain.scales.As<float>(), ElementsAre(1, 0.5F, 4 / 7.0F, 1));
  EXPECT_EQ(plain.codes.bytes[0], std::byte{0x98});  // -8 and -7, the first in the low half
  EXPECT_EQ(plain.codes.bytes[9], std::byte{0x07});  // +7 steps of 4/7
}

TEST(BlockWeights, RefuseNanAndInfinityByName) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    std::vector<float> values(48 * 40, 1.0F);
    values[777] = bad;
    const Initializer weight = Initializer::Of("fc.weight", Tensor::OfFloats({48, 40}, values));
    for (const Channels outputs : {Channels::kRows, Channels::kColumns}) {
      for (const auto quantize : {QuantizeForMatMulNBits, QuantizeForBlockDequantize}) {
        const auto result = quantize(weight, outputs, {}, 2);
        ASSERT_FALSE(result.ok());
        EXPECT_EQ(result.error().code(), ErrorCode::kMalformed);
        EXPECT_THAT(result.error().message(), HasSubstr("\"fc.weight\""));
        EXPECT_THAT(result.error().message(), HasSubstr(std::isnan(bad) ? "NaN" : "infinity"));
      }
    }
    EXPECT_EQ(QuantizeForGather(weight, {}, 2).error().code(), ErrorCode::kMalformed);
  }
}

TEST(BlockWeights, RefuseWhatIsNoMatrixOfFloats) {
  for (const Shape& dims : std::vector<Shape>{{}, {64}, {4, 4, 4}, {0, 16}, {16, 0}}) {
    const auto count = static_cast<std::size_t>(ElementCount(dims).value());
    const Initializer weight =
        Initializer::Of("w", Tensor::OfFloats(dims, std::vector<float>(count)));
    EXPECT_EQ(QuantizeForMatMulNBits(weight, Channels::kRows, {}, 1).error().code(),
              ErrorCode::kUnsupported);
    EXPECT_EQ(QuantizeForGather(weight, {}, 1).error().code(), ErrorCode::kUnsupported);
  }
  const Initializer half = Initializer::Of("w", Tensor::Make(DataType::kFloat16, {4, 4}).value());
  EXPECT_EQ(QuantizeForBlockDequantize(half, Channels::kRows, {}, 1).error().code(),
            ErrorCode::kUnsupported);
  EXPECT_EQ(QuantizeForGather(Weight(4, 17), {}, 1).error().code(), ErrorCode::kUnsupported);
}

TEST(BlockWeights, RefuseOtherBitsAndBlocks) {
  for (const BlockSpec& spec : {BlockSpec{3, 32}, {4, 8}, {4, 48}, {8, 512}, {4, 0}, {4, -16}}) {
    EXPECT_EQ(CheckBlockSpec(spec).error().code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(QuantizeForMatMulNBits(Weight(4, 64), Channels::kRows, spec, 1).error().code(),
              ErrorCode::kInvalidArgument);
  }
}

}  // namespace block_weights_test
}  // namespace quantbench
