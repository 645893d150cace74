// Gathering: records become the typed rows of an analysis.
#pragma once

#include <vector>

#include "quantbench/analyse.h"

namespace quantbench {

// Position of an arm in the study's order; the original comes first.
std::size_t OrderOf(const Study& study, const std::string& arm);
QuantizeResult GatherQuantize(const Record& record);
// The variant's size and, the first time a model is met, the original's.
void GatherSizes(const Record& record, std::vector<ArmSize>* sizes);
// The arms of a kNatural record: all sizes together, then each bucket of sizes.
void GatherNatural(const Study& study, const Record& record, std::vector<NaturalLatency>* rows);
// Of what was gathered: every arm with a score and a latency, dominated ones and the best marked.
std::vector<TradeOff> FindTradeOffs(const Analysis& analysis);
// The part of it that is of energy alone.
void GatherEnergy(const Study& study, const Record& record, ScenarioResult* result);
// A kScenario record.
ScenarioResult GatherScenario(const Study& study, const Record& record);
CellResult GatherCell(const Study& study, const Record& record);
// A ratio widened on both sides by as much as the control of its cell was off, if it was: what made
// copies of the original differ may have made this difference too.
Interval Discounted(const Interval& ratio, const CellResult& cell);
// All arms of all models: agreement and differences need the original's answers beside the arm's.
std::vector<ArmAccuracy> GatherAccuracy(const Study& study,
                                        const std::vector<const Record*>& records);

}  // namespace quantbench
