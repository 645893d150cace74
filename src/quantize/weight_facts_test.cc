// Weight facts: the same whether a matrix is read whole or in stretches.
#include "quantize/weight_facts.h"

#include <gtest/gtest.h>

#include "quantize_model.h"

namespace quantbench {
namespace weight_facts_test {

using testing::Must;

// Larger than what is held in memory at a time, with a row in each stretch that has to be widened.
TEST(WeightFacts, ScalesOfALargeMatrixAreThoseOfItsRows) {
  constexpr std::int64_t kColumns = 2048;
  constexpr std::int64_t kRows = FloatValues::kMostHeld / kColumns + 3;
  Tensor numbers = testing::RandomTensor({kRows, kColumns}, 3);
  const auto values = numbers.As<float>();
  for (const std::int64_t row : {std::int64_t{1}, kRows - 1}) {
    const auto place = static_cast<std::size_t>(row * kColumns);
    values[place] = 100;
    values[place + 1] = 100;
  }
  const Initializer matrix = Initializer::Of("m", std::move(numbers));
  const PairLayout pairs{PairOrder::kRows, 1};
  WeightFacts facts;
  const WeightScales stretched = Must(facts.Scales(matrix, Channels::kRows, pairs, 0));
  EXPECT_TRUE(facts.KnowsFinite(matrix));
  const auto maxima = Must(ChannelMaxima(matrix, Channels::kRows, 0));
  EXPECT_EQ(Must(facts.Maxima(matrix, Channels::kRows, 0)), maxima);
  const OverflowReport whole =
      Must(SafeScales(matrix, pairs, SymmetricScales(maxima), kHighestActivation, 0));
  EXPECT_EQ(stretched.scales, whole.scales);
  EXPECT_EQ(stretched.repaired, whole.unsafe_outputs);
  EXPECT_GE(stretched.repaired, 2);
}

}  // namespace weight_facts_test
}  // namespace quantbench
