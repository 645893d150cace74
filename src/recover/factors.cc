// Factors that move difficulty between weights and activations, or between layers.
#include "recover/rows.h"

namespace quantbench {
namespace {

constexpr double kDeadChannel = 1e-8;

// s / sqrt(max s * min s), clamped: the largest and the smallest factor are each other's inverse.
void Normalize(std::vector<double>* factors) {
  if (factors->empty()) return;
  const auto [least, most] = std::minmax_element(factors->begin(), factors->end());
  const double middle = std::sqrt(*least * *most);
  for (double& factor : *factors) factor = std::clamp(factor / middle, 1e-4, 1e4);
}

std::vector<float> Multiplied(const WeightRows& weights, std::span<const double> factors) {
  std::vector<float> product(weights.values.begin(), weights.values.end());
  for (std::size_t i = 0; i < product.size(); ++i) {
    product[i] =
        static_cast<float>(product[i] * factors[i % static_cast<std::size_t>(weights.columns)]);
  }
  return product;
}

// What the outputs of all consumers lose when weights times factors are rounded to nearest.
double ErrorWith(std::span<const SharedInput> consumers, std::span<const double> factors, Gram gram,
                 int threads) {
  double error = 0;
  for (const SharedInput& consumer : consumers) {
    const std::vector<float> scaled = Multiplied(consumer.weights, factors);
    const WeightRows rows{scaled, consumer.weights.rows, consumer.weights.columns};
    const CodedRows coded = RoundToNearest(rows, *consumer.grid,
                                           ScalesOfRanges(rows, *consumer.grid, threads), threads);
    std::vector<float> decoded = DecodeRows(coded, rows.columns, *consumer.grid);
    for (std::size_t i = 0; i < decoded.size(); ++i) {
      decoded[i] =
          static_cast<float>(decoded[i] / factors[i % static_cast<std::size_t>(rows.columns)]);
    }
    error += OutputError(consumer.weights, decoded, gram, threads);
  }
  return error;
}

}  // namespace

std::vector<std::vector<double>> EqualizingFactors(std::span<const std::vector<double>> ranges) {
  QB_CHECK(ranges.size() >= 2, "a chain has at least two layers");
  std::vector<std::vector<double>> factors(ranges.size() - 1,
                                           std::vector<double>(ranges[0].size(), 1.0));
  for (std::size_t channel = 0; channel < ranges[0].size(); ++channel) {
    double log_mean = 0;
    bool is_alive = true;
    for (const std::vector<double>& range : ranges) {
      is_alive = is_alive && range[channel] >= kDeadChannel;
      if (is_alive) log_mean += std::log(range[channel]) / static_cast<double>(ranges.size());
    }
    if (!is_alive) continue;
    // Layer l's range must change by mean / r_l. Its incoming channel was multiplied with the
    // factor of the gap before, so that the gaps' factors accumulate.
    double before = 1;
    for (std::size_t gap = 0; gap < factors.size(); ++gap) {
      const double change = std::exp(log_mean) / ranges[gap][channel];
      factors[gap][channel] = std::clamp(before / change, 1e-3, 1e3);
      before = factors[gap][channel];
    }
  }
  return factors;
}

std::vector<double> SmoothingFactors(std::span<const double> input_max,
                                     std::span<const double> weight_max, double alpha) {
  QB_CHECK(input_max.size() == weight_max.size(), "as many inputs as weights");
  std::vector<double> factors;
  std::vector<std::size_t> alive;
  for (std::size_t j = 0; j < input_max.size(); ++j) {
    if (!(input_max[j] > kDeadChannel) || !(weight_max[j] > kDeadChannel)) continue;
    alive.push_back(j);
    factors.push_back(std::pow(input_max[j], alpha) / std::pow(weight_max[j], 1 - alpha));
  }
  Normalize(&factors);
  std::vector<double> all(input_max.size(), 1.0);
  for (std::size_t i = 0; i < alive.size(); ++i) all[alive[i]] = factors[i];
  return all;
}

AwqResult SearchAwqFactors(std::span<const SharedInput> consumers, Gram gram,
                           std::span<const double> input_abs_mean, int threads) {
  constexpr int kExponents = 20;
  AwqResult best;
  best.factors.assign(input_abs_mean.size(), 1.0);
  best.plain_error = ErrorWith(consumers, best.factors, gram, threads);
  best.error = best.plain_error;
  const double largest = *std::max_element(input_abs_mean.begin(), input_abs_mean.end());
  if (!(largest > 0) || !std::isfinite(largest)) return best;
  for (int i = 1; i < kExponents; ++i) {
    const double exponent = 0.05 * i;
    std::vector<double> factors;
    for (const double mean : input_abs_mean) {
      factors.push_back(std::pow(std::max(mean, 1e-4 * largest), exponent));
    }
    Normalize(&factors);
    const double error = ErrorWith(consumers, factors, gram, threads);
    if (!(error < best.error)) continue;
    best.factors = std::move(factors);
    best.error = error;
    best.exponent = exponent;
  }
  return best;
}

}  // namespace quantbench
