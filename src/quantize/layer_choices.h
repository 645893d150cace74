// Layer choices: which of its treatments every weighted layer gets.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "quantize/planner.h"

namespace quantbench {

// Of a weight that cannot be told from another one.
inline constexpr std::string_view kNamedTwice =
    "another graph of the model has an initializer of the same name";

// A weighted layer and where it stands among its choices.
struct ChosenLayer {
  WeightedLayer layer;
  PlanContext::Choices choices;
  std::size_t position = 0;  // of the choice taken; past the end: none
  std::string reason;        // why not the first choice; empty: it has it

  [[nodiscard]] const Treatment* treatment() const {
    return position < choices.treatments.size() ? &choices.treatments[position] : nullptr;
  }
  [[nodiscard]] bool Is(Scheme scheme) const {
    return treatment() != nullptr && treatment()->scheme == scheme;
  }
  // Its weight becomes codes that only layers like it can read.
  [[nodiscard]] bool is_coded() const { return treatment() != nullptr && !Is(Scheme::kStored); }
};

// Every weighted operator and embedding of the model, by the ids of their nodes. A weight that its
// readers do not all want in the same codes is coded for none of them.
class LayerChoices {
 public:
  [[nodiscard]] static LayerChoices Of(const PlanContext& context);

  // Null: the node is no weighted layer.
  [[nodiscard]] const ChosenLayer* Find(std::int64_t node) const;
  [[nodiscard]] const std::map<std::int64_t, ChosenLayer>& layers() const { return layers_; }
  // The choice does not suit after all: the next takes its place, for the other readers of the
  // weight too.
  void Demote(std::int64_t node, const std::string& reason);
  // Integer arithmetic does not pay in these nodes, which are static, for the reasons given: they
  // move on to what computes with floats.
  void LeaveFloat(const std::map<std::int64_t, std::string>& reasons);

 private:
  explicit LayerChoices(const PlanContext& context) : context_(&context) {}
  // Static integers do not pay in a narrow start (graph.h): it stays as it is.
  void LeaveNarrowStarts();
  void LeaveStatic(std::int64_t node);
  // Of static layers with 4-bit weights: where 4 bits save little and cost much.
  using ReadersOfWeights = std::map<const Initializer*, std::vector<std::int64_t>>;
  void LeaveSomeAtEightBits();
  void LeaveSmallest(const ReadersOfWeights& readers, std::int64_t numbers,
                     std::string_view reason);
  void LeaveNibbles(std::int64_t node, std::string_view reason);
  // Moves on to the first choice from `position` that the layer can take.
  void Settle(std::int64_t node, ChosenLayer* chosen) const;
  void AgreeOnShared();
  // All coded readers of the node's weight move on together, as one of them wants other codes.
  void MoveReadersOn(std::int64_t node, std::int64_t dissenter);
  // A reader of the layer's weight that does not want its codes, -1: all do.
  [[nodiscard]] std::int64_t Dissenter(std::int64_t node) const;

  const PlanContext* context_;
  std::map<std::int64_t, ChosenLayer> layers_;
};

// Why a layer cannot take a treatment; empty: it can.
[[nodiscard]] std::string WhyNot(const Treatment& treatment, const Node& node,
                                 const WeightedLayer& layer, const Model& model);
// Why a layer that could take it is better off without; empty: it pays.
[[nodiscard]] std::string WhyNotWorth(const Treatment& treatment, const Node& node);

}  // namespace quantbench
