// flops: how much arithmetic a model does, operator by operator, counted from its graph.
//
// Conventions (docs/flops.md): one multiply-accumulate is one MAC, and two FLOP; what is not a
// product of matrices or a convolution is counted by element in two further kinds, never mixed into
// the MACs. Products with padding are counted, as most counters do. Of integer operators the same
// numbers are operations on integers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "quantbench/base/json.h"
#include "quantbench/graph.h"
#include "quantbench/model.h"

namespace quantbench {

// Arithmetic and traffic. Sums and products saturate at 2^62.
struct Work {
  std::int64_t macs = 0;             // multiply-accumulates of convolutions, products, recurrences
  std::int64_t elementwise = 0;      // additions, products, comparisons, roundings of elements
  std::int64_t transcendentals = 0;  // exp, log, tanh, erf, sqrt, pow, sin ...
  // Every tensor that an operator reads or writes once, in its own type, as if nothing stayed in a
  // cache or was fused: what has to move at least when operators run one by one.
  std::int64_t bytes_read = 0;
  std::int64_t bytes_written = 0;

  // 2 MACs + elementwise; transcendentals stay apart.
  [[nodiscard]] std::int64_t flops() const;
  [[nodiscard]] std::int64_t bytes() const;
  Work& operator+=(const Work& other);
  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Work FromJson(const Json& json);

  friend bool operator==(const Work&, const Work&) = default;
};

struct OperatorWork {
  std::string name;  // as ListNodes names it
  std::string op_type;
  Work work;
  bool integer = false;  // its MACs multiply codes, or what is decoded right before (QDQ)
  bool decoded = false;  // the latter: its tensors are floats as written, codes where it is fused
  std::int64_t parameters = 0;    // of its own inputs; shared ones count for every reader
  std::int64_t weight_bytes = 0;  // of work.bytes_read: tensors that do not depend on the input
  std::string unknown;            // why `work` is not the whole; empty: it is
};

struct ModelWork {
  std::vector<OperatorWork> operators;  // in graph order; without those that only name values
  Work total;
  std::int64_t integer_macs = 0;       // of the total
  std::int64_t parameters = 0;         // every tensor once
  std::int64_t shared_parameters = 0;  // of them, those that several operators read
  std::int64_t unknown = 0;            // operators of which not everything could be counted
  // Read and written, without weights, by the operator that goes through most: what a cache would
  // have to hold. Operators that only quantize are left out, those on decoded codes count as codes.
  std::int64_t widest_bytes = 0;

  [[nodiscard]] Json ToJson() const;  // without the operators
  [[nodiscard]] static ModelWork FromJson(const Json& json);
};

// What a run on inputs of these shapes does. Inputs that are not given have their model's shape.
// What cannot be counted is named, not guessed.
[[nodiscard]] ModelWork CountWork(const Model& model, const GivenInputs& given);

// The work of one operator, from shapes and types alone: those of the engine's profile, too.
// `unknown` (may be null) gets the reason when it is not the whole.
[[nodiscard]] Work WorkOf(const RunNode& node, std::string* unknown);

}  // namespace quantbench
