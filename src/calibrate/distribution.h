// What a histogram tells of a distribution: the values in rising order, and sums over stretches.
#pragma once

#include <cstdint>
#include <vector>

#include "quantbench/calibrate.h"

namespace quantbench {

// The mass of |x| of one or both signs by bin, as far as the last bin that is not empty.
[[nodiscard]] std::vector<double> MagnitudeCounts(const Histogram& histogram);

// Limits outside of which `tail` (a share, 0 to 1) of the values lie at each end, by linear
// interpolation within a bin; 0 where the tail reaches the zeros.
[[nodiscard]] double UpperLimit(const TensorStatistics& seen, double tail);
[[nodiscard]] double LowerLimit(const TensorStatistics& seen, double tail);

// The threshold on |x|, in bins, whose codes diverge least from the distribution.
[[nodiscard]] double EntropyThreshold(const std::vector<double>& counts, std::int64_t levels);

// Sum of h(x) (x - Q(x))^2 with Q the `levels` codes that cover [low, high], one of them zero.
// Values are spread evenly within their bin.
class SquaredErrors {
 public:
  explicit SquaredErrors(const Histogram& histogram);
  [[nodiscard]] double Of(const Range& range, std::int64_t levels) const;

 private:
  struct Sums {  // of 1, x and x^2 over all values below a place
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
  };
  [[nodiscard]] Sums Below(double x) const;
  [[nodiscard]] static double Error(const Sums& from, const Sums& to, double code);

  double width_;
  std::vector<double> counts_;  // from the most negative bin to the most positive
  std::vector<Sums> below_;     // of every bin's lower edge, and the end
};

}  // namespace quantbench
