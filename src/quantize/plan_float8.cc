// Planning float8.
#include "quantize/plan_float8.h"

#include <algorithm>
#include <set>

#include "quantbench/base/format.h"

#include "quantize/observed.h"

namespace quantbench {

std::vector<std::string> Float8Inputs(const PlanContext& context, const LayerChoices& choices) {
  std::set<std::string> tensors;
  for (const auto& [node, chosen] : choices.layers()) {
    if (chosen.Is(Scheme::kFloat8)) tensors.insert(context.NodeOf(node).node->inputs[0]);
  }
  return {tensors.begin(), tensors.end()};
}

double LargestFloat8(DataType type) {
  return type == DataType::kFloat8E5M2 ? 57344 : 448;
}

Result<std::vector<ActivationPlan>> PlanFloat8(const PlanContext& context,
                                               const CalibrationTable& table,
                                               LayerChoices* choices) {
  std::map<std::string, ActivationPlan> activations;
  std::vector<std::pair<std::int64_t, std::string>> misfits;
  for (const auto& [node, chosen] : choices->layers()) {
    if (!chosen.Is(Scheme::kFloat8)) continue;
    const std::string& tensor = context.NodeOf(node).node->inputs[0];
    QB_TRY(std::string reason, WhyNotObserved(tensor, table));
    if (!reason.empty()) {
      misfits.emplace_back(node, std::move(reason));
      continue;
    }
    const TensorRange& seen = table.ranges.find(tensor)->second;
    const DataType type = chosen.treatment()->activations;
    const double largest = std::max(std::abs(seen.min), std::abs(seen.max));
    const CodeRange steps{0, 1};  // scale = magnitude / half a step, kept in float's normal range
    QuantParams params = ChooseSymmetric(0, largest / LargestFloat8(type) / 2, steps);
    params.zero_point = 0;
    activations[tensor] = {tensor, type, params};
  }
  for (const auto& [node, reason] : misfits) choices->Demote(node, reason);
  std::vector<ActivationPlan> list;
  list.reserve(activations.size());
  for (auto& [tensor, activation] : activations) list.push_back(std::move(activation));
  return list;
}

}  // namespace quantbench
