// Operator rules: what the engine can compute on integers, one line an operator.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "quantbench/model.h"

namespace quantbench {

// What an operator is to the integer part of a graph.
enum class Role : std::uint8_t {
  kWeighted,  // multiplies an activation with weights: integer parts grow from these
  kCombine,   // several activations to one, with scales of their own
  kUnary,     // one activation to one, with scales of their own
  kMover,     // moves codes about: input and outputs share one scale
  kClamp,     // Relu, Clip: vanishes into the output range of the layer before it
  kFloat,     // no integer kernel
};

struct OperatorRule {
  std::string_view op_type;
  Role role;
  std::string_view reason;  // why it stays float: kFloat, and others outside an integer part
};

// The rule of an operator of the ONNX domain; kFloat for one that the table does not know.
[[nodiscard]] const OperatorRule& RuleOf(const Node& node);

// Whether a mover works on codes as they are, whatever they stand for, in models of that opset.
[[nodiscard]] bool MovesCodes(const Node& node, DataType codes, std::int64_t opset);

// Inputs of an operator that carry activations, by position; the others are parameters.
[[nodiscard]] std::vector<std::size_t> ActivationInputs(const Node& node);

}  // namespace quantbench
