#include "torch/quantize_layers.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include <torch/csrc/jit/ir/constants.h>

namespace quantbench {
namespace {

using torch::jit::Node;
using torch::jit::Value;

// A constant tensor, and what it is the same as.
struct ConstantTensor {
  at::Tensor tensor;
  const void* key = nullptr;
  std::string name;  // of the graph's value: "self.fc1.weight"
};

ConstantTensor ConstantOf(const Value* value) {
  ConstantTensor found;
  const auto constant = torch::jit::toIValue(value);
  if (!constant || !constant->isTensor()) return found;
  found.tensor = constant->toTensor();
  found.key = found.tensor.defined() ? found.tensor.unsafeGetTensorImpl() : nullptr;
  if (value->hasDebugName()) found.name = value->debugName();
  return found;
}

bool IsFloatMatrix(const at::Tensor& tensor) {
  return tensor.defined() && tensor.dim() == 2 && tensor.scalar_type() == at::kFloat;
}

std::int64_t IntOf(const Value* value, std::int64_t fallback) {
  const auto constant = torch::jit::toIValue(value);
  return constant && constant->isInt() ? constant->toInt() : fallback;
}

bool IsOne(const Value* value) {
  const auto constant = torch::jit::toIValue(value);
  if (!constant) return false;
  return (constant->isInt() && constant->toInt() == 1) ||
         (constant->isDouble() && constant->toDouble() == 1.0);
}

bool IsNone(const Value* value) {
  const auto constant = torch::jit::toIValue(value);
  return constant && constant->isNone();
}

bool Is(const Node* node, std::string_view name) {
  return name == node->kind().toQualString();
}

// Looks through a transposition of a constant matrix, which freezing may leave in the graph.
const Value* Untransposed(const Value* value, bool* transposed) {
  const Node* node = value->node();
  const bool t = Is(node, "aten::t");
  bool swaps = false;
  if (Is(node, "aten::transpose")) {
    const std::int64_t a = IntOf(node->input(1), 9);
    const std::int64_t b = IntOf(node->input(2), 9);
    swaps = (a == 0 || a == -2) && (b == 1 || b == -1);
    swaps = swaps || ((b == 0 || b == -2) && (a == 1 || a == -1));
  }
  if (!t && !swaps) return value;
  *transposed = !*transposed;
  return node->input(0);
}

// Of x @ value: the weights as [outputs, inputs].
bool TakeRightMatrix(const Value* value, TorchLayer* layer, std::string* name) {
  bool transposed = false;
  const ConstantTensor found = ConstantOf(Untransposed(value, &transposed));
  if (!IsFloatMatrix(found.tensor)) return false;
  layer->weight = transposed ? found.tensor : found.tensor.t();
  layer->weight_key = found.key;
  *name = found.name;
  return true;
}

bool TakeBias(const Value* value, TorchLayer* layer) {
  if (IsNone(value)) return true;
  const at::Tensor bias = ConstantOf(value).tensor;
  if (!bias.defined() || bias.dim() != 1 || bias.scalar_type() != at::kFloat) return false;
  if (bias.size(0) != layer->weight.size(0)) return false;
  layer->bias = bias;
  return true;
}

// Where nothing but an addition of a constant vector reads the product, that is the layer's bias.
void TakeAddedBias(TorchLayer* layer) {
  if (layer->output->uses().size() != 1) return;
  Node* add = layer->output->uses().front().user;
  if (!Is(add, "aten::add") && !Is(add, "aten::add_")) return;
  if (add->inputs().size() != 3 || !IsOne(add->input(2))) return;
  if (add->owningBlock() != layer->node->owningBlock()) return;
  const std::size_t other = add->input(0) == layer->output ? 1 : 0;
  if (IsNone(add->input(other)) || !TakeBias(add->input(other), layer)) return;
  layer->output = add->output();
}

void ReadLinear(TorchLayer* layer, std::string* name) {
  Node* node = layer->node;
  const ConstantTensor weight = ConstantOf(node->input(1));
  *name = weight.name;
  if (!weight.tensor.defined()) {
    layer->why_float = "its weights are computed while the model runs";
    return;
  }
  if (!IsFloatMatrix(weight.tensor)) {
    layer->why_float = std::string("its weights are ") + c10::toString(weight.tensor.scalar_type());
    return;
  }
  layer->kind = TorchKind::kLinear;
  layer->weight = weight.tensor;
  layer->weight_key = weight.key;
  if (!TakeBias(node->input(2), layer))
    layer->why_float = "its bias is computed while the model runs";
}

void ReadMatmul(TorchLayer* layer, std::string* name) {
  if (TakeRightMatrix(layer->node->input(1), layer, name)) {
    layer->kind = TorchKind::kLinear;
    TakeAddedBias(layer);
    return;
  }
  layer->why_float = "both of its operands are computed while the model runs";
  if (ConstantOf(layer->node->input(0)).tensor.defined())
    layer->why_float = "its constant is on the left";
  if (ConstantOf(layer->node->input(1)).tensor.defined())
    layer->why_float = "its constant is no float32 matrix";
}

void ReadAddmm(TorchLayer* layer, std::string* name) {
  const Node* node = layer->node;
  layer->input_place = 1;
  if (!TakeRightMatrix(node->input(2), layer, name)) {
    layer->why_float = "its weights are computed while the model runs";
    return;
  }
  layer->kind = TorchKind::kLinear;
  if (!IsOne(node->input(3)) || !IsOne(node->input(4)))
    layer->why_float = "its alpha or beta is not 1";
  if (!TakeBias(node->input(0), layer)) layer->why_float = "its bias is no constant vector";
}

bool ReadInts(const Value* value, std::vector<std::int64_t>* list) {
  const auto constant = torch::jit::toIValue(value);
  if (!constant || !constant->isIntList()) return false;
  *list = constant->toIntVector();
  return true;
}

// Padding in words, where it is the same on both sides.
bool ReadPaddingWord(const Value* value, TorchLayer* layer) {
  const auto constant = torch::jit::toIValue(value);
  if (!constant || !constant->isString()) return false;
  const bool same = constant->toStringRef() == "same";
  if (!same && constant->toStringRef() != "valid") return false;
  for (std::size_t i = 0; i < layer->dilation.size(); ++i) {
    const std::int64_t reach =
        layer->dilation[i] * (layer->weight.size(static_cast<std::int64_t>(i) + 2) - 1);
    if (same && reach % 2 != 0) return false;
    layer->padding.push_back(same ? reach / 2 : 0);
  }
  return true;
}

// conv1d and conv2d by their names, and what tracing writes for both.
void ReadConv(TorchLayer* layer, std::string* name) {
  const Node* node = layer->node;
  const ConstantTensor weight = ConstantOf(node->input(1));
  *name = weight.name;
  layer->weight = weight.tensor;
  layer->weight_key = weight.key;
  if (!weight.tensor.defined() || weight.tensor.scalar_type() != at::kFloat) {
    layer->why_float = "its weights are no float32 constant";
    return;
  }
  const bool general = Is(node, "aten::_convolution");
  const bool transposed = general && torch::jit::toIValue(node->input(6)) != c10::IValue(false);
  if (transposed || weight.tensor.dim() < 3 || weight.tensor.dim() > 4) {
    layer->why_float = transposed
                           ? "transposed convolutions have no integer form here"
                           : "only convolutions in one or two dimensions have an integer form here";
    return;
  }
  if (!ReadInts(node->input(3), &layer->stride) || !ReadInts(node->input(5), &layer->dilation) ||
      !TakeBias(node->input(2), layer)) {
    layer->why_float = "its strides or bias are no plain constants";
    return;
  }
  const auto dims = static_cast<std::size_t>(weight.tensor.dim() - 2);
  for (std::vector<std::int64_t>* list : {&layer->stride, &layer->dilation}) {
    if (list->size() == 1) list->resize(dims, list->front());
  }
  if (!ReadInts(node->input(4), &layer->padding) && !ReadPaddingWord(node->input(4), layer)) {
    layer->why_float = "its padding differs from side to side";
    return;
  }
  if (layer->padding.size() == 1) layer->padding.resize(dims, layer->padding.front());
  layer->groups = IntOf(node->input(general ? 8 : 6), 1);
  layer->kind = TorchKind::kConv;
}

std::vector<ConstantTensor> ConstantList(const Value* value) {
  std::vector<ConstantTensor> list;
  const auto constant = torch::jit::toIValue(value);
  if (constant && constant->isTensorList()) {
    for (const at::Tensor& tensor : constant->toTensorVector()) {
      list.push_back({tensor, tensor.unsafeGetTensorImpl(), value->debugName()});
    }
    return list;
  }
  if (value->node()->kind() != torch::jit::prim::ListConstruct) return list;
  for (const Value* element : value->node()->inputs()) list.push_back(ConstantOf(element));
  return list;
}

// What libtorch's quantized recurrent layers need: per layer and direction two matrices, two
// biases.
void ReadRecurrent(TorchLayer* layer, std::string* name) {
  Node* node = layer->node;
  layer->output = node->output(0);
  const bool packed =
      node->inputs().size() == 9 && node->input(3)->type()->kind() == c10::TypeKind::ListType;
  if (packed || node->inputs().size() != 9) {
    layer->why_float = "it reads packed sequences";
    return;
  }
  const std::vector<ConstantTensor> list = ConstantList(node->input(2));
  for (const ConstantTensor& entry : list) {
    if (!entry.tensor.defined() || entry.tensor.scalar_type() != at::kFloat) break;
    layer->cells.push_back(entry.tensor);
  }
  if (!list.empty()) *name = list.front().name;
  const auto flag = [&](std::size_t i) {
    return torch::jit::toIValue(node->input(i)) == c10::IValue(true);
  };
  const std::int64_t directions = flag(7) ? 2 : 1;
  const std::int64_t expected = IntOf(node->input(4), 0) * directions * (flag(3) ? 4 : 2);
  if (layer->cells.size() != list.size() || list.empty()) {
    layer->why_float = "its weights are no float32 constants";
  } else if (expected != static_cast<std::int64_t>(list.size())) {
    layer->why_float = "it projects its state, which libtorch's quantized form does not";
  } else {
    layer->kind = TorchKind::kRecurrent;
    layer->weight_key = layer->cells.front().unsafeGetTensorImpl();
  }
}

void ReadEmbedding(TorchLayer* layer, std::string* name) {
  const ConstantTensor table = ConstantOf(layer->node->input(0));
  *name = table.name;
  layer->weight = table.tensor;
  layer->why_float = "a table of embeddings: PyTorch's dynamic recipe leaves it float";
}

void ReadFused(TorchLayer* layer, std::string* name) {
  (void)name;
  layer->why_float =
      "PyTorch's fused operator has no integer form; a model made by torch.jit.trace has it not";
}

using Reader = void (*)(TorchLayer* layer, std::string* name);
struct ReaderEntry {
  std::string_view op;
  Reader read;
};
constexpr std::array<ReaderEntry, 18> kReaders = {{
    {"aten::linear", ReadLinear},
    {"aten::matmul", ReadMatmul},
    {"aten::mm", ReadMatmul},
    {"aten::bmm", ReadMatmul},
    {"aten::addmm", ReadAddmm},
    {"aten::conv1d", ReadConv},
    {"aten::conv2d", ReadConv},
    {"aten::conv3d", ReadConv},
    {"aten::_convolution", ReadConv},
    {"aten::lstm", ReadRecurrent},
    {"aten::gru", ReadRecurrent},
    {"aten::embedding", ReadEmbedding},
    {"aten::_transformer_encoder_layer_fwd", ReadFused},
    {"aten::_native_multi_head_attention", ReadFused},
    {"aten::rnn_tanh", ReadFused},
    {"aten::rnn_relu", ReadFused},
    {"aten::bilinear", ReadFused},
    {"aten::conv_transpose2d", ReadFused},
}};

// "__module.encoder/__module.encoder.fc1" names the module that a traced node came from.
std::string ScopeOf(Node& node) {
  std::string scope = node.scope() && !node.scope()->isBlank() ? node.scopeName() : "";
  scope = scope.substr(scope.rfind('/') + 1);
  constexpr std::string_view kPrefix = "__module.";
  return scope.rfind(kPrefix, 0) == 0 ? scope.substr(kPrefix.size()) : "";
}

// "encoder", of a node that stood in a method of a module's member; "" where it stood in the
// model's own.
std::string MemberOf(const Node& node) {
  if (!node.callstack()) return "";
  std::string path;
  for (const auto& call : (*node.callstack())->vec()) {
    const auto& instance = std::get<2>(call);
    if (!instance) continue;
    const std::string name = instance->instance_name();
    if (name.empty() || name == "SELF" || name == "INSTANCE_NAME_UNKNOWN") continue;
    path += (path.empty() ? "" : ".") + name;
  }
  return path;
}

// The weights' name says most ("encoder.0.self_attn.in_proj_weight"), but constants of equal
// content share one: the scope, where there is one, knows better whose layer this is.
std::string LayerName(Node& node, std::string weight) {
  if (weight.rfind("self.", 0) == 0) weight = weight.substr(5);
  if (const std::size_t at = weight.find("_fused_bn"); at != std::string::npos) weight.resize(at);
  const std::string scope = ScopeOf(node);
  const std::size_t dot = weight.rfind('.');
  const std::string owner = dot == std::string::npos ? "" : weight.substr(0, dot);
  const std::string last = dot == std::string::npos ? weight : weight.substr(dot + 1);
  const bool plain = last == "weight" || last == "_flat_weights" || last == "in_proj_weight";
  const bool numbered = !last.empty() && last.find_first_not_of("0123456789") == std::string::npos;
  if (!scope.empty() && (owner.empty() || owner.size() <= scope.size())) return scope;
  if (owner.empty() && (numbered || last.empty())) {
    const std::string member = numbered ? MemberOf(node) : "";
    return member.empty() ? std::string(node.kind().toUnqualString()) : member;
  }
  return plain || numbered ? (last == "in_proj_weight" ? owner + ".in_proj" : owner) : weight;
}

void Walk(torch::jit::Block* block, bool nested, std::vector<TorchLayer>* layers) {
  for (Node* node : block->nodes()) {
    for (torch::jit::Block* inner : node->blocks()) Walk(inner, true, layers);
    const auto* const found =
        std::find_if(kReaders.begin(), kReaders.end(),
                     [&](const ReaderEntry& entry) { return Is(node, entry.op); });
    if (found == kReaders.end() || node->outputs().empty()) continue;
    TorchLayer layer;
    layer.node = node;
    layer.op = node->kind().toQualString();
    layer.nested = nested;
    layer.output = node->output(0);
    std::string weight;
    found->read(&layer, &weight);
    layer.name = LayerName(*node, std::move(weight));
    layers->push_back(std::move(layer));
  }
}

}  // namespace

std::uint64_t TorchLayer::weight_bytes() const {
  std::uint64_t bytes = weight.defined() ? weight.nbytes() : 0;
  for (const at::Tensor& cell : cells) bytes += cell.nbytes();
  return bytes;
}

std::vector<TorchLayer> FindTorchLayers(torch::jit::Graph& graph) {
  std::vector<TorchLayer> layers;
  Walk(graph.block(), false, &layers);
  std::map<std::string, int> seen;
  for (TorchLayer& layer : layers) {
    const int count = ++seen[layer.name];
    if (count > 1) layer.name += "#" + std::to_string(count);
  }
  return layers;
}

}  // namespace quantbench
