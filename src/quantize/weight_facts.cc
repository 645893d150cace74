// Weight facts: looked up, or found out.
#include "quantize/weight_facts.h"

#include <algorithm>

namespace quantbench {
namespace {

const void* PlaceOf(const Initializer& weight) {
  if (weight.maker != nullptr) return weight.maker.get();
  const Bytes& numbers = weight.data.size() > 0 ? weight.data : weight.origin;  // raw, or typed
  return numbers.view.data();
}

// Rows [begin, end) of a matrix that is stored as it is.
Initializer RowsOf(const Initializer& weight, std::int64_t begin, std::int64_t end) {
  Initializer rows;
  rows.name = weight.name;
  rows.type = weight.type;
  rows.dims = {end - begin, weight.dims[1]};
  const std::size_t row = weight.data.size() / static_cast<std::size_t>(weight.dims[0]);
  rows.data = weight.data.Part(weight.data.view.subspan(
      static_cast<std::size_t>(begin) * row, static_cast<std::size_t>(end - begin) * row));
  return rows;
}

// How many rows of a matrix FloatValues can hold; 0: it holds all, or stretches cannot be taken.
std::int64_t RowsHeld(const Initializer& weight, Channels channels, const PairLayout& pairs) {
  const bool by_rows = channels == Channels::kRows && pairs.order == PairOrder::kRows;
  const bool lies_open = weight.data.size() > 0;  // neither deferred nor written one by one
  if (!by_rows || !lies_open || weight.dims.size() != 2) return 0;
  if (Elements(weight) <= FloatValues::kMostHeld) return 0;
  return std::max<std::int64_t>(1, FloatValues::kMostHeld / weight.dims[1]);
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
  QB_TRY(WeightScales scales, Widened(key, weight, *pairs, threads));
  return widened_.emplace(pair_key, std::move(scales)).first->second;
}

// The numbers are walked through twice, and read once where they can be held in memory.
Result<WeightScales> WeightFacts::Widened(const Key& key, const Initializer& weight,
                                          const PairLayout& pairs, int threads) {
  const Channels channels = std::get<2>(key);
  const std::int64_t together = RowsHeld(weight, channels, pairs);
  if (together > 0) return WidenedInStretches(key, weight, pairs, together, threads);
  QB_TRY(FloatValues values, FloatValues::Of(weight));
  values.Hold(threads);
  auto known = maxima_.find(key);
  if (known == maxima_.end()) {
    QB_TRY(std::vector<float> maxima, ChannelMaxima(weight, values, channels, threads));
    known = maxima_.emplace(key, std::move(maxima)).first;
  }
  QB_TRY(OverflowReport report, SafeScales(weight, values, pairs, SymmetricScales(known->second),
                                           kHighestActivation, threads));
  return WeightScales{std::move(report.scales), report.unsafe_outputs};
}

Result<WeightScales> WeightFacts::WidenedInStretches(const Key& key, const Initializer& weight,
                                                     const PairLayout& pairs, std::int64_t together,
                                                     int threads) {
  WeightScales scales;
  std::vector<float> maxima;
  for (std::int64_t row = 0; row < weight.dims[0]; row += together) {
    const Initializer rows = RowsOf(weight, row, std::min(row + together, weight.dims[0]));
    QB_TRY(FloatValues values, FloatValues::Of(rows));
    values.Hold(threads);
    QB_TRY(const std::vector<float> own, ChannelMaxima(rows, values, Channels::kRows, threads));
    QB_TRY(const OverflowReport report,
           SafeScales(rows, values, pairs, SymmetricScales(own), kHighestActivation, threads));
    maxima.insert(maxima.end(), own.begin(), own.end());
    scales.scales.insert(scales.scales.end(), report.scales.begin(), report.scales.end());
    scales.repaired += report.unsafe_outputs;
  }
  maxima_.emplace(key, std::move(maxima));
  return scales;
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
