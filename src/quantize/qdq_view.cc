// Reading QuantizeLinear and DequantizeLinear with their parameters.
#include "quantize/qdq_view.h"

namespace quantbench {
namespace {

// The numbers of a small initializer; none for one that cannot be read.
std::optional<std::vector<double>> Numbers(const Initializer& initializer) {
  const Result<Tensor> tensor = ReadTensor(initializer);
  if (!tensor.ok()) return std::nullopt;
  Result<std::vector<double>> numbers = ToDoubles(tensor.value());
  if (!numbers.ok() || numbers.value().empty()) return std::nullopt;
  return std::move(numbers).value();
}

}  // namespace

bool IsQuantizer(const Node& node, std::string_view op_type) {
  return node.op_type == op_type &&
         (node.domain.empty() || node.domain == "ai.onnx" || node.domain == kContribDomain);
}

bool CodedTensor::SameGrid(const CodedTensor& other) const {
  return type == other.type && scales == other.scales && zero_points == other.zero_points;
}

QdqView::QdqView(const Model& model)
    : graph_(&model.graph), index_(model.graph), opset_(OnnxOpset(model)) {}

std::optional<CodedTensor> QdqView::ParametersOf(const Node& quantizer) const {
  if (quantizer.inputs.size() < 2 || quantizer.outputs.size() != 1) return std::nullopt;
  if (quantizer.IntAttribute("block_size", 0) != 0) return std::nullopt;
  const Initializer* scale = index_.FindInitializer(quantizer.inputs[1]);
  if (scale == nullptr || scale->type != DataType::kFloat32 || scale->dims.size() > 1) {
    return std::nullopt;
  }
  const auto scales = Numbers(*scale);
  if (!scales) return std::nullopt;
  CodedTensor coded;
  coded.scale = quantizer.inputs[1];
  coded.scales.assign(scales->begin(), scales->end());
  coded.axis = quantizer.IntAttribute("axis", 1);
  if (quantizer.inputs.size() < 3 || quantizer.inputs[2].empty()) return coded;
  const Initializer* zero = index_.FindInitializer(quantizer.inputs[2]);
  if (zero == nullptr || !IsInteger(zero->type)) return std::nullopt;
  const auto zeros = Numbers(*zero);
  if (!zeros || zeros->size() != scales->size()) return std::nullopt;
  coded.zero_point = quantizer.inputs[2];
  coded.type = zero->type;
  for (const double value : *zeros) coded.zero_points.push_back(static_cast<std::int64_t>(value));
  return coded;
}

std::optional<CodedTensor> QdqView::Dequantized(const std::string& tensor) const {
  const Node* node = index_.Producer(tensor);
  if (node == nullptr || !IsQuantizer(*node, "DequantizeLinear")) return std::nullopt;
  std::optional<CodedTensor> coded = ParametersOf(*node);
  if (!coded) return std::nullopt;
  coded->codes = node->inputs[0];
  if (coded->zero_point.empty()) {
    const Initializer* codes = index_.FindInitializer(coded->codes);
    if (codes == nullptr) return std::nullopt;
    coded->type = codes->type;
  }
  return coded;
}

std::int64_t QdqView::QuantizerOf(const std::string& tensor) const {
  const auto readers = index_.Consumers(tensor);
  if (readers.size() != 1 || index_.IsGraphOutput(tensor)) return -1;
  const Node& node = graph_->nodes[static_cast<std::size_t>(readers[0])];
  const bool reads_it = !node.inputs.empty() && node.inputs[0] == tensor;
  return reads_it && IsQuantizer(node, "QuantizeLinear") ? readers[0] : -1;
}

std::optional<CodedTensor> QdqView::Quantized(const std::string& tensor) const {
  const std::int64_t quantizer = QuantizerOf(tensor);
  if (quantizer < 0) return std::nullopt;
  const Node& node = graph_->nodes[static_cast<std::size_t>(quantizer)];
  std::optional<CodedTensor> coded = ParametersOf(node);
  if (!coded || coded->zero_point.empty()) return std::nullopt;
  coded->codes = node.outputs[0];
  return coded;
}

}  // namespace quantbench
