// quantize: decides what every layer becomes (plan), then rewrites the model accordingly (apply).
// Pure: no file, no clock, no engine. Same model and plan give the same bytes at any thread count.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/base/json.h"
#include "quantbench/base/progress.h"
#include "quantbench/base/status.h"
#include "quantbench/calibrate.h"
#include "quantbench/model.h"
#include "quantbench/recover.h"

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

// The codes of an activation: uint8, int8, uint16, int16; none for other types.
[[nodiscard]] std::optional<CodeRange> CodesOf(DataType type);

// The parameters that cover [low, high] extended to hold 0, which is represented exactly.
// Asymmetric: scale = (high - low) / (codes - 1), zero point rounded and clamped. Symmetric: scale
// from the larger magnitude, zero point 0 (signed) or the middle (unsigned). An empty or denormal
// range gives scale 1. Computed in double. low and high must be finite (checked by the caller).
[[nodiscard]] QuantParams ChooseAsymmetric(double low, double high, CodeRange codes);
[[nodiscard]] QuantParams ChooseSymmetric(double low, double high, CodeRange codes);

// The processor a model is made for.
enum class Target : std::uint8_t {
  kX64,       // x86-64 of any age: u8 activations, s8 weights that cannot overflow vpmaddubsw
  kX64Vnni,   // x86-64 with VNNI: the same types, all 8 bits of every weight
  kArm,       // s8 activations, s8 weights
  kPortable,  // the types of x64, bit-safe on every processor
};
[[nodiscard]] std::string_view Name(Target target);  // "x64", "x64-vnni", "arm", "portable"
[[nodiscard]] Result<Target> ParseTarget(std::string_view name);
// This very machine: kX64Vnni where the processor says it has AVX-VNNI or AVX512-VNNI.
[[nodiscard]] Target HostTarget();

// How a layer computes, and what its weights become.
enum class Scheme : std::uint8_t {
  kKeepFloat,    // as it was
  kStored,       // weights stored small, decoded to float32 when the model is loaded: same speed
  kWeightOnly,   // weights in blocks of integers, decoded inside the product
  kDynamicInt8,  // int8 weights, activations quantized by the engine while it runs
  kStaticInt8,   // integer weights and activations, scales fixed by calibration
  kFloat8,       // float8 weights and activations with scales, as QDQ
};
// "float", "stored", "weight-only", "dynamic-int8", "static-int8", "float8"
[[nodiscard]] std::string_view Name(Scheme scheme);
[[nodiscard]] Result<Scheme> ParseScheme(std::string_view name);

// Which operators say it.
enum class QuantFormat : std::uint8_t {
  kEngine,     // what the engine runs fastest: its own operators where it has them, else QDQ
  kQdq,        // QuantizeLinear and DequantizeLinear around float operators
  kQOperator,  // QLinearConv, QLinearMatMul, QLinearAdd ...
};
[[nodiscard]] std::string_view Name(QuantFormat format);  // "engine", "qdq", "qoperator"
[[nodiscard]] Result<QuantFormat> ParseQuantFormat(std::string_view name);

// What a recipe asks of a layer.
struct Treatment {
  Scheme scheme = Scheme::kKeepFloat;
  DataType weights = DataType::kUndefined;  // kStored: int8, float16, bfloat16; kWeightOnly: 4 or 8
                                            // bits, signed when symmetric
  DataType activations =
      DataType::kUndefined;  // kStaticInt8: 8 or 16 bits; undefined: the target's
  bool per_channel = true;   // weights: a scale for every output channel
  std::int64_t block = 0;    // kWeightOnly: numbers of a channel that share a scale, 16 to 256
  QuantFormat format = QuantFormat::kEngine;

  [[nodiscard]] bool symmetric() const;  // weights around code zero
  [[nodiscard]] int bits() const;        // of a weight
  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<Treatment> FromJson(const Json& json);
  friend bool operator==(const Treatment&, const Treatment&) = default;
};
// "float", "stored-int8", "float16", "bfloat16", "weight-int8", "weight-int4", "dynamic-int8",
// "static-int8", "w4a8", "static-int16", "float8". kInvalidArgument names the nearest.
[[nodiscard]] Result<Treatment> FindTreatment(std::string_view name);
[[nodiscard]] std::string Describe(const Treatment& treatment);  // "weight-int4 block 32"

// Layers that a recipe treats in their own way.
struct RecipeRule {
  std::string match;  // a layer's name, an operator, or a pattern with * and ?
  std::vector<Treatment> choices;
  std::int64_t min_weights = 0;  // only layers with at least that many numbers in their weights
  std::int64_t max_weights = INT64_MAX;  // ... and at most
};

// What wins accuracy back, each a step over plan and weights (recover.h has the algorithms). They
// are done in this order, whatever the order in which they were asked for.
enum class Step : std::uint8_t {
  kEqualize,     // channels of neighbouring layers get alike ranges; exact, before planning
  kSmooth,       // SmoothQuant: large inputs shrink, their weights grow; exact, before planning
  kAwq,          // the same by what the outputs of 4-bit weights lose; exact, before planning
  kClip,         // scales by the error they leave, not by range
  kHqq,          // zero points by half-quadratic splitting; weights in blocks with zero points
  kGptq,         // rounding that moves errors to weights that are still free
  kAdaRound,     // rounding by gradient descent
  kReconstruct,  // moves codes one by one while the layer's output gets better; fits scales
  kBias,         // biases that keep the mean of every output
};
[[nodiscard]] std::string_view Name(Step step);  // "clip", "hqq", "gptq", "adaround", ...
// Whether it needs to see what flows into the layers, not only their weights.
[[nodiscard]] bool NeedsInputs(Step step);
struct StepEntry {
  std::string_view name;
  std::string_view summary;  // one line
};
[[nodiscard]] std::span<const StepEntry> Steps();  // in the order of the enumeration

// The steps of a recipe and their settings.
struct Recovery {
  std::vector<Step> steps;  // sorted, each once; of the three that round at most one
  double damping = 0.01;    // of kGptq and kReconstruct: share of the mean second moment, >= 0
  bool act_order = false;   // kGptq: columns with large inputs first

  [[nodiscard]] bool Has(Step step) const;
  [[nodiscard]] bool needs_inputs() const;  // any step does
  [[nodiscard]] bool rewrites() const;      // a step changes the float model before planning
  // Takes the steps that need inputs out and returns their names, separated by commas.
  std::string LeaveOutInputs();
  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<Recovery> FromJson(const Json& json);
  friend bool operator==(const Recovery&, const Recovery&) = default;
};
// Names as a command line or a study has them; "none" alone: no step. kInvalidArgument names the
// nearest for an unknown one, and both of two that round.
[[nodiscard]] Result<std::vector<Step>> ParseSteps(std::span<const std::string> names);

// What the user asks for. A layer gets the first of its choices that it can take and that pays;
// none: it stays float.
struct Recipe {
  std::string name;                     // "static-int8", or "custom"
  std::vector<Treatment> choices;       // of layers that no rule matches
  std::vector<Treatment> embeddings;    // of Gather from a table of floats; empty: as `choices`
  std::vector<RecipeRule> rules;        // the last that matches decides
  std::vector<std::string> keep_float;  // names, operators, patterns: stronger than any rule
  bool quantize_embeddings = true;
  // Static integers only where they are expected to pay (docs/quantization.md, "What pays"), else
  // wherever they can be. The named static-int8 recipes do.
  bool weighs_costs = false;
  Target target = HostTarget();
  Observer observer =
      Observer::kMinMax;  // what the ranges of activations follow unless a user says
  Recovery recovery;

  [[nodiscard]] bool needs_calibration() const;
  // On every treatment to which it means something, in rules too.
  void SetPerChannel(bool per_channel);
  void SetBlock(std::int64_t block);  // 16, 32, 64, 128 or 256
  void SetSymmetric(bool symmetric);  // weights in blocks
  void SetFormat(QuantFormat format);
  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<Recipe> FromJson(const Json& json);
};

// "PATTERN=TREATMENT[,TREATMENT...]", as a command line has it: "*attention*=float16".
[[nodiscard]] Result<RecipeRule> ParseRule(std::string_view text);
// Names of treatments separated by commas.
[[nodiscard]] Result<std::vector<Treatment>> ParseTreatments(std::string_view text);

struct RecipeEntry {
  std::string_view name;
  std::string_view summary;  // one line: what it does, what it needs, what to expect
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
  std::string reason;  // why nothing better became of it; empty for a first choice
  std::string weight;  // initializer that is quantized; empty: none
  std::vector<std::string>
      other_weights;  // further ones of this layer, stored the same way (kStored)
  // The table [V, K] whose codes are this weight's [K, V], transposed: they are written once.
  std::string tied_to;
  DataType weight_type = DataType::kUndefined;
  std::int64_t weight_axis = -1;  // of the per-channel scales; -1: per tensor
  std::int64_t block = 0;         // kWeightOnly
  QuantFormat format = QuantFormat::kEngine;
  std::uint64_t weight_bytes_before = 0;
  std::uint64_t weight_bytes_after = 0;  // scales and zero points included
  std::string form;  // what is emitted: "QDQ", "DynamicQuantizeLinear+MatMulInteger", ...
  bool output_quantized = false;  // static: its output leaves as codes, not as float
  std::string absorbed_by;  // static: a Relu or Clip that the output range of this layer replaces
  double factor = 0;  // static: above 0, it is nothing but its input's codes with a scaled scale
  std::int64_t repaired_channels = 0;  // whose scales grew so that no sum overflows 16 bits

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
  bool calibrated = false;  // made for a model that PrepareFor lowered for integers
  Target target = Target::kX64;
  Recovery recovery;
  std::vector<LayerPlan> layers;            // in graph order
  std::vector<ActivationPlan> activations;  // sorted by tensor
  std::vector<std::string> notes;           // e.g. "BatchNormalization folded into 15 Conv"
  // Session entries without which the engine would run this form slower; whoever compares gives
  // them to every arm alike. Apply writes them into the model's metadata.
  std::map<std::string, std::string> engine_options;

  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<Plan> FromJson(const Json& json);
  friend bool operator==(const Plan&, const Plan&) = default;
};

// Prepare (graph.h), and for static schemes the forms that have integer kernels. Planning,
// calibrating and applying all start from the same prepared model. `notes` may be null.
[[nodiscard]] Result<Model> PrepareFor(Model model, const Recipe& recipe,
                                       std::vector<std::string>* notes);
[[nodiscard]] Result<Model> PrepareFor(Model model, const Plan& plan,
                                       std::vector<std::string>* notes);

// What the rewriting steps (kSmooth, kAwq) need to know of the inputs of layers.
[[nodiscard]] std::vector<InputRequest> InputsToEase(const Model& prepared, const Recipe& recipe);
// What was seen of the request with that index.
using InputsSeen = std::function<Result<InputStatistics>(std::int64_t request)>;
// Does the rewriting steps: the same function with weights that are easier to quantize. What they
// divide an activation by goes into the layer before it where that is exact (normalization,
// product, through Add, Mul, Relu), else into a Mul. Planning, calibrating and the other steps
// start from the result. `source` answers for InputsToEase; `notes` says how many layers changed.
[[nodiscard]] Result<Model> EaseWeights(Model prepared, const Recipe& recipe,
                                        const InputsSeen& source, int threads,
                                        std::vector<std::string>* notes);

// The activations whose ranges PlanQuantization will want, for a prepared model. Empty for schemes
// without calibration.
[[nodiscard]] std::vector<std::string> TensorsToObserve(const Model& prepared,
                                                        const Recipe& recipe);

// What a walk through all numbers of weights tells, remembered by the place of the numbers.
// Planning finds it out and applying needs it again: given to both, nothing is walked through
// twice.
class WeightFacts;
[[nodiscard]] std::shared_ptr<WeightFacts> MakeWeightFacts();

// `table` may be null when the recipe needs no calibration. `facts` may be null. kMalformed for
// weights with NaN or infinities and for observed tensors with them, naming the tensor.
// kInvalidArgument when a pattern in keep_float matches nothing.
[[nodiscard]] Result<Plan> PlanQuantization(const Model& prepared, const Recipe& recipe,
                                            const CalibrationTable* table,
                                            WeightFacts* facts = nullptr);

// What the plan's steps need to know of the inputs of layers; empty when they need nothing.
[[nodiscard]] std::vector<InputRequest> InputsToObserve(const Model& prepared, const Plan& plan);

// What the steps made of one weight.
struct SolvedWeight {
  CodedRows coded;  // an output a row; 8-bit symmetric codes around 128, 4-bit ones around 8
  std::int64_t rows = 0;
  std::int64_t columns = 0;
};
// Final: what is written are these codes and scales, never rounded again.
struct Solutions {
  // By initializer.
  std::map<std::string, std::shared_ptr<const SolvedWeight>, std::less<>> weights;
  // By layer: what is added to the bias of each output.
  std::map<std::string, std::vector<double>, std::less<>> bias_shifts;
  std::vector<std::string> notes;  // layers whose steps were left out, and why
};
// Does the plan's steps, layer by layer. `source` answers for InputsToObserve's requests; it may be
// empty where there are none. Weights that several layers read are solved for the first of them.
// A layer whose inputs do not serve (NaN, none seen) is rounded to nearest and noted. Memory: the
// codes of all layers, and one layer's statistics at a time.
[[nodiscard]] Result<Solutions> SolveWeights(const Model& prepared, const Plan& plan,
                                             const InputsSeen& source, int threads,
                                             Progress& progress);

struct ApplyOptions {
  int threads = 0;  // 0: one per core
  // Of this plan. Null: made here, without the steps that need inputs.
  const Solutions* solutions = nullptr;
  WeightFacts* facts = nullptr;  // of the planning
};
// Quantized weights are made tensor by tensor; the result shares unchanged payloads with
// `prepared`. Carries the recipe and the tool's version as metadata ("quantbench.recipe", ...).
[[nodiscard]] Result<Model> ApplyPlan(Model prepared, const Plan& plan,
                                      const ApplyOptions& options = {});

// An operator of a loaded graph, whoever quantized it, whose int8 weights can make VPMADDUBSW
// saturate at some activation codes (u8, up to 255): a wrong sum without a word.
struct SaturatingLayer {
  std::string name;
  std::string op_type;
  std::int64_t outputs = 0;
  std::int64_t unsafe_outputs = 0;  // of these; at least 1
};
// Exact for the codes in the graph; operators in subgraphs are not looked at.
[[nodiscard]] std::vector<SaturatingLayer> FindSaturating(const Graph& graph);
// Whether this processor is one where they can: x64 with AVX2 and without VNNI.
[[nodiscard]] bool HostSaturatesPairs();

// The session entries that a model made by ApplyPlan asks for.
[[nodiscard]] std::map<std::string, std::string> EngineOptionsOf(const Model& model);

}  // namespace quantbench
