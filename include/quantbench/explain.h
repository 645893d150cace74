// explain: why a quantized model is as fast as it is: the engine's profiles of original and
// quantized model, operator by operator, and what follows from them. Pure: it measures nothing.
#pragma once

#include <cstdint>
#include <optional>
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
  double us = 0;           // a run of the model: MeanOfFastest of its calls, times calls
  double error_us = 0;     // standard error of that
  double calls = 0;        // a run
  double after_us = 0;     // a run: from its end to the next operator's start or the end of the run
  std::int64_t macs = -1;  // of a call, where the engine says; -1: its shapes tell
};

// Interruptions only lengthen, so only the fastest quarter of the times is believed; 0 of none.
// `error`, where it is asked for, becomes the standard error of that mean.
[[nodiscard]] double MeanOfFastest(std::vector<double> times, double* error = nullptr);

struct ModelProfile {
  std::vector<ProfiledOperator> operators;  // in the order of their first execution
  // A run's time outside of operators: before the first, between them, after the last. Each of
  // these gaps is a MeanOfFastest of its own: what interrupts a run falls into one gap of one run.
  double between_us = 0;
  std::int64_t runs = 0;
  std::string engine;  // what computes codes in libtorch ("onednn"); empty: ONNX Runtime

  [[nodiscard]] double operators_us() const;
  [[nodiscard]] double run_us() const { return operators_us() + between_us; }
  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<ModelProfile> FromJson(const Json& json);
};

// From the events that ONNX Runtime's profiler writes, or libtorch's in the same form, those of the
// first `skip` runs left out.
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
  const Model* optimized = nullptr;  // null: TorchScript, whose engine shows no graph
  ModelProfile profile;
  double unprofiled_us = 0;  // a run without the profiler, a MeanOfFastest
};

struct ClassTime {
  OperatorClass what = OperatorClass::kFloat;
  std::int64_t operators = 0;
  double us = 0;
};

// Layers of a family gain alike by quantizing.
enum class LayerFamily : std::uint8_t { kProduct, kConvolution, kDepthwise, kRecurrence };
[[nodiscard]] std::string_view Name(LayerFamily family);  // "product", "convolution", ...

// Why a layer stayed float or is not faster. The tests: src/explain/reasons.cc.
enum class ReasonKind : std::uint8_t {
  kNone,
  kMissing,             // not in the quantized model
  kNoIntegerKernel,     // the engine has none for this operator
  kFewBitsAsFloats,     // MatMulNBits that decodes its weights in every run
  kFusionBlocked,       // stands between codes, runs on floats
  kComputedOperands,    // both operands are computed in the run
  kFloat16Weights,      // computed as float32
  kLeftFloat,           // float weights: the quantizer left it out
  kSignedActivations,   // s8 on x86
  kDepthwiseInteger,    // depthwise as ConvInteger
  kDepthwise,           // few products an output, bound by its kernel
  kDynamicConvolution,  // ConvInteger
  kUnsignedWeights,     // u8 on x86
  kFewTerms,            // short sums
  kSmallWork,           // as much overhead as work
  kBlocksDecoded,       // weights in blocks, decoded again for many rows
  kDynamic,             // input quantized in every run
  kForeignEngine,       // kernels that are made for another processor
  kStepByStep,          // a recurrence that quantizes in every step
  kNoDotProducts,       // of this processor
  kUnexplained,         // slower, and no test says why
  kAround,              // a faster kernel, eaten up by what is around it
};
[[nodiscard]] std::string_view Name(ReasonKind kind);  // "signed activations", ...

// A time that is expected, and between which times it may lie.
struct Forecast {
  double us = 0;
  double low_us = 0;
  double high_us = 0;
};

// One product, convolution or recurrence of the original and what became of it. Operators that
// multiply as much in the same order are pairs; several may have become one.
struct LayerTime {
  std::string layer;     // the original's operator; of one without a partner the quantized one's
  std::string original;  // operator types; empty: no partner
  std::string quantized;
  OperatorClass what = OperatorClass::kFloat;  // of the quantized one
  std::int64_t macs = 0;
  // Of the original's (the first of several): sums of `terms` products each, `channels` of them at
  // each of `positions` (rows, pixels, batch included); 0: not known.
  std::int64_t terms = 0;
  std::int64_t channels = 0;
  std::int64_t positions = 0;
  double original_us = 0;
  double quantized_us = 0;
  double around_original_us = 0;  // operators after it, up to the next layer
  double around_quantized_us = 0;
  // Between operators, after the layer and after those around it; without what profiling adds.
  double between_original_us = 0;
  double between_quantized_us = 0;
  double error_us = 0;  // standard error of quantized_us less original_us
  LayerFamily family = LayerFamily::kProduct;
  ReasonKind kind = ReasonKind::kNone;
  std::string why;   // it stayed float or is not faster; empty: neither
  std::string cure;  // what to do

  [[nodiscard]] double original_with_around_us() const {
    return original_us + around_original_us + between_original_us;
  }
  [[nodiscard]] double quantized_with_around_us() const {
    return quantized_us + around_quantized_us + between_quantized_us;
  }
};

// What one kind of reason costs: the layers that have it, with what is around them and between.
struct Blame {
  ReasonKind kind = ReasonKind::kNone;
  std::int64_t layers = 0;
  double original_us = 0;
  double quantized_us = 0;
  std::string cure;
  // Expected of these layers once cured; none where no cure is known or nothing here is like a
  // cured layer.
  std::optional<Forecast> cured_us;
};

// Of one of the two models.
struct SideOfExplanation {
  std::vector<ClassTime> classes;
  double operators_us = 0;
  double unattributed_us = 0;  // of a profiled run: between operators
  double run_us = 0;           // profiled
  double unprofiled_us = 0;
  [[nodiscard]] double overhead() const;  // of profiling: profiled over unprofiled time, less 1
  // A run without what profiling adds, but not less than its operators.
  [[nodiscard]] double plain_run_us() const;
};

// An embedding table that stayed float: it costs no time, but size and memory.
struct FloatTable {
  std::string layer;  // the operator that looks it up
  std::int64_t rows = 0;
  std::int64_t width = 0;
  std::uint64_t bytes = 0;
};

struct SpeedExplanation {
  SideOfExplanation original;
  SideOfExplanation quantized;
  std::vector<LayerTime> layers;         // in the order of the quantized model
  std::vector<Blame> blames;             // the costliest first
  std::vector<FloatTable> float_tables;  // of the quantized model, from 64 KiB on
  // Of a run of the quantized model, not profiled, once everything that has a forecast is cured.
  std::optional<Forecast> cured_run_us;
};

// Kinds of reasons summed over layers, and what curing them promises. A cure of a layer that should
// be float makes it the original's; a cure of one that should be an integer kernel makes it as much
// faster as the layers of its family that have no reason: their median, and their quartiles for low
// and high. A family needs three of them. Fills blames and cured_run_us.
void Forecasts(SpeedExplanation* explanation);

// `isa`: the instruction sets of the machine, as DescribeEnvironment has them.
[[nodiscard]] SpeedExplanation ExplainSpeed(const ProfiledModel& original,
                                            const ProfiledModel& quantized, std::string_view isa);

// --- what pays on a device ---

// A layer under a recipe, as profiles of the whole model showed it.
struct Payoff {
  std::string model;  // name of its file
  std::string layer;
  std::string recipe;
  LayerFamily family = LayerFamily::kProduct;
  std::int64_t terms = 0;
  std::int64_t channels = 0;
  std::int64_t positions = 0;
  std::int64_t threads = 1;
  double speedup = 0;   // original over quantized, each with what is around it
  std::string kernels;  // operators that it became

  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<Payoff> FromJson(const Json& json);
};
// Those layers that the recipe changed.
[[nodiscard]] std::vector<Payoff> PayoffsOf(const SpeedExplanation& told, const std::string& model,
                                            const std::string& recipe, std::int64_t threads);
// `more` takes the place of what `known` has of the same model, threads and recipe.
void MergePayoffs(std::vector<Payoff> more, std::vector<Payoff>* known);

// Layers of one family and alike in shape: within the same powers of four.
struct PayoffClass {
  LayerFamily family = LayerFamily::kProduct;
  std::int64_t terms_from = 1;  // up to four times that
  std::int64_t channels_from = 1;
  std::int64_t positions_from = 1;
  std::int64_t threads = 1;
  struct Outcome {
    std::string recipe;
    std::int64_t layers = 0;
    double low = 0;  // quartiles and median of speed-ups
    double median = 0;
    double high = 0;
  };
  std::vector<Outcome> outcomes;  // by recipe
  // The recipe with the highest median, where its lower quartile is above 1; null: none pays.
  [[nodiscard]] const Outcome* best() const;
};
[[nodiscard]] std::vector<PayoffClass> ClassifyPayoffs(const std::vector<Payoff>& payoffs);

}  // namespace quantbench
