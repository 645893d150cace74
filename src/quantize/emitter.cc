// Emitter: names, nodes, initializers.
#include "quantize/emitter.h"

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

// What a body and the bodies inside it read: views of its names.
void AddReadsOfBody(const Graph& body, std::unordered_set<std::string_view>* read) {
  ForEachGraph(body, [&](const Graph& graph) {
    for (const ValueInfo& output : graph.outputs) read->insert(output.name);
    for (const Node& node : graph.nodes) read->insert(node.inputs.begin(), node.inputs.end());
  });
}

}  // namespace

Result<std::unique_ptr<Emission>> Emission::Of(const Model& model, const Plan& plan,
                                               const Solutions* solutions, WeightFacts* facts,
                                               int threads) {
  auto emission = std::make_unique<Emission>(
      Emission{&model, &plan, solutions, facts, threads, NameSource(model.graph)});
  std::map<std::string_view, const LayerPlan*> plans;
  for (const LayerPlan& layer : plan.layers) plans.emplace(layer.layer, &layer);
  for (NodeRef& ref : ListNodes(model.graph)) {
    const auto found = plans.find(ref.name);
    const LayerPlan* line = found == plans.end() ? nullptr : found->second;
    if (line != nullptr) plans.erase(found);
    if (line != nullptr && line->op_type != ref.node->op_type) {
      return Error(ErrorCode::kInvalidArgument,
                   Format("the plan's layer \"{}\" is a {}, the model's a {}", Printable(ref.name),
                          Printable(line->op_type), Printable(ref.node->op_type)));
    }
    const bool changes =
        line != nullptr && line->scheme != Scheme::kKeepFloat && line->scheme != Scheme::kStored;
    emission->nodes[ref.graph].push_back({ref.node, changes ? line : nullptr, std::move(ref.name)});
  }
  if (!plans.empty()) {
    return Error(ErrorCode::kInvalidArgument, Format("the plan's layer \"{}\" is not in the model",
                                                     Printable(plans.begin()->first)));
  }
  emission->nodes.try_emplace(&model.graph);  // of no nodes
  return emission;
}

Emitter::Emitter(Emission* emission)
    : emission_(emission), graph_(&emission->model->graph), index_(emission->model->graph) {}

Emitter::Emitter(const Graph& body, bool repeats, Emitter* outer)
    : emission_(outer->emission_),
      graph_(&body),
      outer_(outer),
      repeats_(repeats),
      index_(body, &outer->index_) {}

bool Emitter::Changes(const Graph& graph) const {
  bool changes = false;
  ForEachGraph(graph, [&](const Graph& each) {
    const auto found = emission_->nodes.find(&each);
    if (found == emission_->nodes.end()) return;
    for (const PlannedNode& planned : found->second) changes = changes || planned.plan != nullptr;
  });
  return changes;
}

Emitter* Emitter::HomeOf(std::string_view initializer) {
  Emitter* home = this;
  while (home->outer_ != nullptr && !home->index_.Defines(initializer)) home = home->outer_;
  return home;
}

Emitter* Emitter::PlaceOf(std::string_view value, const std::string& key) {
  Emitter* place = this;
  for (Emitter* around = this;; around = around->outer_) {
    if (around->made_.contains(key)) return around;
    if (around->outer_ == nullptr || around->index_.Defines(value)) return place;
    if (around->repeats_) place = around->outer_;
  }
}

std::shared_ptr<const SolvedWeight> Emitter::Solved(std::string_view weight) const {
  const Solutions* solutions = emission_->solutions;
  if (solutions == nullptr) return nullptr;
  const auto found = solutions->weights.find(weight);
  return found == solutions->weights.end() ? nullptr : found->second;
}

std::span<const double> Emitter::BiasShift(const PlannedNode& planned) const {
  const Solutions* solutions = emission_->solutions;
  if (solutions == nullptr) return {};
  const auto found = solutions->bias_shifts.find(planned.name);
  if (found == solutions->bias_shifts.end()) return {};
  return found->second;
}

Result<WeightedLayer> Emitter::Inspect(const PlannedNode& planned) const {
  WeightedLayer layer = InspectLayer(*planned.node, *graph_, index_, {});
  layer.per_channel = planned.plan->weight_axis >= 0;
  if (!layer.reason.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("the plan quantizes layer \"{}\" of the model, but {}",
                        Printable(planned.name), layer.reason));
  }
  return layer;
}

std::string Emitter::Add(std::string_view op_type, std::vector<std::string> inputs,
                         std::string_view output, std::vector<Attribute> attributes) {
  std::string name = Fresh(output);
  Add(MakeNode(op_type, "", std::move(inputs), {name}, std::move(attributes)));
  return name;
}

void Emitter::AddContrib(Node node) {
  node.domain = kContribDomain;
  emission_->uses_contrib = true;
  Add(std::move(node));
}

std::string Emitter::AddInitializer(std::string_view wanted, Tensor tensor) {
  initializers_.push_back(Initializer::Of(Fresh(wanted), std::move(tensor)));
  return initializers_.back().name;
}

std::string Emitter::AddDeferred(std::string_view wanted, DataType type, Shape dims,
                                 TensorMaker maker) {
  initializers_.push_back(
      Initializer::Deferred(Fresh(wanted), type, std::move(dims), std::move(maker)));
  return initializers_.back().name;
}

Names Emitter::AddTogether(std::vector<Promise> promises, TensorsMaker maker) {
  Names names;
  for (Promise& promise : promises) {
    promise.name = Fresh(promise.name);
    names.push_back(promise.name);
  }
  for (Initializer& made : DeferTogether(std::move(promises), std::move(maker))) {
    initializers_.push_back(std::move(made));
  }
  return names;
}

std::string Emitter::ZeroPoint(DataType type, std::int32_t value) {
  const std::string name = Format("zero_point_{}_{}", Name(type), value);
  const auto made = Once(name, [&]() -> Result<Names> {
    const bool is_wide = BitsPerElement(type) == 16;
    return Names{AddInitializer(
        name, is_wide ? Tensor::Of<std::uint16_t>(type, {}, {static_cast<std::uint16_t>(value)})
                      : Tensor::Of<std::uint8_t>(type, {}, {static_cast<std::uint8_t>(value)}))};
  });
  return made.value()[0];
}

std::string Emitter::ZeroPoints(DataType type, const Shape& shape) {
  const std::string name = Format("zero_points_{}{}", Name(type), ToString(shape));
  const auto made = Once(name, [&]() -> Result<Names> {
    QB_TRY(Tensor zeros, Tensor::Make(type, shape));
    return Names{AddInitializer(name, std::move(zeros))};
  });
  return made.value()[0];
}

std::string Emitter::Fresh(std::string_view wanted) {
  // Exporters' names are paths of fifty characters and more; a dozen of them for every layer would
  // be a good part of a small model's file.
  constexpr std::size_t kLongName = 20;
  NameSource& names = emission_->names;
  if (wanted.size() <= kLongName) return names.Fresh(wanted);
  const std::size_t suffix = wanted.rfind('_');
  const auto base = wanted.substr(0, suffix);
  auto& bases = emission_->bases;
  const auto number = bases.try_emplace(std::string(base), bases.size()).first->second;
  return names.Fresh(Format("q{}{}", number, suffix == base.npos ? "" : wanted.substr(suffix)));
}

// Values that turned out to be wanted as codes only.
void Emitter::RemoveUnreadDequantized(const std::vector<ValueInfo>& outputs) {
  std::unordered_set<std::string_view> read;
  for (const ValueInfo& output : outputs) read.insert(output.name);
  for (const Node& node : nodes_) {
    read.insert(node.inputs.begin(), node.inputs.end());
    for (const Attribute& attribute : node.attributes) {
      for (const Graph& body : attribute.graphs) AddReadsOfBody(body, &read);
    }
  }
  std::erase_if(nodes_, [&](const Node& node) {
    return node.op_type == "DequantizeLinear" && !read.contains(node.outputs[0]);
  });
}

void Emitter::Finish(Graph* graph) && {
  RemoveUnreadDequantized(graph->outputs);
  graph->nodes = std::move(nodes_);
  for (Initializer& initializer : initializers_) {
    graph->initializers.push_back(std::move(initializer));
  }
  RemoveUnread(replaced_, graph);
}

}  // namespace quantbench
