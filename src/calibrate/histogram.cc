// Histograms with bins of a power of two.
#include <algorithm>
#include <cmath>

#include "calibrate/value_counter.h"

namespace quantbench {
namespace {

constexpr int kBins = Histogram::kBins;
constexpr int kBinBits = 11;
static_assert(kBins == 1 << kBinBits);
constexpr int kSmallestExponent = -126;  // so that 1 / width is a float32
// From that many values on, tables pay.
constexpr std::size_t kManyValues = 16384;

void AddBins(const std::vector<std::int64_t>& from, std::vector<std::int64_t>* to) {
  if (from.empty()) return;
  to->resize(kBins, 0);
  for (std::size_t m = 0; m < kBins; ++m) (*to)[m] += from[m];
}

void JoinPairs(int times, std::vector<std::int64_t>* bins) {
  if (bins->empty()) return;
  std::vector<std::int64_t> joined(kBins, 0);
  for (int m = 0; m < kBins; ++m) {
    const int to = times < kBinBits ? m >> times : 0;
    joined[static_cast<std::size_t>(to)] += (*bins)[static_cast<std::size_t>(m)];
  }
  *bins = std::move(joined);
}

}  // namespace

double Histogram::width() const {
  return exponent == kNoExponent ? 0 : std::ldexp(1.0, exponent);
}

void Histogram::Widen(int wanted) {
  if (exponent != kNoExponent && wanted > exponent) {
    JoinPairs(wanted - exponent, &positive);
    JoinPairs(wanted - exponent, &negative);
  }
  exponent = std::max(exponent, wanted);
}

bool Histogram::Holds(float largest) const {
  return exponent != kNoExponent && largest < std::ldexp(kBins, exponent);
}

void Histogram::Reach(float largest) {
  if (largest > 0) Widen(std::max(kSmallestExponent, std::ilogb(largest) + 1 - kBinBits));
}

void Histogram::Add(std::span<const float> values) {
  ValueCounter counter(this, values.size());
  for (std::size_t begin = 0; begin < values.size(); begin += kCachedValues) {
    const auto part = values.subspan(begin, std::min(kCachedValues, values.size() - begin));
    counter.Add(RangeOf(part).largest(), part);
  }
  counter.Finish();
}

void Histogram::Merge(const Histogram& other) {
  if (other.exponent == kNoExponent) return;
  Widen(other.exponent);
  if (other.exponent < exponent) {
    Histogram coarser = other;
    coarser.Widen(exponent);
    return Merge(coarser);
  }
  AddBins(other.positive, &positive);
  AddBins(other.negative, &negative);
}

ValueCounter::ValueCounter(Histogram* into, std::size_t values) : into_(into) {
  if (values >= kManyValues) tables_ = std::make_unique<Tables>();
}

void ValueCounter::Add(float largest, std::span<const float> values) {
  if (largest == 0) return;
  if (!into_->Holds(largest)) {
    Finish();
    into_->Reach(largest);
  }
  const float scale = std::ldexp(1.0F, -into_->exponent);
  std::array<std::int32_t, kCachedValues> places;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  while (!values.empty()) {
    const auto part = values.first(std::min(kCachedValues, values.size()));
    values = values.subspan(part.size());
    const std::span<std::int32_t> used = std::span(places).first(part.size());
    FindPlaces(part, scale, used);
    if (tables_ != nullptr) {
      CountInTables(used);
    } else {
      CountOneByOne(used);
    }
  }
}

void ValueCounter::Finish() {
  if (tables_ == nullptr) return;
  AddTables(0, &into_->positive);
  AddTables(kNegativePlace, &into_->negative);
  for (auto& table : *tables_) table.fill(0);
}

void ValueCounter::CountInTables(std::span<const std::int32_t> places) {
  Tables& tables = *tables_;
  std::size_t i = 0;
  for (; i + kTables <= places.size(); i += kTables) {
    for (std::size_t t = 0; t < kTables; ++t) ++tables[t][static_cast<std::size_t>(places[i + t])];
  }
  for (; i < places.size(); ++i) ++tables[0][static_cast<std::size_t>(places[i])];
}

void ValueCounter::CountOneByOne(std::span<const std::int32_t> places) {
  for (const std::int32_t place : places) {
    if (place >= kNoBinPlace) continue;
    const bool is_negative = place >= kNegativePlace;
    std::vector<std::int64_t>& bins = is_negative ? into_->negative : into_->positive;
    if (bins.empty()) bins.resize(kBins, 0);
    ++bins[static_cast<std::size_t>(is_negative ? place - kNegativePlace : place)];
  }
}

void ValueCounter::AddTables(std::size_t begin, std::vector<std::int64_t>* bins) const {
  std::array<std::int64_t, kBins> sums{};
  for (const auto& table : *tables_) {
    for (std::size_t m = 0; m < kBins; ++m) sums[m] += table[begin + m];
  }
  if (std::all_of(sums.begin(), sums.end(), [](std::int64_t n) { return n == 0; })) return;
  bins->resize(kBins, 0);
  for (std::size_t m = 0; m < kBins; ++m) (*bins)[m] += sums[m];
}

}  // namespace quantbench
