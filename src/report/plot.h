// Parts that gnuplot scripts share.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace quantbench {

// The colour of an arm, by its place among the arms; the original is dark grey.
std::string Colour(std::size_t arm);
// The parts of one plot command, a line each.
std::string Joined(const std::vector<std::string>& plots);

}  // namespace quantbench
