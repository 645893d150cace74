// Layer choices: the first choice that fits, and agreement among the readers of a weight.
#include "quantize/layer_choices.h"

#include <algorithm>
#include <set>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

// Readers of one kind with the same settings want the same codes.
bool SameCodes(const Node& a, const ChosenLayer& of_a, const Node& b, const ChosenLayer& of_b) {
  return a.op_type == b.op_type && *of_a.treatment() == *of_b.treatment() &&
         of_a.layer.axis() == of_b.layer.axis() && of_a.layer.transposed == of_b.layer.transposed &&
         of_a.layer.weight_factor == of_b.layer.weight_factor;
}

// Of a network with 4-bit weights the layers at its end keep 8 bits, the smallest first, while they
// hold at most one in so many weights; of the others, the smallest likewise.
constexpr std::int64_t kWideShare = 8;

// Layers behind which no other follows.
std::set<const Node*> EndsOf(const Graph& graph) {
  std::set<const Node*> ends;
  std::set<std::string_view> followed;  // tensors that some layer depends on
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    const bool is_followed =
        std::any_of(node->outputs.begin(), node->outputs.end(),
                    [&](const std::string& output) { return followed.contains(output); });
    const bool is_layer = IsWeightedOperator(*node);
    if (is_layer && !is_followed) ends.insert(&*node);
    if (is_layer || is_followed) followed.insert(node->inputs.begin(), node->inputs.end());
  }
  return ends;
}

// What other graphs do with its weights.
std::string WhyNotWeights(const WeightedLayer& layer, const Scopes& scopes) {
  for (const Initializer* weight : layer.weights()) {
    if (!scopes.IsNamedOnce(*weight)) return std::string(kNamedTwice);
    if (scopes.IsOutput(*weight)) return "its weight is an output of a graph";
  }
  return "";
}

// Ranges are chosen from what calibration sees.
bool NeedsRanges(const Treatment& treatment) {
  return treatment.scheme == Scheme::kStaticInt8 || treatment.scheme == Scheme::kFloat8;
}

}  // namespace

LayerChoices LayerChoices::Of(const PlanContext& context) {
  LayerChoices choices(context);
  for (const NodeRef& node : context.nodes()) {
    const Scope& scope = context.scopes().Of(node);
    const bool is_embedding = IsEmbedding(*node.node, scope.index);
    if (!IsWeightedOperator(*node.node) && !is_embedding) continue;
    ChosenLayer chosen;
    chosen.layer = InspectLayer(*node.node, *scope.graph, scope.index, scope.types);
    if (chosen.layer.reason.empty()) {
      chosen.layer.reason = WhyNotWeights(chosen.layer, context.scopes());
    }
    chosen.choices = context.ChoicesOf(node);
    chosen.reason = WhyKeptFloat(context, node);
    if (chosen.reason.empty() && is_embedding && !context.recipe().quantize_embeddings) {
      chosen.reason = "the recipe keeps embeddings float";
    }
    if (!chosen.reason.empty()) chosen.choices = {};
    choices.Settle(node.id, &chosen);
    choices.layers_.emplace(node.id, std::move(chosen));
  }
  choices.LeaveNarrowStarts();
  choices.LeaveSomeAtEightBits();
  choices.AgreeOnShared();
  return choices;
}

// [measured in whole networks on AVX2, 1 thread: with 3 -> 8 channels of 48 x 48 the two take 57 us
// as floats and 181 as integers, with what quantizes and turns the image; the depthwise kernel
// alone 16 and 59. With 16 channels and more the integers are level or ahead.]
void LayerChoices::LeaveNarrowStarts() {
  for (const auto& [node, chosen] : layers_) {
    if (!chosen.Is(Scheme::kStaticInt8)) continue;
    const auto start =
        FindNarrowStart(context_->model().graph, context_->index(), *context_->NodeOf(node).node);
    if (!start) continue;
    const std::int64_t depthwise = context_->index().ProducerIndex(start->depthwise->outputs[0]);
    for (const std::int64_t part : {node, depthwise}) LeaveStatic(part);
  }
}

// [measured on trained networks: docs/quantization.md, w4a8]
void LayerChoices::LeaveSomeAtEightBits() {
  const std::set<const Node*> ends = EndsOf(context_->model().graph);
  ReadersOfWeights last;
  ReadersOfWeights others;
  std::int64_t all = 0;
  for (const auto& [node, chosen] : layers_) {
    if (!chosen.Is(Scheme::kStaticInt8) || chosen.treatment()->weights != DataType::kInt4) continue;
    ReadersOfWeights& readers = ends.contains(context_->NodeOf(node).node) ? last : others;
    std::vector<std::int64_t>& nodes = readers[chosen.layer.weight];
    if (nodes.empty()) all += Elements(*chosen.layer.weight);
    nodes.push_back(node);
  }
  LeaveSmallest(last, all / kWideShare,
                "at the end of the network, where 4 bits would stand in every answer");
  LeaveSmallest(others, all / kWideShare,
                "among the smallest layers, which hold an eighth of the weights: 4 bits would save "
                "little");
}

void LayerChoices::LeaveSmallest(const ReadersOfWeights& readers, std::int64_t numbers,
                                 std::string_view reason) {
  std::map<std::int64_t, std::vector<const Initializer*>> by_size;
  for (const auto& [weight, nodes] : readers) by_size[Elements(*weight)].push_back(weight);
  for (const auto& [size, weights] : by_size) {
    numbers -= size * static_cast<std::int64_t>(weights.size());
    if (numbers < 0) return;  // layers of one size are treated alike
    for (const Initializer* weight : weights) {
      for (const std::int64_t node : readers.at(weight)) LeaveNibbles(node, reason);
    }
  }
}

// Moves on from 4 bits that nobody asked for by name.
void LayerChoices::LeaveNibbles(std::int64_t node, std::string_view reason) {
  ChosenLayer& chosen = layers_.at(node);
  if (chosen.choices.by_rule) return;
  if (chosen.reason.empty()) chosen.reason = reason;
  ++chosen.position;
  Settle(node, &chosen);
}

// Moves on from static integers that nobody asked for by name.
void LayerChoices::LeaveStatic(std::int64_t node) {
  ChosenLayer& chosen = layers_.at(node);
  if (!chosen.Is(Scheme::kStaticInt8) || chosen.choices.by_rule) return;
  if (chosen.reason.empty()) {
    chosen.reason = Format(
        "a convolution at the start with fewer than {} channels: the engine's "
        "float kernels are faster",
        kNarrowChannels);
  }
  while (chosen.Is(Scheme::kStaticInt8)) ++chosen.position;
  Settle(node, &chosen);
}

const ChosenLayer* LayerChoices::Find(std::int64_t node) const {
  const auto found = layers_.find(node);
  return found == layers_.end() ? nullptr : &found->second;
}

void LayerChoices::Settle(std::int64_t node, ChosenLayer* chosen) const {
  const NodeRef& place = context_->NodeOf(node);
  const Node& operation = *place.node;
  for (; chosen->treatment() != nullptr; ++chosen->position) {
    const Treatment& treatment = *chosen->treatment();
    if (treatment.scheme == Scheme::kStored || treatment.scheme == Scheme::kKeepFloat) return;
    std::string reason = chosen->layer.reason;
    if (reason.empty() && place.index < 0 && NeedsRanges(treatment)) {
      reason = "inside the body of an If, Loop or Scan: the engine shows no values there";
    }
    if (reason.empty()) reason = WhyNot(treatment, operation, chosen->layer, context_->model());
    if (reason.empty() && !chosen->choices.by_rule) reason = WhyNotWorth(treatment, operation);
    if (reason.empty()) {
      // A table keeps one scale a row: each row is looked up alone.
      chosen->layer.per_channel = treatment.per_channel || operation.Is("Gather");
      return;
    }
    if (chosen->reason.empty()) chosen->reason = std::move(reason);
  }
  if (chosen->reason.empty()) {
    chosen->reason =
        chosen->layer.reason.empty() ? "the recipe keeps it float" : chosen->layer.reason;
  }
}

std::int64_t LayerChoices::Dissenter(std::int64_t node) const {
  const ChosenLayer& chosen = layers_.at(node);
  for (const Initializer* weight : chosen.layer.weights()) {
    for (const std::int64_t reader : context_->scopes().ReadersOf(*weight)) {
      const ChosenLayer* other = Find(reader);
      if (other == nullptr || !other->is_coded() || other->layer.weight != chosen.layer.weight ||
          !SameCodes(*context_->NodeOf(node).node, chosen, *context_->NodeOf(reader).node,
                     *other)) {
        return reader;
      }
    }
  }
  return -1;
}

void LayerChoices::MoveReadersOn(std::int64_t node, std::int64_t dissenter) {
  const ChosenLayer* other = Find(dissenter);
  const bool is_float = other == nullptr || !other->is_coded();
  const Initializer& weight = *layers_.at(node).layer.weight;
  for (const std::int64_t reader : context_->scopes().ReadersOf(weight)) {
    const auto found = layers_.find(reader);
    if (found == layers_.end() || !found->second.is_coded()) continue;
    ChosenLayer& member = found->second;
    if (member.reason.empty()) {
      const std::int64_t named = reader == dissenter ? node : dissenter;
      member.reason =
          Format("its weight is also read by \"{}\"{}", Printable(context_->NodeOf(named).name),
                 is_float ? ", which does not take codes" : " in another layout");
    }
    ++member.position;
    Settle(reader, &member);
  }
}

void LayerChoices::AgreeOnShared() {
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto& [node, chosen] : layers_) {
      if (!chosen.is_coded()) continue;
      const std::int64_t dissenter = Dissenter(node);
      if (dissenter < 0) continue;
      MoveReadersOn(node, dissenter);
      changed = true;
    }
  }
}

void LayerChoices::Demote(std::int64_t node, const std::string& reason) {
  ChosenLayer& chosen = layers_.at(node);
  if (chosen.treatment() == nullptr) return;
  if (chosen.reason.empty()) chosen.reason = reason;
  ++chosen.position;
  Settle(node, &chosen);
  AgreeOnShared();
}

void LayerChoices::LeaveFloat(const std::map<std::int64_t, std::string>& reasons) {
  for (const auto& [node, reason] : reasons) {
    ChosenLayer& chosen = layers_.at(node);
    if (chosen.reason.empty()) chosen.reason = reason;
    while (chosen.Is(Scheme::kStaticInt8) || chosen.Is(Scheme::kDynamicInt8)) ++chosen.position;
    Settle(node, &chosen);
  }
  AgreeOnShared();
}

}  // namespace quantbench
