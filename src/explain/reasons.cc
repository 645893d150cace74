// The tests, the most specific first.
#include "explain/reasons.h"

#include <algorithm>
#include <array>
#include <optional>

#include "quantbench/base/format.h"
#include "quantbench/graph.h"

#include "explain/torch_operators.h"

namespace quantbench {
namespace {

using Test = std::optional<Reason> (*)(const LayerFacts& facts, std::string_view isa);

// Below both a difference is the profile's noise.
constexpr double kNotFaster = 1.05;
constexpr double kErrors = 3;  // standard errors

bool IsLonger(double us, double than_us, double error_us) {
  return us > than_us * kNotFaster && us > than_us + kErrors * error_us;
}
bool IsX86(std::string_view isa) {
  return isa.find("avx2") != std::string_view::npos;
}
bool HasDotProducts(std::string_view isa) {
  constexpr auto kNames = std::to_array<std::string_view>({"vnni", "asimddp", "i8mm", "amx_int8"});
  return std::any_of(kNames.begin(), kNames.end(), [&](std::string_view name) {
    return isa.find(name) != std::string_view::npos;
  });
}

DataType TypeOfInput(const LayerFacts& facts, std::size_t input) {
  const auto& inputs = facts.op->inputs;
  return input < inputs.size() ? inputs[input].type : DataType::kUndefined;
}

std::int64_t DimOfInput(const LayerFacts& facts, std::size_t input, std::size_t axis) {
  const auto& inputs = facts.op->inputs;
  if (input >= inputs.size() || !inputs[input].shape) return 0;
  const Shape& shape = *inputs[input].shape;
  return axis < shape.size() ? shape[axis] : 0;
}

const Node* ProducerOf(const LayerFacts& facts, std::size_t input) {
  if (facts.node == nullptr || input >= facts.node->inputs.size()) return nullptr;
  return facts.index->Producer(facts.node->inputs[input]);
}

bool IsConvOfCodes(const LayerFacts& facts) {
  return facts.op->op_type == "QLinearConv" || facts.op->op_type == "ConvInteger";
}

// Where the weight stands among the inputs of an operator of codes.
std::size_t WeightPlace(const LayerFacts& facts) {
  const std::string& op = facts.op->op_type;
  return op == "QLinearConv" || op == "QLinearMatMul" || op == "QGemm" ? 3 : 1;
}

// The constant weight of an operator of codes; null where it is none, or not in the graph. Profiles
// do not list weights that the engine packed, and what stands behind one then has its place.
const Initializer* WeightOf(const LayerFacts& facts) {
  const std::size_t place = WeightPlace(facts);
  if (facts.node == nullptr || place >= facts.node->inputs.size()) return nullptr;
  return facts.index->FindInitializer(facts.node->inputs[place]);
}

// 0 where it is not known.
std::int64_t ProductsAnOutput(const LayerFacts& facts) {
  if (facts.op->outputs.empty() || !facts.op->outputs[0].shape) return 0;
  const auto outputs = ElementCount(*facts.op->outputs[0].shape);
  return outputs.ok() && outputs.value() > 0 ? facts.macs / outputs.value() : 0;
}

// --- layers that stayed float ---

std::optional<Reason> NoIntegerKernel(const LayerFacts& facts, std::string_view) {
  constexpr auto kNone = std::to_array<std::string_view>({"ConvTranspose", "GRU", "RNN", "Einsum"});
  if (std::find(kNone.begin(), kNone.end(), facts.op->op_type) == kNone.end()) return std::nullopt;
  return Reason{ReasonKind::kNoIntegerKernel,
                Format("the engine has no integer kernel for {}", facts.op->op_type),
                "nothing for speed; quantbench quantize can write some of them in another form"};
}

std::optional<Reason> AccuracyLevel(const LayerFacts& facts, std::string_view) {
  if (facts.op->op_type != "MatMulNBits" || facts.node == nullptr) return std::nullopt;
  return Reason{ReasonKind::kFewBitsAsFloats,
                Format("accuracy_level {}: its few-bit weights are decoded to float in every run",
                       facts.node->IntAttribute("accuracy_level", 0)),
                "write it with accuracy_level 4 (quantbench quantize does)"};
}

// The type of the codes that a QuantizeLinear or DequantizeLinear makes or reads: its zero point's.
DataType CodesOf(const LayerFacts& facts, const Node& node) {
  if (node.inputs.size() < 3) return DataType::kUint8;
  const Initializer* zero_point = facts.index->FindInitializer(node.inputs[2]);
  return zero_point == nullptr ? DataType::kUndefined : zero_point->type;
}

// On x86 the engine turns signed activations to unsigned ones, but only where one operator reads
// them [ONNX Runtime, QDQS8ToU8Transformer]. Layers between codes of both kinds stay float.
std::optional<Reason> MixedSigns(const LayerFacts& facts, const Node& before) {
  const DataType input = CodesOf(facts, before);
  bool is_signed = input == DataType::kInt8;
  for (const std::string& output : facts.node->outputs) {
    for (const std::int64_t reader : facts.index->Consumers(output)) {
      const Node& next = facts.graph->nodes[static_cast<std::size_t>(reader)];
      is_signed = is_signed || CodesOf(facts, next) == DataType::kInt8;
    }
  }
  if (!is_signed) return std::nullopt;
  return Reason{ReasonKind::kFusionBlocked,
                Format("signed activations (s8): the engine makes them unsigned only where one "
                       "operator reads them, and this layer stands between {} and others",
                       Name(input)),
                "use u8 activations"};
}

// A QDQ pattern that the engine did not fuse: the readers of its output say where it breaks.
std::optional<Reason> BlockedFusion(const LayerFacts& facts, std::string_view) {
  const Node* before = ProducerOf(facts, 0);
  if (before == nullptr || before->op_type != "DequantizeLinear") return std::nullopt;
  const Node* weight = ProducerOf(facts, 1);
  if (weight == nullptr || weight->op_type != "DequantizeLinear") {
    return Reason{ReasonKind::kFusionBlocked,
                  "its input is decoded from codes, but its weights are floats",
                  "quantize its weights too, or leave the operators before it in float"};
  }
  std::string blocker;
  for (const std::string& output : facts.node->outputs) {
    for (const std::int64_t reader : facts.index->Consumers(output)) {
      const Node& next = facts.graph->nodes[static_cast<std::size_t>(reader)];
      if (next.op_type != "QuantizeLinear") blocker = next.op_type;
    }
  }
  if (!blocker.empty()) {
    return Reason{ReasonKind::kFusionBlocked,
                  Format("between codes, but {} reads its output before it is quantized again: "
                         "the engine cannot fuse it",
                         Printable(blocker)),
                  Format("quantize its output (a QuantizeLinear before {}), or keep both in float",
                         Printable(blocker))};
  }
  if (auto signs = MixedSigns(facts, *before)) return signs;
  const std::int64_t readers =
      static_cast<std::int64_t>(facts.index->Consumers(before->outputs[0]).size());
  if (readers > 1) {
    return Reason{
        ReasonKind::kFusionBlocked,
        Format("between codes, but the DequantizeLinear before it has {} readers", readers),
        "give every reader a DequantizeLinear of its own (quantbench quantize does)"};
  }
  return Reason{ReasonKind::kFusionBlocked,
                "between codes, but the engine did not fuse it to an integer kernel (the types of "
                "its codes, or of its bias)",
                "use u8 activations, s8 weights and an int32 bias"};
}

std::optional<Reason> NoConstantOperand(const LayerFacts& facts, std::string_view) {
  if (facts.node == nullptr || facts.node->inputs.size() < 2) return std::nullopt;
  const std::string& operand = facts.node->inputs[1];
  const bool computed =
      facts.index->FindInitializer(operand) == nullptr && facts.index->Producer(operand) != nullptr;
  const bool is_product = facts.op->op_type.find("MatMul") != std::string::npos ||
                          facts.op->op_type.find("Attention") != std::string::npos;
  if (!computed || !is_product) return std::nullopt;
  return Reason{ReasonKind::kComputedOperands,
                "both operands are computed in the run: this form quantizes weights only",
                "a static form can quantize it; at short lengths it seldom pays"};
}

std::optional<Reason> FloatWeights(const LayerFacts& facts, std::string_view) {
  if (TypeOfInput(facts, 1) == DataType::kFloat16) {
    return Reason{ReasonKind::kFloat16Weights,
                  "its weights are float16, which the CPU computes as float32", "int8, for speed"};
  }
  return Reason{ReasonKind::kLeftFloat,
                Format("its weights are {} in the loaded graph: the quantizer left it out",
                       TypeOfInput(facts, 1) == DataType::kUndefined ? "no codes"
                                                                     : Name(TypeOfInput(facts, 1))),
                "see why with quantbench quantize --plan-only, or quantize it in another form"};
}

constexpr auto kFloatTests = std::to_array<Test>(
    {NoIntegerKernel, AccuracyLevel, BlockedFusion, NoConstantOperand, FloatWeights});

// --- integer kernels that are not faster ---

std::optional<Reason> SignedActivations(const LayerFacts& facts, std::string_view isa) {
  if (!IsX86(isa) || TypeOfInput(facts, 0) != DataType::kInt8) return std::nullopt;
  return Reason{ReasonKind::kSignedActivations,
                "signed activations (s8): the engine's x86 kernels are made for u8",
                "unsigned activations (quantbench quantize writes them)"};
}

std::optional<Reason> Depthwise(const LayerFacts& facts, std::string_view) {
  if (!IsConvOfCodes(facts) || facts.node == nullptr) return std::nullopt;
  const std::int64_t groups = facts.node->IntAttribute("group", 1);
  const Initializer* weight = WeightOf(facts);
  const bool is_depthwise = weight != nullptr ? weight->dims.size() > 1 && weight->dims[1] == 1
                                              : DimOfInput(facts, WeightPlace(facts), 1) == 1;
  if (groups < 2 || !is_depthwise) return std::nullopt;
  if (facts.op->op_type == "ConvInteger") {
    return Reason{ReasonKind::kDepthwiseInteger, "depthwise as ConvInteger",
                  "static quantization; or leave convolutions float"};
  }
  return Reason{
      ReasonKind::kDepthwise,
      Format("depthwise: sums of only {} products, bound by its kernel", ProductsAnOutput(facts)),
      "leave it: as a float island between codes it is slower still"};
}

std::optional<Reason> DynamicConv(const LayerFacts& facts, std::string_view) {
  if (facts.op->op_type != "ConvInteger") return std::nullopt;
  return Reason{ReasonKind::kDynamicConvolution,
                "ConvInteger: its scaling is not fused, its input is quantized in every run",
                "static quantization with calibration data"};
}

std::optional<Reason> UnsignedWeights(const LayerFacts& facts, std::string_view isa) {
  const Initializer* weight = WeightOf(facts);
  const DataType type = weight != nullptr ? weight->type : TypeOfInput(facts, WeightPlace(facts));
  if (!IsX86(isa) || type != DataType::kUint8) return std::nullopt;
  return Reason{ReasonKind::kUnsignedWeights, "unsigned weights take the slower kernel on x86",
                "signed weights, 7 bits where sums can saturate"};
}

std::optional<Reason> BlocksDecoded(const LayerFacts& facts, std::string_view) {
  if (facts.op->op_type != "MatMulNBits") return std::nullopt;
  return Reason{ReasonKind::kBlocksDecoded,
                "weights in blocks of few bits: its kernel is made for a row or two at a time",
                "dynamic-int8 or static-int8 for many rows; weight-only where memory is the limit"};
}

std::optional<Reason> FewTerms(const LayerFacts& facts, std::string_view) {
  constexpr std::int64_t kFew = 64;
  const std::int64_t terms = ProductsAnOutput(facts);
  if (terms == 0 || terms >= kFew) return std::nullopt;
  return Reason{
      ReasonKind::kFewTerms,
      Format("short sums: {} products an output, so requantizing every output weighs", terms),
      "nothing, or keep it in float where its neighbours are float"};
}

std::optional<Reason> SmallWork(const LayerFacts& facts, std::string_view) {
  constexpr std::int64_t kSmall = 100'000;
  if (facts.macs >= kSmall) return std::nullopt;
  return Reason{ReasonKind::kSmallWork,
                Format("only {} MACs: calling the kernel costs as much", facts.macs),
                "nothing: it weighs little"};
}

std::optional<Reason> Dynamic(const LayerFacts& facts, std::string_view) {
  const std::string& op = facts.op->op_type;
  if (op != "DynamicQuantizeMatMul" && op != "DynamicQuantizeLSTM" && op != "MatMulInteger") {
    return std::nullopt;
  }
  return Reason{ReasonKind::kDynamic,
                "its input is searched for its range and quantized in every run",
                "static quantization, where the range of the input is known"};
}

std::optional<Reason> NoDotProducts(const LayerFacts&, std::string_view isa) {
  if (HasDotProducts(isa)) return std::nullopt;
  return Reason{ReasonKind::kNoDotProducts,
                "no VNNI or dot-product instructions: int8 gains at most about 2",
                "a processor with them, or measure without load"};
}

std::optional<Reason> OnlySlower(const LayerFacts&, std::string_view) {
  return Reason{ReasonKind::kUnexplained, "slower for no reason that was tested",
                "measure again on a quiet machine"};
}

constexpr auto kSlowTests =
    std::to_array<Test>({WhyTorchIsSlow, SignedActivations, Depthwise, DynamicConv, BlocksDecoded,
                         UnsignedWeights, FewTerms, SmallWork, Dynamic, NoDotProducts, OnlySlower});

Reason FirstOf(std::span<const Test> tests, const LayerFacts& facts, std::string_view isa) {
  for (const Test test : tests) {
    if (auto reason = test(facts, isa)) return *std::move(reason);
  }
  return {};
}

}  // namespace

std::string_view Name(ReasonKind kind) {
  switch (kind) {
    case ReasonKind::kNone: return "";
    case ReasonKind::kMissing: return "not in the quantized model";
    case ReasonKind::kNoIntegerKernel: return "no integer kernel";
    case ReasonKind::kFewBitsAsFloats: return "few-bit weights decoded to float";
    case ReasonKind::kFusionBlocked: return "fusion blocked";
    case ReasonKind::kComputedOperands: return "both operands computed in the run";
    case ReasonKind::kFloat16Weights: return "float16 weights";
    case ReasonKind::kLeftFloat: return "left in float";
    case ReasonKind::kSignedActivations: return "signed activations";
    case ReasonKind::kDepthwiseInteger: return "depthwise as ConvInteger";
    case ReasonKind::kDepthwise: return "depthwise";
    case ReasonKind::kDynamicConvolution: return "ConvInteger";
    case ReasonKind::kUnsignedWeights: return "unsigned weights";
    case ReasonKind::kFewTerms: return "short sums";
    case ReasonKind::kSmallWork: return "little work";
    case ReasonKind::kBlocksDecoded: return "weights in blocks, many rows";
    case ReasonKind::kDynamic: return "quantized in every run";
    case ReasonKind::kForeignEngine: return "kernels for another processor";
    case ReasonKind::kStepByStep: return "quantized in every step";
    case ReasonKind::kNoDotProducts: return "no dot-product instructions";
    case ReasonKind::kUnexplained: return "slower, no tested reason";
    case ReasonKind::kAround: break;
  }
  return "eaten up around it";
}

Reason ReasonOf(const LayerFacts& facts, std::string_view isa) {
  const bool is_torch = IsTorchOperator(facts.op->op_type);
  if (is_torch && facts.what == OperatorClass::kFloat) return WhyTorchIsFloat(facts);
  if (facts.what == OperatorClass::kFloat) return FirstOf(kFloatTests, facts, isa);
  if (facts.original_us <= 0) return {};
  if (auto stepwise = WhyTorchRecurrenceGainsLittle(facts)) return *std::move(stepwise);
  if (IsLonger(facts.quantized_us, facts.original_us, facts.error_us)) {
    return FirstOf(kSlowTests, facts, isa);
  }
  if (!IsLonger(facts.quantized_us + facts.around_us, facts.original_us + facts.around_original_us,
                facts.error_us)) {
    return {};
  }
  if (auto dynamic = DynamicConv(facts, isa)) return *std::move(dynamic);  // its form brings them
  return {ReasonKind::kAround,
          Format("the kernel is faster, but what is around it takes {:.0f} µs in place of {:.0f}",
                 facts.around_us, facts.around_original_us),
          "look at the operators around it: quantizing, dequantizing, layout"};
}

}  // namespace quantbench
