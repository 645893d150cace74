// Looking rows up in an analysis.
#include "report/lookup.h"

namespace quantbench {

std::vector<std::string> ArmsOf(const Analysis& analysis) {
  std::vector<std::string> arms = {std::string(kOriginal)};
  for (const StudyVariant& variant : analysis.study.variants) arms.push_back(variant.id);
  return arms;
}

const ArmSize* SizeOf(const Analysis& analysis, const std::string& model, const std::string& arm) {
  for (const ArmSize& row : analysis.sizes) {
    if (row.model == model && row.arm == arm) return &row;
  }
  return nullptr;
}

const ArmAccuracy* AccuracyOf(const Analysis& analysis, const std::string& model,
                              const std::string& arm) {
  for (const ArmAccuracy& row : analysis.accuracies) {
    if (row.model == model && row.arm == arm) return &row;
  }
  return nullptr;
}

const CellResult* FirstCell(const Analysis& analysis, const std::string& model) {
  for (const CellResult& cell : analysis.cells) {
    if (cell.model == model && cell.outcome == Outcome::kOk && !cell.cell.include_data_loading) {
      return &cell;
    }
  }
  return nullptr;
}

const ArmLatency* LatencyOf(const CellResult* cell, const std::string& arm) {
  if (cell == nullptr) return nullptr;
  for (const ArmLatency& row : cell->arms) {
    if (row.arm == arm && row.outcome == Outcome::kOk) return &row;
  }
  return nullptr;
}

}  // namespace quantbench
