// Emitter: collects the nodes and initializers of the rewritten graph.
#pragma once

#include <map>
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

class Emitter {
 public:
  // `model` is viewed until Finish, `solutions` (null: none) and `facts` too.
  Emitter(const Model& model, const Plan& plan, const Solutions* solutions, WeightFacts* facts,
          int threads);

  // The outer graph's nodes with their plans; kInvalidArgument for a plan of a layer that is not
  // there, or that is of another operator.
  [[nodiscard]] Result<std::vector<PlannedNode>> PlannedNodes() const;

  [[nodiscard]] const Model& model() const { return *model_; }
  [[nodiscard]] const Plan& plan() const { return *plan_; }
  [[nodiscard]] const GraphIndex& index() const { return index_; }
  [[nodiscard]] int threads() const { return threads_; }
  [[nodiscard]] WeightFacts& facts() const { return *facts_; }
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
  void Replaced(std::string_view initializer) { replaced_.emplace(initializer); }

  // Whether a node of the engine's own domain was added.
  [[nodiscard]] bool uses_contrib() const { return uses_contrib_; }

  // The model with what was collected. The rest of `model` is moved over.
  [[nodiscard]] Model Finish(Model model) &&;

 private:
  void RemoveUnreadDequantized(const std::vector<ValueInfo>& outputs);
  const Model* model_;
  const Plan* plan_;
  const Solutions* solutions_;
  WeightFacts* facts_;
  int threads_;
  GraphIndex index_;
  NameSource names_;
  std::map<std::string, std::size_t> bases_;  // of long names: their numbers
  std::vector<NodeRef> refs_;
  std::vector<Node> nodes_;
  std::vector<Initializer> initializers_;
  std::map<std::string, Names> made_;
  std::unordered_set<std::string> replaced_;
  bool uses_contrib_ = false;
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
