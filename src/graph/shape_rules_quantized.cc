// Shape rules of operators of codes, and of those that ONNX Runtime contributes
// [ONNX Operators.md; ONNX Runtime ContribOperators.md].
#include <algorithm>
#include <array>

#include "graph/shape_rules.h"

namespace quantbench {
namespace {

void FirstShape(RuleContext* context) {
  context->SetShape(context->Input(0).shape);
}

// `kRule` on inputs that stand elsewhere.
template <void (*kRule)(RuleContext*), std::size_t... kPlaces>
void At(RuleContext* context) {
  context->places = {kPlaces...};
  kRule(context);
}

// Channels last: as if the data were [N, C, spatial ...].
template <void (*kRule)(RuleContext*)>
void ChannelsLast(RuleContext* context) {
  if (!context->Input(0).shape || context->Input(0).shape->size() < 3) return;
  KnownTensor turned = context->Input(0);
  std::rotate(turned.shape->begin() + 1, turned.shape->end() - 1, turned.shape->end());
  context->inputs[context->PlaceOf(0)] = &turned;
  kRule(context);
  for (KnownTensor& output : context->outputs) {
    if (!output.shape || output.shape->size() < 3) continue;
    std::rotate(output.shape->begin() + 1, output.shape->begin() + 2, output.shape->end());
  }
}

template <void (*kRule)(RuleContext*)>
void LastIfAsked(RuleContext* context) {
  if (context->node.IntAttribute("channels_last", 0) != 0) return ChannelsLast<kRule>(context);
  kRule(context);
}

void QLinearConv(RuleContext* context) {
  context->places = {0, 3};
  LastIfAsked<ConvRule>(context);
}

// Binary operators of codes: a, scale, zero point, b, scale, zero point.
void QLinearBinary(RuleContext* context) {
  const std::optional<Exprs>& a = context->Input(0).shape;
  const std::optional<Exprs>& b = context->Input(3).shape;
  if (a && b) context->SetShape(BroadcastShapes(&context->algebra, *a, *b));
}

// Codes, one scale, one zero point.
void DynamicQuantizeLinear(RuleContext* context) {
  FirstShape(context);
  context->SetShape(Exprs(), 1);
  context->SetShape(Exprs(), 2);
}

// Output scale and zero point, then a triple an input.
void QLinearConcat(RuleContext* context) {
  std::optional<Exprs> shape = context->Input(2).shape;
  if (!shape) return;
  const auto axis = context->AxisAttribute(0, shape->size());
  if (!axis) return;
  for (std::size_t i = 5; i < context->node.inputs.size(); i += 3) {
    const std::optional<Exprs>& other = context->Input(i).shape;
    if (!other || other->size() != shape->size()) return;
    (*shape)[*axis] = context->algebra.Sum((*shape)[*axis], (*other)[*axis]);
  }
  context->SetShape(std::move(shape));
}

// A [..., M, K] by weights of N columns, as the attribute says.
void MatMulOfBlocks(RuleContext* context) {
  std::optional<Exprs> shape = context->Input(0).shape;
  const std::int64_t columns = context->node.IntAttribute("N", 0);
  if (!shape || shape->empty() || columns < 1) return;
  shape->back() = columns;
  context->SetShape(std::move(shape));
}

// Both operands may be transposed in their last two dimensions.
void FusedMatMul(RuleContext* context) {
  std::array<KnownTensor, 2> turned;
  for (std::size_t i = 0; i < 2; ++i) {
    turned[i] = context->Input(i);
    const bool turns = context->node.IntAttribute(i == 0 ? "transA" : "transB", 0) != 0;
    if (!turned[i].shape || !context->Has(i)) return;
    if (turns && turned[i].shape->size() >= 2) {
      std::swap(turned[i].shape->end()[-1], turned[i].shape->end()[-2]);
    }
    context->inputs[context->PlaceOf(i)] = &turned[i];
  }
  const bool batches = context->node.IntAttribute("transBatchA", 0) != 0 ||
                       context->node.IntAttribute("transBatchB", 0) != 0;
  if (!batches) MatMulRule(context);
}

// [batch, sequence, hidden] by weights [hidden, q + k + v]; the output is as wide as v.
void Attention(RuleContext* context) {
  const std::optional<Exprs>& x = context->Input(0).shape;
  const std::optional<Exprs>& weights = context->Input(1).shape;
  if (!x || x->size() != 3 || !weights || weights->size() != 2) return;
  Exprs dims = *x;
  dims[2] = context->algebra.Quotient((*weights)[1], 3);
  if (const Attribute* sizes = context->node.FindAttribute("qkv_hidden_sizes")) {
    if (sizes->ints.size() == 3 && sizes->ints[2] > 0) dims[2] = sizes->ints[2];
  }
  context->SetShape(std::move(dims));
}

// Query [batch, sequence, hidden], keys, values [batch, length, hidden of the values].
void MultiHeadAttention(RuleContext* context) {
  const std::optional<Exprs>& query = context->Input(0).shape;
  const std::optional<Exprs>& value = context->Input(2).shape;
  if (!query || query->size() != 3) return;
  Exprs dims = *query;
  if (value && value->size() == 3) dims[2] = (*value)[2];
  context->SetShape(std::move(dims));
}

// Its recurrence weights [directions, hidden, 4 hidden] lie turned.
void DynamicQuantizeLstm(RuleContext* context) {
  KnownTensor turned = context->Input(2);
  if (!turned.shape || turned.shape->size() != 3) return;
  std::swap((*turned.shape)[1], (*turned.shape)[2]);
  context->inputs[context->PlaceOf(2)] = &turned;
  RecurrentRule(context);
}

// Rows of a table of codes; 4-bit ones lie in pairs in bytes.
void GatherBlockQuantized(RuleContext* context) {
  const std::optional<Exprs>& table = context->Input(0).shape;
  const std::optional<Exprs>& indices = context->Input(1).shape;
  if (!table || !indices || table->empty()) return;
  const auto axis = context->Axis(context->node.IntAttribute("gather_axis", 0), table->size());
  if (!axis) return;
  Exprs dims(table->begin(), table->begin() + static_cast<std::ptrdiff_t>(*axis));
  dims.insert(dims.end(), indices->begin(), indices->end());
  dims.insert(dims.end(), table->begin() + static_cast<std::ptrdiff_t>(*axis) + 1, table->end());
  if (!dims.empty() && context->Input(0).type == DataType::kUint8) {
    const std::int64_t bits = context->node.IntAttribute("bits", 4);
    if (bits > 0 && bits <= 8) {
      dims.back() = context->algebra.Product(dims.back(), 8 / bits);
    }
  }
  context->SetShape(std::move(dims));
}

constexpr auto kQuantizedRules = std::to_array<ShapeRuleEntry>({
    {"ConvInteger", ConvRule},
    {"QLinearConv", QLinearConv},
    {"MatMulInteger", MatMulRule},
    {"QLinearMatMul", At<MatMulRule, 0, 3>},
    {"DynamicQuantizeLinear", DynamicQuantizeLinear},
});

constexpr auto kContributedShapeRules = std::to_array<ShapeRuleEntry>({
    {"Attention", Attention},
    {"BiasGelu", FirstShape},
    {"DequantizeLinear", FirstShape},
    {"DynamicQuantizeLSTM", DynamicQuantizeLstm},
    {"DynamicQuantizeMatMul", MatMulRule},
    {"FastGelu", FirstShape},
    {"FusedConv", ConvRule},
    {"FusedGemm", GemmRule},
    {"FusedMatMul", FusedMatMul},
    {"GatherBlockQuantized", GatherBlockQuantized},
    {"Gelu", FirstShape},
    {"GroupQueryAttention", FirstShape},
    {"MatMulIntegerToFloat", MatMulRule},
    {"MatMulNBits", MatMulOfBlocks},
    {"MultiHeadAttention", MultiHeadAttention},
    {"NhwcFusedConv", ChannelsLast<ConvRule>},
    {"NhwcMaxPool", ChannelsLast<PoolRule>},
    {"QAttention", Attention},
    {"QGemm", At<GemmRule, 0, 3>},
    {"QLinearAdd", QLinearBinary},
    {"QLinearAveragePool", LastIfAsked<PoolRule>},
    {"QLinearConcat", QLinearConcat},
    {"QLinearConv", QLinearConv},
    {"QLinearGlobalAveragePool", LastIfAsked<GlobalPoolRule>},
    {"QLinearLeakyRelu", FirstShape},
    {"QLinearMul", QLinearBinary},
    {"QLinearSigmoid", FirstShape},
    {"QLinearSoftmax", FirstShape},
    {"QuantizeLinear", FirstShape},
    {"QuickGelu", FirstShape},
    {"RotaryEmbedding", FirstShape},
    {"SkipLayerNormalization", FirstShape},
    {"SkipSimplifiedLayerNormalization", FirstShape},
});

// Channels come back from blocks: as many as the attribute says.
void ReorderOutput(RuleContext* context) {
  std::optional<Exprs> shape = context->Input(0).shape;
  const std::int64_t channels = context->node.IntAttribute("channels", 0);
  if (!shape || shape->size() < 2 || channels < 1) return;
  (*shape)[1] = channels;
  if (context->node.IntAttribute("channels_last", 0) != 0) {
    std::rotate(shape->begin() + 1, shape->begin() + 2, shape->end());
  }
  context->SetShape(std::move(shape));
}

// ONNX Runtime's operators on channels in blocks, in graphs that it optimized.
constexpr auto kBlockedShapeRules = std::to_array<ShapeRuleEntry>({
    {"AveragePool", PoolRule},
    {"Conv", ConvRule},
    {"GlobalAveragePool", GlobalPoolRule},
    {"GlobalMaxPool", GlobalPoolRule},
    {"MaxPool", PoolRule},
    {"ReorderInput", LastIfAsked<FirstShape>},
    {"ReorderOutput", ReorderOutput},
});

}  // namespace

std::span<const ShapeRuleEntry> BlockedRules() {
  return kBlockedShapeRules;
}

std::span<const ShapeRuleEntry> QuantizedRules() {
  return kQuantizedRules;
}

std::span<const ShapeRuleEntry> ContributedRules() {
  return kContributedShapeRules;
}

}  // namespace quantbench
