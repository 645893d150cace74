// How far two outputs are apart.
#include <cmath>
#include <limits>

#include "quantbench/measure.h"

namespace quantbench {

double SqnrDb(std::span<const double> reference, std::span<const double> other) {
  QB_CHECK(reference.size() == other.size(), "sizes differ");
  double signal = 0;
  double noise = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    // Equal infinities (a masked logit) are no noise.
    if (reference[i] == other[i] && std::isinf(reference[i])) continue;
    signal += reference[i] * reference[i];
    const double difference = reference[i] - other[i];
    noise += difference * difference;
  }
  if (std::isnan(noise) || std::isinf(noise)) return -std::numeric_limits<double>::infinity();
  if (noise == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(signal / noise);
}

}  // namespace quantbench
