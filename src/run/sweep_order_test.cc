// Sweeps: the order of cells, and memory foretold.
#include "run/sweep_order.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

namespace quantbench {
namespace sweep_order_test {

Cell Batch(std::int64_t batch) {
  Cell cell;
  cell.batch = batch;
  return cell;
}

std::vector<Case> Sweep() {
  std::vector<Case> cases = {{CaseKind::kQuantize, "a", "q", {}}};
  for (const char* model : {"a", "b"}) {
    for (const std::int64_t batch : {32, 16, 8, 4, 2, 1}) {
      cases.push_back({CaseKind::kMeasure, model, "", Batch(batch)});
    }
  }
  return cases;
}

TEST(OrderMeasurements, SmallestFirstThenAnyOrder) {
  std::set<std::vector<std::int64_t>> orders;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    std::vector<Case> cases = Sweep();
    OrderMeasurements(&cases, seed);
    EXPECT_EQ(cases[0].kind, CaseKind::kQuantize);
    std::vector<std::int64_t> order;
    for (std::size_t i = 1; i < 7; ++i) {
      EXPECT_EQ(cases[i].model, "a");
      order.push_back(cases[i].cell.batch);
    }
    EXPECT_EQ(order[0], 1);
    EXPECT_EQ(order[1], 2);
    EXPECT_EQ(std::set<std::int64_t>(order.begin(), order.end()).size(), 6U);
    EXPECT_EQ(cases[7].cell.batch, 1);
    orders.insert(order);
  }
  EXPECT_GE(orders.size(), 10U);  // of 24
}

TEST(MemoryForecast, IsAStraightLineThroughWhatWasMeasured) {
  MemoryForecast forecast;
  EXPECT_FALSE(forecast.Predict(Batch(64)));
  forecast.Learn(Batch(1), 110'000'000);
  EXPECT_FALSE(forecast.Predict(Batch(64)));
  forecast.Learn(Batch(2), 120'000'000);
  EXPECT_NEAR(*forecast.Predict(Batch(64)), 740e6, 1);
  Cell wide = Batch(2);
  wide.dims["seq"] = 32;
  EXPECT_NEAR(*forecast.Predict(wide), 740e6, 1);
  EXPECT_FALSE(forecast.Predict(Batch(2)));
  EXPECT_FALSE(forecast.WhyNot(Batch(64), 2'000'000'000));
  EXPECT_NE(forecast.WhyNot(Batch(64), 1'000'000'000)->find("740 MB"), std::string::npos);
}

}  // namespace sweep_order_test
}  // namespace quantbench
