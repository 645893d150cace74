// Emitting static layers: QuantizeLinear and DequantizeLinear around every layer of the plan.
#pragma once

#include <map>
#include <string>
#include <unordered_set>
#include <vector>

#include "quantize/emitter.h"
#include "quantize/static_parameters.h"

namespace quantbench {

// A layer writes codes under the old names:
//   layer -> x_float -> QuantizeLinear -> x_quantized -> DequantizeLinear -> x
// and an activation that no layer of the plan makes gets codes beside it, for those that take
// codes:
//   x -> QuantizeLinear -> x_quantized -> DequantizeLinear -> x_dequantized
class StaticEmitter {
 public:
  // `nodes`: all of the graph. kInvalidArgument for a plan that lets a layer absorb what it cannot.
  [[nodiscard]] static Result<StaticEmitter> Of(const std::vector<PlannedNode>& nodes,
                                                Emitter* emitter);
  // Of a layer with static scheme, in graph order.
  [[nodiscard]] Status Emit(const PlannedNode& planned);

 private:
  // An activation with codes.
  struct Coded {
    Names names;  // of codes, scale and zero point
    DataType type = DataType::kUint8;
    std::string floats;  // of the dequantized value; empty: not made yet
  };

  explicit StaticEmitter(Emitter* emitter);
  // Which planned nodes vanish into which layer.
  [[nodiscard]] Status FindAbsorbed(const std::vector<PlannedNode>& nodes);
  // The node whose output this one alone reads; null: none.
  [[nodiscard]] const Node* OnlySource(const Node& node) const;
  // What a layer computes once it has absorbed what it absorbs.
  [[nodiscard]] const Names& OutputsOf(const Node& node) const;
  [[nodiscard]] Result<const ActivationPlan*> ActivationOf(const std::string& tensor) const;
  // `floats` -> QuantizeLinear -> codes of `tensor`.
  [[nodiscard]] Result<Coded*> Quantize(const std::string& tensor, const std::string& floats);
  // The codes of an activation, made the first time they are wanted.
  [[nodiscard]] Result<Coded*> CodesOf(const std::string& tensor);
  void Dequantize(Coded* coded, const std::string& name);
  // A mover on codes as they are; false: it must be emitted like any other member.
  [[nodiscard]] Result<bool> EmitMover(const PlannedNode& planned);
  [[nodiscard]] Status EmitRescaled(const PlannedNode& planned);
  [[nodiscard]] Result<std::string> Constant(const std::string& name, DataType type);
  [[nodiscard]] Status EmitMember(const PlannedNode& planned);
  // A node whose outputs leave as codes, under the names they had as floats.
  [[nodiscard]] Status EmitCoded(Node node, const Names& outputs);

  Emitter* emitter_;
  QdqWriter qdq_;
  bool computes_scales_ = true;  // of biases, when the model is loaded
  std::map<std::string, const ActivationPlan*, std::less<>> activations_;
  std::map<std::string, Coded, std::less<>> coded_;
  std::map<const Node*, const Node*> last_of_;  // layer -> the last node it absorbed
  std::unordered_set<const Node*> adders_;      // layers that absorbed the Add with their bias
};

}  // namespace quantbench
