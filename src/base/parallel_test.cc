// ParallelFor: every index once, whatever the chunks and threads.
#include "quantbench/base/parallel.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace quantbench {
namespace parallel_test {

TEST(ParallelFor, VisitsEveryIndexExactlyOnce) {
  for (const std::int64_t count : {0, 1, 2, 7, 64, 1000}) {
    for (const std::int64_t grain : {1, 3, 64, 5000}) {
      for (const int threads : {0, 1, 2, 5}) {
        std::vector<std::atomic<int>> visits(static_cast<std::size_t>(count));
        ParallelFor(count, grain, threads, [&](std::int64_t begin, std::int64_t end) {
          EXPECT_EQ(begin % grain, 0);
          EXPECT_LE(end - begin, grain);
          for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
        });
        for (const auto& visit : visits) EXPECT_EQ(visit.load(), 1);
      }
    }
  }
}

TEST(ParallelFor, MayBeAskedForInsideItselfAndBySeveralAtOnce) {
  std::atomic<int> visits{0};
  const auto nested = [&] {
    ParallelFor(8, 1, 3, [&](std::int64_t, std::int64_t) {
      ParallelFor(5, 1, 4, [&](std::int64_t begin, std::int64_t end) {
        visits += static_cast<int>(end - begin);
      });
    });
  };
  {
    const std::jthread one(nested);
    const std::jthread other(nested);
  }
  EXPECT_EQ(visits.load(), 2 * 8 * 5);
}

TEST(UsableCores, IsAtLeastOne) {
  EXPECT_GE(UsableCores(), 1);
}

}  // namespace parallel_test
}  // namespace quantbench
