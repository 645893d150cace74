// Stored weights: numbers kept in fewer bytes and decoded to float32 when the model is loaded.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "quantize/layer_choices.h"

namespace quantbench {

// What becomes of every float initializer that no layer codes, in whatever graph it stands. It is
// stored when all its readers want that and its numbers allow it.
class StoredWeights {
 public:
  [[nodiscard]] static Result<StoredWeights> Of(const PlanContext& context,
                                                const LayerChoices& choices, WeightFacts* facts);

  // The line of a node some of whose weights are stored; none when none is.
  [[nodiscard]] std::optional<LayerPlan> LineOf(const PlanContext& context,
                                                const NodeRef& node) const;
  // Why none of the node's weights is stored; empty when nobody asked for it.
  [[nodiscard]] std::string WhyNot(const PlanContext& context, const NodeRef& node) const;
  // What a reader of the plan should know, a line each.
  [[nodiscard]] std::vector<std::string> Notes() const;

 private:
  struct Decision {
    const Treatment* treatment = nullptr;  // null: stays float32
    std::int64_t axis = -1;                // int8: of the scales
    std::string reason;                    // why it stays float32
  };
  void Refuse(const Initializer& weight, std::string reason);
  void Want(const NodeRef& node, const Initializer& weight, const Treatment& treatment,
            std::int64_t axis);
  [[nodiscard]] Status Consider(const PlanContext& context, const LayerChoices& choices,
                                const NodeRef& node);
  [[nodiscard]] Status CheckNumbers(WeightFacts* facts);

  std::map<const Initializer*, Decision> decisions_;
  std::int64_t halves_ = 0;  // numbers that become float16
  std::int64_t small_ = 0;   // of those, below float16's normal range
};

}  // namespace quantbench
