// Slopes of logarithms, and steps from one cell to the next.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "analyse/evidence.h"

namespace quantbench {

// Slope of the logarithm of latency ratios on that of size ratios, least squares through the
// original, over those variants of `arms` (all, when empty) whose size differs, of all cells
// together; cells are of different models. 1: in proportion. The interval is that of measuring
// these models: Student's t over processes, whose variances add up over cells, with the degrees of
// freedom of the cell of fewest; it says nothing of other models. Where a cell's control failed it
// is wider by what an error of all its ratios would do. The remark names the flattest and the
// steepest model. Cells without such a variant are passed over; missing where fewer than `least`
// are left.
[[nodiscard]] Evidence SlopeOnSize(const Analysis& analysis,
                                   std::span<const CellResult* const> cells,
                                   const std::vector<std::string>& arms, std::size_t least);

// From one value to the next, of independent cells.
[[nodiscard]] Evidence StepBetween(const Evidence& from, const Evidence& to);
// Least-squares slope of the logarithm of values on that of `places`; its interval from those of
// the values, which are independent. 1: in proportion.
[[nodiscard]] Evidence SlopeOf(const std::vector<double>& places,
                               const std::vector<Evidence>& values);

}  // namespace quantbench
