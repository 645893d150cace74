// Words of verdicts: what a hypothesis is about, and values with their intervals.
#pragma once

#include <string>

#include "quantbench/analyse.h"

namespace quantbench {

// "<subject><relation><value><unit>" is a sentence.
struct Wording {
  std::string subject;            // "the time of int8 over that of original"
  std::string relation = " is ";  // of a slope " goes as batch^"
  std::string unit;               // " ms"; empty: none
  bool compares = false;          // the value is a ratio to something: 1 says that both are alike
};
[[nodiscard]] Wording WordsOf(const Hypothesis& hypothesis);

// "1.06 ms (95 % interval 1.01 to 1.12)"; without a valid interval the number alone.
[[nodiscard]] std::string ShowValue(const Interval& value, const std::string& unit);
// "1.06 (1.01 to 1.12)": beside others.
[[nodiscard]] std::string ShowBriefly(const Interval& value);

}  // namespace quantbench
