// The static part of a plan: the integer region of the graph, and a scale for every activation.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "quantize/integer_region.h"
#include "quantize/layer_choices.h"

namespace quantbench {

// Which nodes work on codes with fixed scales.
class StaticPart {
 public:
  // As far as it follows from the graph alone: what calibration should observe.
  [[nodiscard]] static StaticPart Of(const PlanContext& context, const LayerChoices& choices);
  // With what was observed: layers that do not fit are demoted. kMalformed for NaN or infinities in
  // an activation.
  [[nodiscard]] static Result<StaticPart> Of(const PlanContext& context, LayerChoices* choices,
                                             const CalibrationTable& table);

  [[nodiscard]] const IntegerRegion& region() const { return region_; }
  [[nodiscard]] std::vector<ActivationPlan> Activations(const CalibrationTable& table) const;
  // The node's line in the plan, when it belongs to the part: a member, what a member absorbed, or
  // the bias of one.
  [[nodiscard]] std::optional<LayerPlan> LineOf(const NodeRef& node) const;
  // Why a node with a kernel on codes, other than a weighted layer, works on floats.
  [[nodiscard]] std::string WhyOutside(const NodeRef& node) const;
  // Whether a node that reads no weights is worth a line when it stays outside.
  [[nodiscard]] bool IsCandidate(const NodeRef& node) const;

 private:
  using Reasons = std::map<std::int64_t, std::string>;
  StaticPart(const PlanContext& context, const LayerChoices& choices, Reasons excluded);
  [[nodiscard]] Result<Reasons> Misfits(const CalibrationTable& table) const;
  [[nodiscard]] LayerPlan Member(const NodeRef& node) const;
  [[nodiscard]] bool IsEngineProduct(std::int64_t node) const;
  [[nodiscard]] LayerPlan Bias(const NodeRef& node, std::int64_t of) const;
  [[nodiscard]] LayerPlan Absorbed(const NodeRef& node) const;
  [[nodiscard]] std::int64_t LayerOfBias(const NodeRef& node) const;
  [[nodiscard]] std::map<std::string, DataType> Types() const;  // of every activation

  const PlanContext* context_;
  const LayerChoices* choices_;
  Reasons excluded_;
  IntegerRegion region_;
};

}  // namespace quantbench
