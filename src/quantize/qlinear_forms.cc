// The operators on codes, one function a family.
#include "quantize/qlinear_forms.h"

#include <algorithm>
#include <array>
#include <cfloat>
#include <cmath>

namespace quantbench {
namespace {

using Names = std::vector<std::string>;
using Form = std::optional<Node> (*)(const QdqView&, const Node&);

bool IsByte(const CodedTensor& tensor) {
  return tensor.type == DataType::kUint8 || tensor.type == DataType::kInt8;
}

// An activation that the kernels take: 8 bits, one scale, a zero point.
std::optional<CodedTensor> Activation(const QdqView& view, const std::string& tensor) {
  std::optional<CodedTensor> coded = view.Dequantized(tensor);
  if (!coded || !IsByte(*coded) || !coded->IsWhole() || coded->zero_point.empty()) {
    return std::nullopt;
  }
  return coded;
}

// An output with codes of the same type as the input's.
std::optional<CodedTensor> Output(const QdqView& view, const Node& node, DataType type) {
  if (node.outputs.size() != 1) return std::nullopt;
  std::optional<CodedTensor> coded = view.Quantized(node.outputs[0]);
  if (!coded || coded->type != type || !coded->IsWhole()) return std::nullopt;
  return coded;
}

// A weight with one scale, or one a channel along `axis` (-1: the last).
std::optional<CodedTensor> Weight(const QdqView& view, const std::string& tensor,
                                  std::int64_t axis) {
  std::optional<CodedTensor> coded = view.Dequantized(tensor);
  if (!coded || !IsByte(*coded) || coded->zero_point.empty()) return std::nullopt;
  if (coded->IsWhole()) return coded;
  const Initializer* codes = view.index().FindInitializer(coded->codes);
  if (codes == nullptr) return std::nullopt;
  const auto rank = static_cast<std::int64_t>(codes->dims.size());
  const auto count = [&](std::int64_t number) { return number < 0 ? number + rank : number; };
  return count(coded->axis) == count(axis) ? coded : std::nullopt;
}

// The codes of a bias whose scale is s_x s_w, as the kernels take for granted. Null: not so.
const std::string* BiasCodes(const CodedTensor& bias, const CodedTensor& input,
                             const CodedTensor& weight) {
  constexpr double kTolerance = 4 * FLT_EPSILON;
  if (bias.type != DataType::kInt32 || bias.scales.size() != weight.scales.size()) return nullptr;
  for (std::size_t c = 0; c < bias.scales.size(); ++c) {
    const double expected = double{input.scales[0]} * weight.scales[c];
    if (!(std::abs(bias.scales[c] - expected) <= kTolerance * expected)) return nullptr;
  }
  const auto is_zero = [](std::int64_t zero) { return zero == 0; };
  return std::all_of(bias.zero_points.begin(), bias.zero_points.end(), is_zero) ? &bias.codes
                                                                                : nullptr;
}

void Append(const CodedTensor& tensor, Names* inputs) {
  inputs->insert(inputs->end(), {tensor.codes, tensor.scale, tensor.zero_point});
}

void AppendGrid(const CodedTensor& tensor, Names* inputs) {
  inputs->insert(inputs->end(), {tensor.scale, tensor.zero_point});
}

Node Contrib(std::string_view op_type, const Node& node, Names inputs, const CodedTensor& output,
             std::vector<Attribute> attributes = {}) {
  return MakeNode(op_type, node.name, std::move(inputs), {output.codes}, std::move(attributes),
                  kContribDomain);
}

bool HasBias(const Node& node) {
  return node.inputs.size() > 2 && !node.inputs[2].empty();
}

// x, w, y and bias of a layer with weights; `bias` empty where it has none.
struct CodeProduct {
  CodedTensor input;
  CodedTensor weight;
  std::string bias;
};

std::optional<CodeProduct> ProductOf(const QdqView& view, const Node& node, std::int64_t axis) {
  if (node.inputs.size() < 2) return std::nullopt;
  const auto input = Activation(view, node.inputs[0]);
  const auto weight = Weight(view, node.inputs[1], axis);
  if (!input || !weight) return std::nullopt;
  CodeProduct product{*input, *weight, ""};
  if (!HasBias(node)) return product;
  const auto bias = view.Dequantized(node.inputs[2]);
  const std::string* codes = bias ? BiasCodes(*bias, *input, *weight) : nullptr;
  if (codes == nullptr) return std::nullopt;
  product.bias = *codes;
  return product;
}

std::optional<Node> Conv(const QdqView& view, const Node& node) {
  const auto product = ProductOf(view, node, 0);
  if (!product) return std::nullopt;
  const auto output = Output(view, node, product->input.type);
  if (!output) return std::nullopt;
  Names inputs;
  Append(product->input, &inputs);
  Append(product->weight, &inputs);
  AppendGrid(*output, &inputs);
  if (!product->bias.empty()) inputs.push_back(product->bias);
  return MakeNode("QLinearConv", node.name, std::move(inputs), {output->codes}, node.attributes);
}

std::optional<Node> MatMul(const QdqView& view, const Node& node) {
  const auto product = ProductOf(view, node, -1);
  if (!product) return std::nullopt;
  const auto output = Output(view, node, product->input.type);
  if (!output) return std::nullopt;
  Names inputs;
  Append(product->input, &inputs);
  Append(product->weight, &inputs);
  AppendGrid(*output, &inputs);
  return MakeNode("QLinearMatMul", node.name, std::move(inputs), {output->codes});
}

// The one product that may leave as float.
std::optional<Node> Gemm(const QdqView& view, const Node& node) {
  const std::int64_t transposed = node.IntAttribute("transB", 0);
  const auto product = ProductOf(view, node, transposed != 0 ? 0 : 1);
  if (!product || node.FloatAttribute("alpha", 1) != 1) return std::nullopt;
  if (HasBias(node) && node.FloatAttribute("beta", 1) != 1) return std::nullopt;
  Names inputs;
  Append(product->input, &inputs);
  Append(product->weight, &inputs);
  inputs.push_back(product->bias);
  Names outputs = node.outputs;
  if (const auto output = Output(view, node, product->input.type)) {
    AppendGrid(*output, &inputs);
    outputs = {output->codes};
  } else if (inputs.back().empty()) {
    inputs.pop_back();
  }
  return MakeNode("QGemm", node.name, std::move(inputs), std::move(outputs),
                  {Attribute::Int("transA", node.IntAttribute("transA", 0)),
                   Attribute::Int("transB", transposed)},
                  kContribDomain);
}

std::optional<Node> Binary(const QdqView& view, const Node& node) {
  if (node.inputs.size() != 2) return std::nullopt;
  Names inputs;
  DataType type = DataType::kUndefined;
  for (const std::string& name : node.inputs) {
    const auto input = Activation(view, name);
    if (!input || (type != DataType::kUndefined && input->type != type)) return std::nullopt;
    type = input->type;
    Append(*input, &inputs);
  }
  const auto output = Output(view, node, type);
  if (!output) return std::nullopt;
  AppendGrid(*output, &inputs);
  return Contrib("QLinear" + node.op_type, node, std::move(inputs), *output);
}

std::optional<Node> Concat(const QdqView& view, const Node& node) {
  if (node.inputs.empty()) return std::nullopt;
  const auto first = Activation(view, node.inputs[0]);
  const auto output = first ? Output(view, node, first->type) : std::nullopt;
  if (!output) return std::nullopt;
  Names inputs;
  AppendGrid(*output, &inputs);
  for (const std::string& name : node.inputs) {
    const auto input = Activation(view, name);
    if (!input || input->type != first->type) return std::nullopt;
    Append(*input, &inputs);
  }
  return Contrib("QLinearConcat", node, std::move(inputs), *output, node.attributes);
}

// QLinearWhere: condition, x, y with their grids, then z's.
std::optional<Node> Where(const QdqView& view, const Node& node) {
  if (node.inputs.size() != 3) return std::nullopt;
  const auto x = Activation(view, node.inputs[1]);
  const auto y = Activation(view, node.inputs[2]);
  if (!x || !y || x->type != y->type) return std::nullopt;
  const auto output = Output(view, node, x->type);
  if (!output) return std::nullopt;
  Names inputs = {node.inputs[0]};
  Append(*x, &inputs);
  Append(*y, &inputs);
  AppendGrid(*output, &inputs);
  return Contrib("QLinearWhere", node, std::move(inputs), *output);
}

// One activation to one: x, its grid, y's grid.
std::optional<Node> Unary(const QdqView& view, const Node& node,
                          std::vector<Attribute> attributes) {
  if (node.inputs.size() != 1) return std::nullopt;
  const auto input = Activation(view, node.inputs[0]);
  const auto output = input ? Output(view, node, input->type) : std::nullopt;
  if (!output) return std::nullopt;
  Names inputs;
  Append(*input, &inputs);
  AppendGrid(*output, &inputs);
  return Contrib("QLinear" + node.op_type, node, std::move(inputs), *output, std::move(attributes));
}

std::optional<Node> Plain(const QdqView& view, const Node& node) {
  return Unary(view, node, node.attributes);
}

// The engine's QLinearAveragePool has no dilations.
std::optional<Node> AveragePool(const QdqView& view, const Node& node) {
  std::vector<Attribute> attributes;
  for (const Attribute& attribute : node.attributes) {
    if (attribute.name != "dilations") {
      attributes.push_back(attribute);
    } else if (std::any_of(attribute.ints.begin(), attribute.ints.end(),
                           [](std::int64_t step) { return step != 1; })) {
      return std::nullopt;
    }
  }
  return Unary(view, node, std::move(attributes));
}

// Before opset 13 Softmax flattens the axes from `axis` on; the operator on codes is told the
// opset.
std::optional<Node> Softmax(const QdqView& view, const Node& node) {
  const std::int64_t axis = node.IntAttribute("axis", view.opset() < kPerAxisOpset ? 1 : -1);
  return Unary(view, node, {Attribute::Int("axis", axis), Attribute::Int("opset", view.opset())});
}

// What only moves numbers works on codes as it is. Parameters behind the first input stay.
std::optional<Node> Mover(const QdqView& view, const Node& node) {
  if (node.inputs.empty()) return std::nullopt;
  const auto input = Activation(view, node.inputs[0]);
  if (!input) return std::nullopt;
  Node moved = node;
  moved.origin = {};
  moved.inputs[0] = input->codes;
  for (std::string& output : moved.outputs) {
    if (output.empty()) continue;
    const auto coded = view.Quantized(output);
    if (!coded || !coded->SameGrid(*input)) return std::nullopt;
    output = coded->codes;
  }
  return moved;
}

// Operators that compare: the engine's are on bytes only from opset 12 on, and write one output.
std::optional<Node> Comparer(const QdqView& view, const Node& node) {
  return view.opset() >= kBytesOpset && node.outputs.size() == 1 ? Mover(view, node) : std::nullopt;
}

// Other modes compute between numbers, and round.
std::optional<Node> Resize(const QdqView& view, const Node& node) {
  const Attribute* mode = node.FindAttribute("mode");
  return mode == nullptr || mode->s == "nearest" ? Mover(view, node) : std::nullopt;
}

struct NamedForm {
  std::string_view op_type;
  Form form;
};

constexpr std::array kForms = {
    NamedForm{"Conv", Conv},
    NamedForm{"MatMul", MatMul},
    NamedForm{"Gemm", Gemm},
    NamedForm{"Add", Binary},
    NamedForm{"Mul", Binary},
    NamedForm{"Concat", Concat},
    NamedForm{"Where", Where},
    NamedForm{"AveragePool", AveragePool},
    NamedForm{"GlobalAveragePool", Plain},
    NamedForm{"LeakyRelu", Plain},
    NamedForm{"Sigmoid", Plain},
    NamedForm{"Softmax", Softmax},
    NamedForm{"Expand", Mover},
    NamedForm{"Flatten", Mover},
    NamedForm{"Gather", Mover},
    NamedForm{"GatherElements", Mover},
    NamedForm{"Reshape", Mover},
    NamedForm{"Slice", Mover},
    NamedForm{"Split", Mover},
    NamedForm{"Squeeze", Mover},
    NamedForm{"Tile", Mover},
    NamedForm{"Transpose", Mover},
    NamedForm{"Unsqueeze", Mover},
    NamedForm{"MaxPool", Comparer},
    NamedForm{"ReduceMax", Comparer},
    NamedForm{"ReduceMin", Comparer},
    NamedForm{"Resize", Resize},
};

}  // namespace

std::optional<Node> QLinearForm(const QdqView& view, const Node& node) {
  if (!node.domain.empty() && node.domain != "ai.onnx") return std::nullopt;
  for (const NamedForm& named : kForms) {
    if (named.op_type == node.op_type) return named.form(view, node);
  }
  return std::nullopt;
}

}  // namespace quantbench
