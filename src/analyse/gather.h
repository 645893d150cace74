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
CellResult GatherCell(const Study& study, const Record& record);
// All arms of all models: agreement and differences need the original's answers beside the arm's.
std::vector<ArmAccuracy> GatherAccuracy(const Study& study,
                                        const std::vector<const Record*>& records);

}  // namespace quantbench
