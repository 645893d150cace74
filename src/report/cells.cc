// What stands in the cells of several tables.
#include "report/cells.h"

#include <algorithm>
#include <cmath>

#include "quantbench/base/format.h"

namespace quantbench {

std::string Number(double value) {
  if (std::isnan(value)) return "-";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  if (value == 0) return "0";
  const int digits = 2 - static_cast<int>(std::floor(std::log10(std::fabs(value))));
  return Format("{:.{}f}", value, std::clamp(digits, 0, 9));
}

std::string Range(const Interval& value) {
  if (!value.valid()) return "-";
  return Format("{:.3f} to {:.3f}", value.low, value.high);
}

std::string OutcomeText(Outcome outcome, const std::string& reason) {
  return outcome == Outcome::kOk ? "" : Format("{}: {}", Name(outcome), reason);
}

}  // namespace quantbench
