// Weight facts: looked up, or found out.
#include "quantize/weight_facts.h"

namespace quantbench {
namespace {

const void* PlaceOf(const Initializer& weight) {
  if (weight.maker != nullptr) return weight.maker.get();
  const Bytes& numbers = weight.data.size() > 0 ? weight.data : weight.origin;  // raw, or typed
  return numbers.view.data();
}

}  // namespace

std::shared_ptr<WeightFacts> MakeWeightFacts() {
  return std::make_shared<WeightFacts>();
}

WeightFacts::Place WeightFacts::Keep(const Initializer& weight) {
  const Place place = PlaceOf(weight);
  kept_.try_emplace(place, weight);
  return place;
}

Result<std::vector<float>> WeightFacts::Maxima(const Initializer& weight, Channels channels,
                                               int threads) {
  const Key key{Keep(weight), weight.dims, channels};
  if (const auto found = maxima_.find(key); found != maxima_.end()) return found->second;
  QB_TRY(std::vector<float> maxima, ChannelMaxima(weight, channels, threads));
  return maxima_.emplace(key, std::move(maxima)).first->second;
}

Result<WeightScales> WeightFacts::Scales(const Initializer& weight, Channels channels,
                                         const std::optional<PairLayout>& pairs, int threads) {
  if (!pairs) {
    QB_TRY(const auto maxima, Maxima(weight, channels, threads));
    return WeightScales{SymmetricScales(maxima), 0};
  }
  const Key key{Keep(weight), weight.dims, channels};
  const PairKey pair_key{key, pairs->order, pairs->group};
  if (const auto found = widened_.find(pair_key); found != widened_.end()) return found->second;
  QB_TRY(FloatValues values, FloatValues::Of(weight));
  values.Hold(threads);
  auto known = maxima_.find(key);
  if (known == maxima_.end()) {
    QB_TRY(std::vector<float> maxima, ChannelMaxima(weight, values, channels, threads));
    known = maxima_.emplace(key, std::move(maxima)).first;
  }
  QB_TRY(OverflowReport report, SafeScales(weight, values, *pairs, SymmetricScales(known->second),
                                           kHighestActivation, threads));
  WeightScales scales{std::move(report.scales), report.unsafe_outputs};
  return widened_.emplace(pair_key, std::move(scales)).first->second;
}

Result<HalfSurvey> WeightFacts::ForHalf(const Initializer& weight) {
  const Place place = Keep(weight);
  if (const auto found = halves_.find(place); found != halves_.end()) return found->second;
  QB_TRY(const HalfSurvey survey, SurveyForHalf(weight));
  return halves_.emplace(place, survey).first->second;
}

Result<bool> WeightFacts::AreTransposes(const Initializer& a, const Initializer& b) {
  const std::pair key{Keep(a), Keep(b)};
  if (const auto found = transposes_.find(key); found != transposes_.end()) return found->second;
  QB_TRY(const bool same, IsTranspose(a, b));
  return transposes_.emplace(key, same).first->second;
}

bool WeightFacts::KnowsFinite(const Initializer& weight) const {
  const Place place = PlaceOf(weight);
  const auto found = maxima_.lower_bound(Key{place, Shape{}, Channels{}});
  return found != maxima_.end() && std::get<0>(found->first) == place;
}

}  // namespace quantbench
