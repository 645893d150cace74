// The trade-off of a model: its score against its latency.
#pragma once

#include <string>

#include "report/figures.h"

namespace quantbench {

// One cross an arm, its lines the 95 % intervals of both; the front that nothing dominates is drawn
// as steps, dominated arms are grey, the best within the budget is ringed. Without a name where the
// model has no two arms with both figures.
Figure TradeOffFigure(const Analysis& analysis, const std::string& model);

}  // namespace quantbench
