// Why a layer of a quantized model stayed float or is no faster: facts of its graph, its shapes and
// the machine, tested one after the other.
#pragma once

#include <string>
#include <string_view>

#include "quantbench/explain.h"

namespace quantbench {

// A layer of the quantized model's optimized graph.
struct LayerFacts {
  const ProfiledOperator* op = nullptr;
  const Node* node = nullptr;  // null where the profile's name is not in the graph
  const Graph* graph = nullptr;
  const GraphIndex* index = nullptr;  // of the graph
  OperatorClass what = OperatorClass::kFloat;
  std::int64_t macs = 0;
  double original_us = 0;  // 0: no partner
  double quantized_us = 0;
  double around_us = 0;           // operators around it in the quantized model
  double around_original_us = 0;  // and in the original
  double error_us = 0;            // standard error of quantized_us less original_us
  std::string_view engine;        // ModelProfile::engine
};

struct Reason {
  ReasonKind kind = ReasonKind::kNone;
  std::string why;
  std::string cure;
};

// Empty when the layer is an integer kernel and faster than its partner.
[[nodiscard]] Reason ReasonOf(const LayerFacts& facts, std::string_view isa);

}  // namespace quantbench
