// Figures of a sweep: latency against what was varied.
#pragma once

#include <string>
#include <vector>

#include "report/figures.h"

namespace quantbench {

// For one model, a figure for each of batch, threads and the swept input dimensions that took two
// values or more, everything else as in the model's first measured cell; against batch alone when
// nothing was swept. Mean and standard deviation of every arm, in ms. Empty when nothing was
// measured.
std::vector<Figure> SweepFigures(const Analysis& analysis, const std::string& model);

}  // namespace quantbench
