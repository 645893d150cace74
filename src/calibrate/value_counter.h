// Counts the values of one tensor part by part, and adds them to a histogram at the end.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "calibrate/value_loops.h"

namespace quantbench {

// Values between being looked at and being counted: so many stay in the first cache.
inline constexpr std::size_t kCachedValues = 2048;

class ValueCounter {
 public:
  // `values`: about how many will come. Many are counted in tables that are cheaper to fill than to
  // make.
  ValueCounter(Histogram* into, std::size_t values);
  // `largest`: the largest finite magnitude among them. Zeros, NaN and infinities are passed over.
  void Add(float largest, std::span<const float> values);
  void Finish();

 private:
  // Equal neighbours are counted side by side, so that they do not wait for each other.
  static constexpr std::size_t kTables = 4;
  using Tables = std::array<std::array<std::uint32_t, kPlaces>, kTables>;

  void CountInTables(std::span<const std::int32_t> places);
  void CountOneByOne(std::span<const std::int32_t> places);
  void AddTables(std::size_t begin, std::vector<std::int64_t>* bins) const;

  Histogram* into_;
  std::unique_ptr<Tables> tables_;  // null: counted one by one
};

}  // namespace quantbench
