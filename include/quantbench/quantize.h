// quantize: decides what every layer becomes (plan), then rewrites the model accordingly (apply).
// Pure: no file, no clock, no engine. Same model and plan give the same bytes at any thread count.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/base/json.h"
#include "quantbench/base/status.h"
#include "quantbench/calibrate.h"
#include "quantbench/model.h"

namespace quantbench {

// real = scale * (code - zero_point).   [ONNX QuantizeLinear-21]
struct QuantParams {
  float scale = 1;              // > 0, finite, normal
  std::int32_t zero_point = 0;  // within the type's range

  friend bool operator==(const QuantParams&, const QuantParams&) = default;
};

// The codes of an integer type, e.g. [0, 255] or, narrowed for symmetric weights, [-127, 127].
struct CodeRange {
  std::int32_t low = 0;
  std::int32_t high = 255;
};

// The parameters that cover [low, high] extended to hold 0, which is represented exactly.
// Asymmetric: scale = (high - low) / (codes - 1), zero point rounded and clamped. Symmetric: scale
// from the larger magnitude, zero point 0 (signed) or the middle (unsigned). An empty or denormal
// range gives scale 1. Computed in double. low and high must be finite (checked by the caller).
[[nodiscard]] QuantParams ChooseAsymmetric(double low, double high, CodeRange codes);
[[nodiscard]] QuantParams ChooseSymmetric(double low, double high, CodeRange codes);

// Target processor: which integer types its kernels want.
enum class Target : std::uint8_t {
  kX64,  // u8 activations, s8 weights
  kArm,  // s8 activations, s8 weights
};
[[nodiscard]] Target HostTarget();

enum class Scheme : std::uint8_t { kKeepFloat, kDynamicInt8, kStaticInt8, kFloat16 };
[[nodiscard]] std::string_view Name(
    Scheme scheme);  // "float", "dynamic-int8", "static-int8", "float16"
[[nodiscard]] Result<Scheme> ParseScheme(std::string_view name);

// What the user asks for.
struct Recipe {
  std::string name;  // "static-int8", or "custom"
  Scheme scheme = Scheme::kStaticInt8;
  bool per_channel = true;              // weights
  std::vector<std::string> keep_float;  // layer names, op types, or patterns with * and ?
  bool quantize_embeddings = true;      // Gather of a float table (int8 schemes)
  Target target = HostTarget();

  [[nodiscard]] bool needs_calibration() const { return scheme == Scheme::kStaticInt8; }
  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<Recipe> FromJson(const Json& json);
};

struct RecipeEntry {
  std::string_view name;
  std::string_view summary;  // one line: what it does, what it needs, what to expect
  Scheme scheme;
};
// The named recipes. A table, not a registry: add a line to add one.
[[nodiscard]] std::span<const RecipeEntry> Recipes();
// kInvalidArgument names the nearest recipe.
[[nodiscard]] Result<Recipe> FindRecipe(std::string_view name);

// What one layer becomes. A layer is a node that could be quantized: it reads float weights (at
// least 16 numbers), or is an operator for which the engine has an integer kernel.
struct LayerPlan {
  std::string layer;  // node name, or its first output where it has none: unique in the graph
  std::string op_type;
  Scheme scheme = Scheme::kKeepFloat;
  std::string reason;  // why it stayed float; empty when quantized
  std::string weight;  // initializer that is quantized; empty: none
  std::vector<std::string>
      other_weights;  // float16: further ones of this layer, stored the same way
  DataType weight_type = DataType::kUndefined;
  std::int64_t weight_axis = -1;  // of the per-channel scales; -1: per tensor
  std::uint64_t weight_bytes_before = 0;
  std::uint64_t weight_bytes_after = 0;  // scales and zero points included
  std::string form;  // what is emitted: "QDQ", "DynamicQuantizeLinear+MatMulInteger", ...
  bool output_quantized = false;  // static: its output leaves as codes, not as float
  std::string absorbed_by;  // static: a Relu or Clip that the output range of this layer replaces

  friend bool operator==(const LayerPlan&, const LayerPlan&) = default;
};

// A quantized activation tensor (static scheme).
struct ActivationPlan {
  std::string tensor;
  DataType type = DataType::kUint8;
  QuantParams params;

  friend bool operator==(const ActivationPlan&, const ActivationPlan&) = default;
};

// Everything Apply needs. Data: can be printed, compared, written, edited.
struct Plan {
  std::string recipe;
  Scheme scheme = Scheme::kKeepFloat;
  Target target = Target::kX64;
  std::vector<LayerPlan> layers;            // in graph order
  std::vector<ActivationPlan> activations;  // sorted by tensor
  std::vector<std::string> notes;           // e.g. "BatchNormalization folded into 15 Conv"

  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<Plan> FromJson(const Json& json);
  friend bool operator==(const Plan&, const Plan&) = default;
};

// The activations whose ranges PlanQuantization will want, for a prepared model. Empty for schemes
// without calibration.
[[nodiscard]] std::vector<std::string> TensorsToObserve(const Model& prepared,
                                                        const Recipe& recipe);

// `table` may be null when the recipe needs no calibration. kMalformed for weights with NaN or
// infinities and for observed tensors with them, naming the tensor. kInvalidArgument when a pattern
// in keep_float matches nothing.
[[nodiscard]] Result<Plan> PlanQuantization(const Model& prepared, const Recipe& recipe,
                                            const CalibrationTable* table);

struct ApplyOptions {
  int threads = 0;  // 0: one per core
};
// Quantized weights are made tensor by tensor; the result shares unchanged payloads with
// `prepared`. Carries the recipe and the tool's version as metadata ("quantbench.recipe", ...).
[[nodiscard]] Result<Model> ApplyPlan(Model prepared, const Plan& plan,
                                      const ApplyOptions& options = {});

}  // namespace quantbench
