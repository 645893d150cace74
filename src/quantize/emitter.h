// Emitter: collects the nodes and initializers of a rewritten graph.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "quantbench/graph.h"
#include "quantbench/quantize.h"

#include "quantize/weighted_layer.h"

namespace quantbench {

// A planned node: the layer's plan, null for a node that passes through unchanged.
struct PlannedNode {
  const Node* node = nullptr;
  const LayerPlan* plan = nullptr;
  std::string name;  // the layer's
};

using Names = std::vector<std::string>;

// What the emitters of all graphs of a model share.
struct Emission {
  // `model` is viewed until the end, `solutions` (null: none) and `facts` too. kInvalidArgument for
  // a plan of a layer that is not there, or that is of another operator.
  [[nodiscard]] static Result<std::unique_ptr<Emission>> Of(const Model& model, const Plan& plan,
                                                            const Solutions* solutions,
                                                            WeightFacts* facts, int threads);

  const Model* model = nullptr;
  const Plan* plan = nullptr;
  const Solutions* solutions = nullptr;
  WeightFacts* facts = nullptr;
  int threads = 0;
  NameSource names;
  std::map<std::string, std::size_t> bases = {};  // of long names: their numbers
  // The nodes of each graph with their plans.
  std::unordered_map<const Graph*, std::vector<PlannedNode>> nodes = {};
  bool uses_contrib = false;
};

// Rewrites one graph. That of a body can put what it needs into the graphs around it.
class Emitter {
 public:
  // Of the outer graph. Views `emission`.
  explicit Emitter(Emission* emission);
  // Of a body of a node of the graph that `outer` rewrites, before `outer` is given that node.
  // `repeats`: it may run several times each time that the node does.
  Emitter(const Graph& body, bool repeats, Emitter* outer);

  [[nodiscard]] const std::vector<PlannedNode>& PlannedNodes() const {
    return emission_->nodes.at(graph_);
  }
  // Whether the plan changes a node of a graph or of the bodies inside it.
  [[nodiscard]] bool Changes(const Graph& graph) const;

  [[nodiscard]] const Model& model() const { return *emission_->model; }
  [[nodiscard]] const Plan& plan() const { return *emission_->plan; }
  [[nodiscard]] const GraphIndex& index() const { return index_; }
  [[nodiscard]] int threads() const { return emission_->threads; }
  [[nodiscard]] WeightFacts& facts() const { return *emission_->facts; }
  [[nodiscard]] bool IsBody() const { return outer_ != nullptr; }
  // The emitter of the graph that has the initializer that is seen here under that name: what
  // replaces it belongs there, for the readers in all graphs.
  [[nodiscard]] Emitter* HomeOf(std::string_view initializer);
  // Where to compute what depends on a value alone: around loops that do not change it. `key`: of
  // Once; where that is made already and seen from here, it is there.
  [[nodiscard]] Emitter* PlaceOf(std::string_view value, const std::string& key);
  // What the plan's steps made of a weight; null: nothing.
  [[nodiscard]] std::shared_ptr<const SolvedWeight> Solved(std::string_view weight) const;
  // What they add to the biases of a layer; empty: nothing.
  [[nodiscard]] std::span<const double> BiasShift(const PlannedNode& planned) const;
  // As planned: a plan that asks the impossible of this model is kInvalidArgument.
  [[nodiscard]] Result<WeightedLayer> Inspect(const PlannedNode& planned) const;

  // A name that is free: the one wanted, or a short one with the same ending for a long one.
  [[nodiscard]] std::string Fresh(std::string_view wanted);
  void Add(Node node) { nodes_.push_back(std::move(node)); }
  // A node of the engine's own domain.
  void AddContrib(Node node);
  // A nameless node of one output, which gets a fresh name and is returned.
  [[nodiscard]] std::string Add(std::string_view op_type, std::vector<std::string> inputs,
                                std::string_view output, std::vector<Attribute> attributes = {});
  // The name it got.
  [[nodiscard]] std::string AddInitializer(std::string_view wanted, Tensor tensor);
  // Numbers that are made when the model is written: they need no memory before. `maker` captures
  // whole what it reads.
  [[nodiscard]] std::string AddDeferred(std::string_view wanted, DataType type, Shape dims,
                                        TensorMaker maker);
  // Several that one computation makes, the largest first; their names.
  [[nodiscard]] std::vector<std::string> AddTogether(std::vector<Promise> promises,
                                                     TensorsMaker maker);
  // A zero point of 8 or 16 bits, made once.
  [[nodiscard]] std::string ZeroPoint(DataType type, std::int32_t value);
  // Zeros of that shape, made once: one scale per channel wants one zero point per channel.
  [[nodiscard]] std::string ZeroPoints(DataType type, const Shape& shape);
  // What `make` named the first time it was asked for under that key: codes and scales of a weight
  // that several layers read, the quantized form of an activation.
  template <typename Make>
  [[nodiscard]] Result<Names> Once(const std::string& key, const Make& make) {
    const auto found = made_.find(key);
    if (found != made_.end()) return found->second;
    QB_TRY(Names names, make());
    return made_.emplace(key, std::move(names)).first->second;
  }
  // An initializer that the new graph may no longer read.
  void Replaced(std::string_view initializer) {
    HomeOf(initializer)->replaced_.emplace(initializer);
  }

  // The graph with what was collected.
  void Finish(Graph* graph) &&;

 private:
  void RemoveUnreadDequantized(const std::vector<ValueInfo>& outputs);
  Emission* emission_;
  const Graph* graph_;
  Emitter* outer_ = nullptr;
  bool repeats_ = false;
  GraphIndex index_;
  std::vector<Node> nodes_;
  std::vector<Initializer> initializers_;
  std::map<std::string, Names> made_;
  std::unordered_set<std::string> replaced_;
};

// The layer with activations quantized by the engine while it runs: DynamicQuantizeLinear ->
// MatMulInteger or ConvInteger -> Cast -> Mul [-> Add], or DynamicQuantizeLSTM.
[[nodiscard]] Status EmitDynamic(const PlannedNode& planned, Emitter* emitter);

// The layer with its weight in blocks: MatMulNBits, GatherBlockQuantized, or DequantizeLinear.
[[nodiscard]] Status EmitWeightOnly(const PlannedNode& planned, Emitter* emitter);
// The layer between QuantizeLinear and DequantizeLinear of float8.
[[nodiscard]] Status EmitFloat8(const PlannedNode& planned, Emitter* emitter);
// DynamicQuantizeLSTM.
[[nodiscard]] Status EmitLstm(const PlannedNode& planned, Emitter* emitter);

// Stored weights, in every graph of the model: a weight w becomes what decodes it, under its old
// name, so that no reader changes. The engine decodes it once, when it loads the model.
[[nodiscard]] Status StoreWeights(const Plan& plan, int threads, WeightFacts* facts, Model* model);

// Gather of a table as int8 codes with one scale a row:
// out = Cast(Gather(codes, i)) * Gather(scales, i).
[[nodiscard]] Status EmitEmbedding(const PlannedNode& planned, Emitter* emitter);

}  // namespace quantbench
