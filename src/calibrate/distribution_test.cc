// Divergences of a distribution in bins, against their definition word by word.
#include "calibrate/distribution.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "quantbench/base/random.h"

namespace quantbench {
namespace distribution_test {

// D(P || Q) of a threshold [Migacz 2017]: P are the counts below it, and all that lies beyond joins
// its last bin; Q are the counts below it as `levels` codes, each code's mass spread over its
// bins that are not empty.
double PlainDivergence(const std::vector<double>& counts, std::size_t bins, std::size_t levels) {
  std::vector<double> p(counts.begin(), counts.begin() + static_cast<std::ptrdiff_t>(bins));
  std::vector<double> q(bins, 0);
  for (std::size_t level = 0; level < levels; ++level) {
    const std::size_t begin = level * bins / levels;
    const std::size_t end = (level + 1) * bins / levels;
    double mass = 0;
    double used = 0;
    for (std::size_t m = begin; m < end; ++m) {
      mass += counts[m];
      used += counts[m] > 0 ? 1 : 0;
    }
    for (std::size_t m = begin; m < end; ++m) q[m] = counts[m] > 0 ? mass / used : 0;
  }
  for (std::size_t m = bins; m < counts.size(); ++m) p.back() += counts[m];
  const double p_sum = std::accumulate(p.begin(), p.end(), 0.0);
  const double q_sum = std::accumulate(q.begin(), q.end(), 0.0);
  if (q.back() == 0) q.back() = 1e-4;  // what was clipped meets an empty bin
  double divergence = 0;
  for (std::size_t m = 0; m < bins; ++m) {
    if (p[m] > 0) divergence += p[m] / p_sum * std::log(p[m] / p_sum / (q[m] / q_sum));
  }
  return divergence;
}

// Magnitudes of normal values, a hundredth of them six times as large.
std::vector<double> LongTailed(std::uint64_t seed) {
  Random random(seed);
  std::vector<double> counts(2048);
  for (int i = 0; i < 20000; ++i) {
    const double x = std::abs(random.Normal()) * (random.Uniform() < 0.01 ? 6 : 1);
    counts[static_cast<std::size_t>(std::min(2047.0, x * 100))] += 1;
  }
  return counts;
}

TEST(EntropyThreshold, IsThatOfTheLeastDivergence) {
  constexpr std::size_t kLevels = 128;
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    const std::vector<double> counts = LongTailed(seed);
    const double found = EntropyThreshold(counts, kLevels);
    const double least = PlainDivergence(counts, static_cast<std::size_t>(found), kLevels);
    for (std::size_t bins = kLevels; bins <= counts.size(); bins += 8) {  // as it is searched
      EXPECT_GE(PlainDivergence(counts, bins, kLevels), least - 1e-9) << bins << " for " << found;
    }
    EXPECT_LT(found, static_cast<double>(counts.size())) << "nothing was clipped";
  }
}

}  // namespace distribution_test
}  // namespace quantbench
