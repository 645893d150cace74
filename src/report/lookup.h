// Looking rows up in an analysis: what tables, figures and sentences share.
#pragma once

#include <string>
#include <vector>

#include "quantbench/analyse.h"

namespace quantbench {

// The original, then the study's variants in its order.
std::vector<std::string> ArmsOf(const Analysis& analysis);

// Each null when there is no such row; AccuracyOf also gives rows without labels or that failed.
const ArmSize* SizeOf(const Analysis& analysis, const std::string& model, const std::string& arm);
const ArmAccuracy* AccuracyOf(const Analysis& analysis, const std::string& model,
                              const std::string& arm);

// The model's first cell that was measured, data loading apart; null when there is none.
const CellResult* FirstCell(const Analysis& analysis, const std::string& model);
// The arm in a cell; null when the cell is null or the arm was not measured there.
const ArmLatency* LatencyOf(const CellResult* cell, const std::string& arm);

}  // namespace quantbench
