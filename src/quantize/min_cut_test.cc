// Minimum cut: against trying all ways to part the nodes.
#include "quantize/min_cut.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/base/random.h"

namespace quantbench {
namespace min_cut_test {

using ::testing::ElementsAre;

TEST(MinCut, WeighsWhatNodesCostAgainstBorders) {
  const auto sides = [](std::int64_t border) {
    MinCut cut(2);
    cut.AddChoice(0, 10, 3);
    cut.AddChoice(1, 1, 6);
    cut.AddBorder(1, 0, border);
    return cut.Solve();
  };
  EXPECT_THAT(sides(4), ElementsAre(false, true));   // 3 + 1 + 4 = 8, together 9
  EXPECT_THAT(sides(6), ElementsAre(false, false));  // together 9, apart 10
}

TEST(MinCut, NeverCrossesAForbiddenBorder) {
  MinCut cut(1);
  cut.AddChoice(0, 1, 5);
  const std::size_t added = cut.AddNode();
  cut.AddChoice(added, 100, 0);
  cut.AddBorder(0, added, MinCut::kNever);
  EXPECT_THAT(cut.Solve(), ElementsAre(false, false));
}

struct Border {
  std::size_t a = 0;
  std::size_t b = 0;
  std::int64_t cost = 0;
};

TEST(MinCut, IsAsCheapAsTheBestOfAllWays) {
  constexpr std::size_t kNodes = 7;
  Random random(5);
  const auto upto = [&](std::uint64_t most) {
    return static_cast<std::int64_t>(random.Next() % (most + 1));
  };
  for (int round = 0; round < 50; ++round) {
    MinCut cut(kNodes);
    std::vector<std::pair<std::int64_t, std::int64_t>> choices;
    std::vector<Border> borders;
    for (std::size_t node = 0; node < kNodes; ++node) {
      choices.emplace_back(upto(20), upto(20));
      cut.AddChoice(node, choices.back().first, choices.back().second);
      for (std::size_t other = 0; other < kNodes; ++other) {
        if (other == node || upto(2) != 0) continue;
        borders.push_back({node, other, upto(9)});
        cut.AddBorder(node, other, borders.back().cost);
      }
    }
    const auto cost = [&](const auto& is_first) {
      std::int64_t sum = 0;
      for (std::size_t node = 0; node < kNodes; ++node) {
        sum += is_first(node) ? choices[node].first : choices[node].second;
      }
      for (const Border& border : borders) {
        if (is_first(border.a) && !is_first(border.b)) sum += border.cost;
      }
      return sum;
    };
    std::int64_t best = MinCut::kNever;
    for (std::uint32_t ways = 0; ways < 1U << kNodes; ++ways) {
      best = std::min(best, cost([&](std::size_t node) { return (ways >> node & 1U) != 0; }));
    }
    const std::vector<bool> found = cut.Solve();
    EXPECT_EQ(cost([&](std::size_t node) -> bool { return found[node]; }), best);
  }
}

}  // namespace min_cut_test
}  // namespace quantbench
