// Percentiles, divergences and squared errors of a distribution in bins.
#include "calibrate/distribution.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace quantbench {
namespace {

// The place, in bins from zero, above which `mass` of the counts lies; 0 when all are fewer.
double PlaceFromTheEnd(const std::vector<std::int64_t>& bins, double mass) {
  double above = 0;
  for (std::size_t m = bins.size(); m-- > 0;) {
    const auto count = static_cast<double>(bins[m]);
    if (count > 0 && above + count >= mass) {
      return static_cast<double>(m) + 1 - (mass - above) / count;
    }
    above += count;
  }
  return 0;
}

// Divergence of the distribution clipped to `bins` bins from its `levels` codes [Migacz 2017].
class Divergence {
 public:
  explicit Divergence(const std::vector<double>& counts) : counts_(counts) {
    mass_.push_back(0);
    used_.push_back(0);
    entropy_.push_back(0);
    for (const double count : counts) {
      mass_.push_back(mass_.back() + count);
      used_.push_back(used_.back() + (count > 0 ? 1 : 0));
      entropy_.push_back(entropy_.back() + (count > 0 ? count * std::log(count) : 0));
    }
  }

  // sum P log(P / Q): the clipped values join the last bin of P; a code's mass is spread over the
  // bins it stands for that are not empty.
  [[nodiscard]] double Of(std::size_t bins, std::int64_t levels) const {
    const double inside = mass_[bins];
    if (inside <= 0) return std::numeric_limits<double>::infinity();
    const double total = mass_.back();
    const double clipped = total - inside;
    const double last = counts_[bins - 1];
    // sum P log P, of counts
    double sum = entropy_[bins];
    if (last > 0) sum -= last * std::log(last);
    if (last + clipped > 0) sum += (last + clipped) * std::log(last + clipped);
    for (std::int64_t level = 0; level < levels; ++level) {
      const std::size_t begin = Edge(level, bins, levels);
      const std::size_t end = Edge(level + 1, bins, levels);
      const double mass = mass_[end] - mass_[begin];
      if (mass > 0) sum -= mass * std::log(mass / (used_[end] - used_[begin]));
    }
    // What was clipped meets the last bin of Q, or, where that is empty, almost nothing.
    const std::size_t begin = Edge(levels - 1, bins, levels);
    const double spread = last > 0 ? (inside - mass_[begin]) / (used_[bins] - used_[begin]) : 1e-4;
    if (clipped > 0) sum -= clipped * std::log(spread);
    // From counts to shares: P has `total`, Q has `inside`.
    return sum / total - std::log(total) + std::log(inside);
  }

 private:
  static std::size_t Edge(std::int64_t level, std::size_t bins, std::int64_t levels) {
    return static_cast<std::size_t>(level * static_cast<std::int64_t>(bins) / levels);
  }
  const std::vector<double>& counts_;
  std::vector<double> mass_;     // sums of all bins below
  std::vector<double> used_;     // bins below that are not empty
  std::vector<double> entropy_;  // sums of n log n
};

}  // namespace

std::vector<double> MagnitudeCounts(const Histogram& histogram) {
  std::vector<double> counts(Histogram::kBins, 0);
  for (const auto* bins : {&histogram.positive, &histogram.negative}) {
    for (std::size_t m = 0; m < bins->size(); ++m) counts[m] += static_cast<double>((*bins)[m]);
  }
  while (!counts.empty() && counts.back() == 0) counts.pop_back();
  return counts;
}

double UpperLimit(const TensorStatistics& seen, double tail) {
  const double mass = tail * static_cast<double>(seen.count - seen.nonfinite);
  return PlaceFromTheEnd(seen.histogram.positive, mass) * seen.histogram.width();
}

double LowerLimit(const TensorStatistics& seen, double tail) {
  const double mass = tail * static_cast<double>(seen.count - seen.nonfinite);
  return -PlaceFromTheEnd(seen.histogram.negative, mass) * seen.histogram.width();
}

double ClippedShare(const TensorStatistics& seen, const Range& range) {
  double outside = 0;
  const auto add = [&](const std::vector<std::int64_t>& bins, double limit) {
    for (std::size_t m = 0; m < bins.size(); ++m) {
      const bool is_outside = static_cast<double>(m) * seen.histogram.width() >= limit;
      if (is_outside) outside += static_cast<double>(bins[m]);
    }
  };
  if (range.high < seen.max) add(seen.histogram.positive, std::max(0.0, range.high));
  if (range.low > seen.min) add(seen.histogram.negative, std::max(0.0, -range.low));
  return seen.count == 0 ? 0 : outside / static_cast<double>(seen.count);
}

double EntropyThreshold(const std::vector<double>& counts, std::int64_t levels) {
  const auto bins = static_cast<std::int64_t>(counts.size());
  if (bins <= levels) return static_cast<double>(bins);
  const Divergence divergence(counts);
  std::int64_t best = bins;
  double least = divergence.Of(static_cast<std::size_t>(bins), levels);
  const auto attempt = [&](std::int64_t candidate) {
    const double found = divergence.Of(static_cast<std::size_t>(candidate), levels);
    if (found >= least) return;
    least = found;
    best = candidate;
  };
  constexpr std::int64_t kStep = 8;
  for (std::int64_t i = levels; i < bins; i += kStep) attempt(i);
  const std::int64_t around = best;
  for (std::int64_t i = std::max(levels, around - kStep + 1); i < std::min(bins, around + kStep);
       ++i) {
    attempt(i);
  }
  return best == bins ? static_cast<double>(bins) : static_cast<double>(best) + 0.5;
}

SquaredErrors::SquaredErrors(const Histogram& histogram) : width_(histogram.width()) {
  counts_.assign(std::size_t{2} * Histogram::kBins, 0);
  for (std::size_t m = 0; m < histogram.negative.size(); ++m) {
    counts_[Histogram::kBins - 1 - m] = static_cast<double>(histogram.negative[m]);
  }
  for (std::size_t m = 0; m < histogram.positive.size(); ++m) {
    counts_[Histogram::kBins + m] = static_cast<double>(histogram.positive[m]);
  }
  below_.emplace_back();
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    const double centre = static_cast<double>(i) - Histogram::kBins + 0.5;
    Sums sums = below_.back();
    sums.s0 += counts_[i];
    sums.s1 += counts_[i] * centre;
    sums.s2 += counts_[i] * (centre * centre + 1.0 / 12);
    below_.push_back(sums);
  }
}

// In units of the bin's width. Within a bin from its edge on: s1 and s2 of an even spread.
SquaredErrors::Sums SquaredErrors::Below(double x) const {
  const double place = std::clamp(x + Histogram::kBins, 0.0, static_cast<double>(counts_.size()));
  const auto bin = std::min(static_cast<std::size_t>(place), counts_.size() - 1);
  const double share = place - static_cast<double>(bin);
  Sums sums = below_[bin];
  if (share <= 0 || counts_[bin] == 0) return sums;
  const double edge = static_cast<double>(bin) - Histogram::kBins;
  const double mass = counts_[bin] * share;
  const double centre = edge + share / 2;
  sums.s0 += mass;
  sums.s1 += mass * centre;
  sums.s2 += mass * (centre * centre + share * share / 12);
  return sums;
}

double SquaredErrors::Error(const Sums& from, const Sums& to, double code) {
  return (to.s2 - from.s2) - 2 * code * (to.s1 - from.s1) + code * code * (to.s0 - from.s0);
}

double SquaredErrors::Of(const Range& range, std::int64_t levels) const {
  if (range.high <= range.low) return std::numeric_limits<double>::infinity();
  const double scale = (range.high - range.low) / static_cast<double>(levels - 1) / width_;
  const double zero = std::round(-range.low / width_ / scale);
  const Sums none;
  const Sums all = below_.back();
  const double first = -zero * scale;
  const double last = (static_cast<double>(levels - 1) - zero) * scale;
  if (scale < 1) {
    // Codes finer than bins: between the ends, the error of an even spread.
    const Sums low = Below(first);
    const Sums high = Below(last);
    return Error(none, low, first) + Error(high, all, last) +
           (high.s0 - low.s0) * scale * scale / 12;
  }
  double error = 0;
  Sums from = none;
  for (std::int64_t level = 0; level < levels; ++level) {
    const double code = (static_cast<double>(level) - zero) * scale;
    const Sums to = level + 1 == levels ? all : Below(code + scale / 2);
    error += Error(from, to, code);
    from = to;
  }
  return error;
}

}  // namespace quantbench
