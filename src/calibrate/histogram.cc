// Histograms with bins of a power of two.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>

#include "quantbench/calibrate.h"

namespace quantbench {
namespace {

constexpr int kBins = Histogram::kBins;
constexpr int kBinBits = 11;
static_assert(kBins == 1 << kBinBits);
constexpr int kSmallestExponent = -126;  // so that 1 / width is a float32
// A place behind the bins of both signs, for what is not counted.
constexpr std::size_t kNoBin = std::size_t{2} * kBins;
constexpr std::size_t kTables = 4;
constexpr std::size_t kBlock = 1024;
// From that many values on, tables of their own pay.
constexpr std::size_t kManyValues = 32768;

using Places = std::array<std::int32_t, kBlock>;

constexpr std::int32_t kSignBit = 31;
constexpr std::int32_t kMagnitude = 0x7FFFFFFF;
constexpr std::int32_t kInfinity = 0x7F800000;

// The places of a block's values: negative ones behind the positive ones. Selections instead of
// branches, which vectorize and do not mind what the values are; scaling by a power of two is exact
// where the result is at least 1. Magnitudes of floats are ordered as the integers of their bits.
void PlacesOf(std::span<const float> values, float scale, Places* places) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto bits = std::bit_cast<std::int32_t>(values[i]);
    const std::int32_t magnitude = bits & kMagnitude;
    const std::int32_t counted = magnitude < kInfinity ? magnitude : 0;
    const auto bin = static_cast<std::int32_t>(std::bit_cast<float>(counted) * scale);
    const std::int32_t place = bin + ((bits >> kSignBit) & kBins);
    (*places)[i] = counted == 0 ? static_cast<std::int32_t>(kNoBin) : place;
  }
}

float LargestMagnitude(std::span<const float> values) {
  std::int32_t largest = 0;
  for (const float value : values) {
    const std::int32_t magnitude = std::bit_cast<std::int32_t>(value) & kMagnitude;
    const std::int32_t counted = magnitude < kInfinity ? magnitude : 0;
    largest = largest > counted ? largest : counted;
  }
  return std::bit_cast<float>(largest);
}

// Counts of many values: tables side by side, so that equal neighbours do not wait for each other.
class Tables {
 public:
  void Count(std::span<const std::int32_t> places) {
    std::size_t i = 0;
    for (; i + kTables <= places.size(); i += kTables) {
      for (std::size_t t = 0; t < kTables; ++t) {
        ++counts_[t][static_cast<std::size_t>(places[i + t])];
      }
    }
    for (; i < places.size(); ++i) ++counts_[0][static_cast<std::size_t>(places[i])];
  }
  void AddTo(std::size_t begin, std::vector<std::int64_t>* bins) const {
    for (std::size_t m = 0; m < bins->size(); ++m) {
      for (const auto& table : counts_) (*bins)[m] += table[begin + m];
    }
  }
  [[nodiscard]] bool Any(std::size_t begin) const {
    return std::any_of(counts_.begin(), counts_.end(), [&](const auto& table) {
      return std::any_of(table.begin() + begin, table.begin() + begin + kBins,
                         [](std::uint32_t n) { return n != 0; });
    });
  }

 private:
  std::array<std::array<std::uint32_t, kNoBin + 1>, kTables> counts_{};
};

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

// Counts few places one by one.
void CountPlaces(std::span<const std::int32_t> places, Histogram* histogram) {
  for (const std::int32_t place : places) {
    const auto bin = static_cast<std::size_t>(place);
    if (bin == kNoBin) continue;
    std::vector<std::int64_t>& bins = bin < kBins ? histogram->positive : histogram->negative;
    if (bins.empty()) bins.resize(kBins, 0);
    ++bins[bin % kBins];
  }
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

void Histogram::Add(std::span<const float> values) {
  AddUpTo(LargestMagnitude(values), values);
}

void Histogram::AddUpTo(float largest, std::span<const float> values) {
  if (largest == 0) return;
  Widen(std::max(kSmallestExponent, std::ilogb(largest) + 1 - kBinBits));
  const float scale = std::ldexp(1.0F, -exponent);
  Places places;  // NOLINT(cppcoreguidelines-pro-type-member-init): written before it is read
  std::unique_ptr<Tables> tables;
  if (values.size() >= kManyValues) tables = std::make_unique<Tables>();
  while (!values.empty()) {
    const auto block = values.first(std::min(kBlock, values.size()));
    values = values.subspan(block.size());
    PlacesOf(block, scale, &places);
    const std::span<const std::int32_t> used = std::span(places).first(block.size());
    if (tables != nullptr) {
      tables->Count(used);
    } else {
      CountPlaces(used, this);
    }
  }
  if (tables == nullptr) return;
  if (positive.empty() && tables->Any(0)) positive.resize(kBins, 0);
  if (negative.empty() && tables->Any(kBins)) negative.resize(kBins, 0);
  tables->AddTo(0, &positive);
  tables->AddTo(kBins, &negative);
}

void Histogram::Merge(const Histogram& other) {
  if (other.exponent == kNoExponent) return;
  Histogram finer = other;
  Widen(finer.exponent);
  finer.Widen(exponent);
  AddBins(finer.positive, &positive);
  AddBins(finer.negative, &negative);
}

}  // namespace quantbench
