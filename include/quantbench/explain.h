// explain: why a quantized model is as fast as it is: the engine's profiles of original and
// quantized model, operator by operator, and what follows from them. Pure: it measures nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/base/json.h"
#include "quantbench/flops.h"
#include "quantbench/model.h"

namespace quantbench {

// --- profiles ---

// An operator as the engine ran it.
struct ProfiledOperator {
  std::string name;
  std::string op_type;
  std::vector<ValueFacts> inputs;  // those that are there, in order
  std::vector<ValueFacts> outputs;
  double us = 0;  // a run of the model: mean of the fastest four fifths of its calls, times calls
  double calls = 0;  // a run
};

struct ModelProfile {
  std::vector<ProfiledOperator> operators;  // in the order of their first execution
  double run_us = 0;  // a run as the profiler saw it: mean of the fastest four fifths
  std::int64_t runs = 0;

  [[nodiscard]] double operators_us() const;
  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<ModelProfile> FromJson(const Json& json);
};

// From the events that ONNX Runtime's profiler writes, those of the first `skip` runs left out.
// kMalformed when there is no run among them.
[[nodiscard]] Result<ModelProfile> ReadProfile(const Json& events, std::int64_t skip);

// --- operators ---

enum class OperatorClass : std::uint8_t {
  kInteger,      // computes on codes
  kFloat,        // products, convolutions and recurrences in floats
  kElementwise,  // other arithmetic in floats: norms, activations, sums
  kQuantize,     // turns floats into codes or back, or codes into others
  kLayout,       // moves, selects, reorders, converts; computes shapes
};
[[nodiscard]] std::string_view Name(OperatorClass what);  // "integer kernel", "float kernel", ...
// By its type, attributes (of `node`, may be null) and the types of what it read.
[[nodiscard]] OperatorClass ClassOf(const ProfiledOperator& op, const Node* node);

// --- the explanation ---

// A model, the graph that the engine made of it and what that took.
struct ProfiledModel {
  const Model* optimized = nullptr;
  ModelProfile profile;
  double unprofiled_us = 0;  // a run without the profiler: mean of the fastest four fifths
};

struct ClassTime {
  OperatorClass what = OperatorClass::kFloat;
  std::int64_t operators = 0;
  double us = 0;
};

// One product, convolution or recurrence of the original and what became of it. Operators that
// multiply as much in the same order are pairs; several may have become one.
struct LayerTime {
  std::string layer;     // the original's operator; of one without a partner the quantized one's
  std::string original;  // operator types; empty: no partner
  std::string quantized;
  OperatorClass what = OperatorClass::kFloat;  // of the quantized one
  std::int64_t macs = 0;
  double original_us = 0;
  double quantized_us = 0;
  double around_original_us = 0;  // operators after it, up to the next layer
  double around_quantized_us = 0;
  std::string why;   // it stayed float or is not faster; empty: neither
  std::string cure;  // what to do
};

// Of one of the two models.
struct SideOfExplanation {
  std::vector<ClassTime> classes;
  double operators_us = 0;
  double unattributed_us = 0;  // of a profiled run: between operators
  double run_us = 0;           // profiled
  double unprofiled_us = 0;
  [[nodiscard]] double overhead() const;  // of profiling: profiled over unprofiled time, less 1
};

struct SpeedExplanation {
  SideOfExplanation original;
  SideOfExplanation quantized;
  std::vector<LayerTime> layers;  // in the order of the quantized model
};

// `isa`: the instruction sets of the machine, as DescribeEnvironment has them.
[[nodiscard]] SpeedExplanation ExplainSpeed(const ProfiledModel& original,
                                            const ProfiledModel& quantized, std::string_view isa);

}  // namespace quantbench
