// Parameters of static layers: scales first, since a bias may widen them; then the codes.
#include "quantize/static_parameters.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>

#include "quantbench/base/format.h"
#include "quantbench/graph.h"

#include "quantize/layer_bias.h"
#include "quantize/packed_nibbles.h"
#include "quantize/solved_weight.h"
#include "quantize/weight_scales.h"

namespace quantbench {
namespace {

constexpr double kInt32Max = std::numeric_limits<std::int32_t>::max();
constexpr double kInt32Min = std::numeric_limits<std::int32_t>::min();

// One number an output; empty without a bias.
Result<std::vector<double>> BiasOf(const WeightedLayer& layer) {
  if (layer.bias == nullptr) return std::vector<double>();
  QB_TRY(const FloatValues values, FloatValues::Of(*layer.bias));
  const std::vector<float> numbers = values.All();
  std::vector<double> bias(numbers.begin(), numbers.end());
  if (bias.size() == 1) bias.assign(static_cast<std::size_t>(layer.outputs), bias[0]);
  for (double& value : bias) {
    value *= layer.bias_factor;
    if (std::isfinite(value)) continue;
    return Error(ErrorCode::kMalformed,
                 Format("initializer \"{}\" holds NaN or infinities", Printable(layer.bias->name)));
  }
  return bias;
}

// What steps add: to the outputs of the weights as they are, before Gemm's alpha.
void AddShift(std::span<const double> shift, double factor, std::vector<double>* bias) {
  if (shift.empty()) return;
  bias->resize(shift.size(), 0.0);
  for (std::size_t c = 0; c < shift.size(); ++c) (*bias)[c] += factor * shift[c];
}

// Widens scales that are too fine for the bias; true when any was.
bool FitBias(std::span<const double> bias, float input_scale, std::vector<float>* scales) {
  bool widened = false;
  for (std::size_t c = 0; c < bias.size(); ++c) {
    float& scale = (*scales)[scales->size() == 1 ? 0 : c];
    const double product = double{input_scale} * scale;
    const double smallest = SmallestBiasScale(bias[c]);
    if (product >= smallest) continue;
    scale = static_cast<float>(std::min(smallest / input_scale, double{FLT_MAX}));
    widened = true;
  }
  return widened;
}

// The scales of a layer's weight, and the codes that steps chose for them.
struct WeightParts {
  std::vector<float> scales;                   // Gemm's alpha in them
  std::shared_ptr<const SolvedWeight> solved;  // null: the weight is rounded to nearest
};

Result<WeightParts> PlainParts(const Node& node, const WeightedLayer& layer,
                               const Emitter& emitter) {
  QB_TRY(WeightScales chosen, ChooseWeightScales(node, layer, emitter.plan().target,
                                                 emitter.threads(), &emitter.facts()));
  for (float& scale : chosen.scales) {
    scale = static_cast<float>(scale * std::abs(layer.weight_factor));
  }
  return WeightParts{std::move(chosen.scales), nullptr};
}

Result<WeightParts> PartsOf(const PlannedNode& planned, const WeightedLayer& layer,
                            const Emitter& emitter) {
  auto solved = emitter.Solved(layer.weight->name);
  const bool is_usable = solved != nullptr && layer.per_channel && layer.weight_factor > 0;
  if (!is_usable) return PlainParts(*planned.node, layer, emitter);
  WeightParts parts{{}, std::move(solved)};
  for (const CodeScale& scale : parts.solved->coded.scales) {
    parts.scales.push_back(static_cast<float>(scale.scale * layer.weight_factor));
  }
  return parts;
}

// Channels whose scale had to grow for their bias, next to which their weights hardly count: their
// codes on the new scale.
std::shared_ptr<const SolvedWeight> OnWiderScales(const SolvedWeight& solved,
                                                  std::span<const float> before,
                                                  std::span<const float> after) {
  auto wider = std::make_shared<SolvedWeight>(solved);
  const auto columns = static_cast<std::size_t>(solved.columns);
  for (std::size_t row = 0; row < before.size(); ++row) {
    if (before[row] == after[row]) continue;
    const double middle = solved.coded.scales[row].zero_point;
    for (std::size_t k = row * columns; k < (row + 1) * columns; ++k) {
      const double steps = (solved.coded.codes[k] - middle) * before[row] / after[row];
      wider->coded.codes[k] = static_cast<std::uint8_t>(middle + std::nearbyint(steps));
    }
  }
  return wider;
}

TensorMaker CodesOf(const WeightedLayer& layer, const WeightParts& parts, int bits, int threads) {
  const Initializer& weight = *layer.weight;
  if (parts.solved != nullptr) {
    return [solved = parts.solved, bits, dims = weight.dims,
            outputs = layer.channels]() -> Result<Tensor> {
      return CodesInLayout(*solved, bits, dims, outputs);
    };
  }
  CodeLayout layout{layer.scales()};
  layout.negate = layer.weight_factor < 0;
  // Gemm's alpha is in the scale already: codes are those of the weights as they are.
  std::vector<float> own = parts.scales;
  for (float& scale : own) scale = static_cast<float>(scale / std::abs(layer.weight_factor));
  return LaterQuantized(weight, std::move(own), layout, threads);
}

// Names of codes, scales and zero points.
Result<Names> AddWeight(const PlannedNode& planned, const WeightedLayer& layer,
                        const WeightParts& parts, Emitter* emitter) {
  const Initializer& weight = *layer.weight;
  const bool is_nibble = planned.plan->weight_type == DataType::kInt4 && parts.solved != nullptr;
  TensorMaker codes = CodesOf(layer, parts, is_nibble ? 4 : 8, emitter->threads());
  emitter->Replaced(weight.name);
  const auto count = static_cast<std::int64_t>(parts.scales.size());
  const Shape shape = layer.scales() == Channels::kNone ? Shape{} : Shape{count};
  std::string name;
  if (is_nibble && Elements(weight) % 2 == 0 && Elements(weight) >= kMinPackedCodes) {
    QB_TRY(name, AddPackedNibbles(weight, codes, emitter));
  } else {
    name = emitter->AddDeferred(weight.name + "_quantized", DataType::kInt8, weight.dims,
                                std::move(codes));
  }
  return Names{
      std::move(name),
      emitter->AddInitializer(weight.name + "_scale", Tensor::OfFloats(shape, parts.scales)),
      emitter->ZeroPoints(DataType::kInt8, shape)};
}

// A weight that several layers read has one set of codes, unless a bias asks for scales of its own:
// `owner` is then the layer, else empty.
Result<Names> SharedWeight(const PlannedNode& planned, const WeightedLayer& layer,
                           const WeightParts& parts, const std::string& owner, Emitter* emitter) {
  return emitter->Once(Format("weight {} {}", layer.weight->name, owner), [&]() -> Result<Names> {
    return AddWeight(planned, layer, parts, emitter);
  });
}

// Scales s_x s_w. Many of them take more room in the file than the node that multiplies them when
// the model is loaded, before the engine looks for layers with codes.
std::string AddBiasScales(const std::string& name, Tensor scales, const InputScale& input,
                          const std::string& weight_scale, Emitter* emitter) {
  constexpr std::size_t kFew = 32;
  const std::span<const float> values = scales.As<float>();
  const bool is_product =
      std::all_of(values.begin(), values.end(), [](float scale) { return scale > FLT_MIN; });
  if (!input.name.empty() && is_product && values.size() >= kFew) {
    return emitter->Add("Mul", {input.name, weight_scale}, name);
  }
  return emitter->AddInitializer(name, std::move(scales));
}

// `weight_scale`: the initializer that holds `scales`.
std::string AddBias(const WeightedLayer& layer, std::span<const double> bias,
                    const InputScale& input, std::span<const float> scales,
                    const std::string& weight_scale, QdqWriter* writer) {
  Emitter& emitter = writer->emitter();
  std::vector<float> bias_scales;
  for (const float scale : scales) bias_scales.push_back(std::max(input.value * scale, FLT_MIN));
  std::vector<std::int32_t> codes;
  for (std::size_t c = 0; c < bias.size(); ++c) {
    const double steps = std::nearbyint(bias[c] / bias_scales[scales.size() == 1 ? 0 : c]);
    codes.push_back(static_cast<std::int32_t>(std::clamp(steps, kInt32Min, kInt32Max)));
  }
  const bool is_whole = layer.scales() == Channels::kNone;
  const Shape shape = is_whole ? Shape{} : Shape{static_cast<std::int64_t>(bias_scales.size())};
  std::string base = layer.weight->name + "_bias";
  if (layer.bias != nullptr) {
    base = layer.bias->name;
    emitter.Replaced(base);
  }
  const std::string stored = emitter.AddInitializer(
      base + "_quantized", Tensor::Of(DataType::kInt32, {layer.outputs}, codes));
  const Names params = {AddBiasScales(base + "_scale", Tensor::OfFloats(shape, bias_scales), input,
                                      weight_scale, &emitter)};
  std::string floats = emitter.Fresh(base + "_dequantized");
  writer->Dequantize(stored, floats, params, DataType::kInt32, is_whole ? -1 : 0);
  return floats;
}

// The layer as planned, with the bias of the Add behind it or without.
Result<WeightedLayer> InspectWith(bool with_adder, const PlannedNode& planned,
                                  const Emitter& emitter) {
  QB_TRY(WeightedLayer layer, emitter.Inspect(planned));
  if (with_adder && layer.adder < 0) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("the plan gives layer \"{}\" a bias that the model does not add behind it",
                        Printable(planned.name)));
  }
  if (!with_adder) layer.ForgetAdder();
  return layer;
}

void EraseAttribute(std::string_view name, Node* node) {
  std::erase_if(node->attributes,
                [&](const Attribute& attribute) { return attribute.name == name; });
}

}  // namespace

QdqWriter::QdqWriter(Emitter* emitter) : emitter_(emitter), opset_(OnnxOpset(emitter->model())) {}

void QdqWriter::Write(std::string_view op_type, const std::string& from, const std::string& to,
                      const Names& params, DataType codes, std::vector<Attribute> attributes) {
  Names inputs = {from};
  inputs.insert(inputs.end(), params.begin(), params.end());
  Node node = MakeNode(op_type, "", std::move(inputs), {to}, std::move(attributes));
  const bool is_wide = codes == DataType::kUint16 || codes == DataType::kInt16;
  if (opset_ >= (is_wide ? kWideCodesOpset : kPerAxisOpset)) {
    emitter_->Add(std::move(node));
  } else {
    emitter_->AddContrib(std::move(node));
  }
}

void QdqWriter::Quantize(const std::string& from, const std::string& to, const Names& params,
                         DataType codes) {
  Write("QuantizeLinear", from, to, params, codes, {});
}

void QdqWriter::Dequantize(const std::string& from, const std::string& to, const Names& params,
                           DataType codes, std::int64_t axis) {
  std::vector<Attribute> attributes;
  if (axis >= 0) attributes.push_back(Attribute::Int("axis", axis));
  Write("DequantizeLinear", from, to, params, codes, std::move(attributes));
}

double SmallestBiasScale(double bias) {
  constexpr double kRoom = 1.0001;
  return kRoom * 2 * std::abs(bias) / (0x1p32 - 2);
}

Status QuantizeParameters(const PlannedNode& planned, const InputScale& input_scale,
                          bool with_adder, QdqWriter* writer, Node* node) {
  Emitter& emitter = writer->emitter();
  QB_TRY(const WeightedLayer layer, InspectWith(with_adder, planned, emitter));
  QB_TRY(std::vector<double> bias, BiasOf(layer));
  // A MatMul between codes has nowhere to put a bias.
  if (!node->Is("MatMul")) AddShift(emitter.BiasShift(planned), layer.weight_factor, &bias);
  QB_TRY(WeightParts parts, PartsOf(planned, layer, emitter));
  const std::vector<float> chosen = parts.scales;
  const bool widened = FitBias(bias, input_scale.value, &parts.scales);
  if (widened && parts.solved != nullptr) {
    parts.solved = OnWiderScales(*parts.solved, chosen, parts.scales);
  }
  QB_TRY(const Names weight,
         SharedWeight(planned, layer, parts, widened ? planned.name : std::string(), &emitter));
  QB_TRY(const Names floats, emitter.Once("dequantized " + weight[0], [&]() -> Result<Names> {
    std::string name = emitter.Fresh(layer.weight->name + "_dequantized");
    writer->Dequantize(weight[0], name, {weight[1], weight[2]}, DataType::kInt8, layer.axis());
    return Names{std::move(name)};
  }));
  node->inputs[1] = floats[0];
  EraseAttribute("alpha", node);
  EraseAttribute("beta", node);
  if (bias.empty()) return Ok();
  node->inputs.resize(3);
  node->inputs[2] = AddBias(layer, bias, input_scale, parts.scales, weight[1], writer);
  return Ok();
}

Status EmitFloatProduct(const PlannedNode& planned, const Names& activation, bool with_adder,
                        const std::string& output, QdqWriter* writer) {
  Emitter& emitter = writer->emitter();
  QB_TRY(const WeightedLayer layer, InspectWith(with_adder, planned, emitter));
  QB_TRY(const WeightParts parts, PartsOf(planned, layer, emitter));
  QB_TRY(const Names weight, SharedWeight(planned, layer, parts, "", &emitter));
  Names inputs = {activation[0], weight[0], activation[1], weight[1], activation[2], weight[2]};
  QB_TRY(const std::string bias,
         AddedBias(*planned.node, layer, emitter.BiasShift(planned), &emitter));
  if (!bias.empty()) inputs.push_back(bias);
  writer->emitter().AddContrib(
      MakeNode("MatMulIntegerToFloat", planned.name, std::move(inputs), {output}));
  return Ok();
}

}  // namespace quantbench
