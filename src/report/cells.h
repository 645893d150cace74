// What stands in the cells of several tables.
#pragma once

#include <string>

#include "quantbench/analyse.h"

namespace quantbench {

// Three significant digits without an exponent, "-" where there is no number.
std::string Number(double value);
// "1.23 to 1.27", "-" where there is no interval.
std::string Range(const Interval& value);
// "failed: the reason", empty when it is fine.
std::string OutcomeText(Outcome outcome, const std::string& reason);

}  // namespace quantbench
