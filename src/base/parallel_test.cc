// ParallelFor: every index once, whatever the chunks and threads.
#include "quantbench/base/parallel.h"

#include <atomic>
#include <vector>

#include <gtest/gtest.h>

namespace quantbench {
namespace {

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

TEST(UsableCores, IsAtLeastOne) {
  EXPECT_GE(UsableCores(), 1);
}

}  // namespace
}  // namespace quantbench
