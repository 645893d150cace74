// Weight facts: what only a walk through all numbers of a weight tells, walked for once.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "quantize/overflow.h"
#include "quantize/weights.h"

namespace quantbench {

// The highest code of the activations that integer weights meet.
inline constexpr std::int32_t kHighestActivation = 255;

struct WeightScales {
  std::vector<float> scales;  // one an output channel, or one; of the weights as they are stored
  std::int64_t repaired = 0;  // channels that could have overflowed with the plain scales
};

// Remembers by the numbers themselves, not by name: planning, which needs to know before it
// decides, and applying, which needs the same again, may share one. Not for several threads.
class WeightFacts {
 public:
  // As ChannelMaxima.
  [[nodiscard]] Result<std::vector<float>> Maxima(const Initializer& weight, Channels channels,
                                                  int threads);
  // The symmetric scales of the maxima; with `pairs`, widened until no sum overflows 16 bits.
  [[nodiscard]] Result<WeightScales> Scales(const Initializer& weight, Channels channels,
                                            const std::optional<PairLayout>& pairs, int threads);
  // As SurveyForHalf.
  [[nodiscard]] Result<HalfSurvey> ForHalf(const Initializer& weight);
  // As IsTranspose.
  [[nodiscard]] Result<bool> AreTransposes(const Initializer& a, const Initializer& b);
  // Whether maxima or scales of it were asked for, and there were any.
  [[nodiscard]] bool KnowsFinite(const Initializer& weight) const;

 private:
  using Place = const void*;  // of the numbers in memory, or of what makes them
  using Key = std::tuple<Place, Shape, Channels>;
  using PairKey = std::tuple<Key, PairOrder, std::int64_t>;
  Place Keep(const Initializer& weight);
  [[nodiscard]] Result<WeightScales> Widened(const Key& key, const Initializer& weight,
                                             const PairLayout& pairs, int threads);
  [[nodiscard]] Result<WeightScales> WidenedInStretches(const Key& key, const Initializer& weight,
                                                        const PairLayout& pairs,
                                                        std::int64_t together, int threads);

  std::map<Place, Initializer> kept_;  // so that no other numbers come to lie there
  std::map<Key, std::vector<float>> maxima_;
  std::map<PairKey, WeightScales> widened_;
  std::map<Place, HalfSurvey> halves_;
  std::map<std::pair<Place, Place>, bool> transposes_;
};

}  // namespace quantbench
