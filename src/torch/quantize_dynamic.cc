#include "torch/quantize_dynamic.h"

#include "torch/quantize_weights.h"

namespace quantbench {
namespace {

// Inputs get codes of 7 bits: with 8, sums of products saturate on processors without VNNI. What
// PyTorch's own modules ask for; qnnpack ignores it.
constexpr bool kReduceRange = true;

void Replace(torch::jit::Value* old, torch::jit::Value* with) {
  with->setType(old->type());
  old->replaceAllUsesWith(with);
}

std::string MakeDynamicLinear(const TorchLayer& layer, bool per_channel, TorchRewriter* rewriter) {
  const std::pair<const void*, const void*> key(
      layer.weight_key, layer.bias.defined() ? layer.bias.unsafeGetTensorImpl() : nullptr);
  torch::jit::Value* packed = rewriter->Find(key);
  if (packed == nullptr) {
    packed = rewriter->Attribute(
        key, PackLinear(QuantizeTorchWeight(layer.weight, per_channel), layer.bias));
  }
  const torch::jit::WithInsertPoint here(layer.output->node());
  Replace(layer.output,
          rewriter->Insert("quantized::linear_dynamic", {layer.input(), packed, kReduceRange}));
  return "quantized::linear_dynamic";
}

// One cell of a layer and direction: both matrices packed with their biases, as PyTorch's own
// modules do.
c10::IValue PackCell(at::ArrayRef<at::Tensor> cell, bool per_channel) {
  const at::Tensor zeros = at::zeros({cell[0].size(0)});
  const at::Tensor bias_ih = cell.size() == 4 ? cell[2] : zeros;
  const at::Tensor bias_hh = cell.size() == 4 ? cell[3] : zeros;
  const c10::IValue ih = PackLinear(QuantizeTorchWeight(cell[0], per_channel), bias_ih);
  const c10::IValue hh = PackLinear(QuantizeTorchWeight(cell[1], per_channel), bias_hh);
  return CallOperator("quantized::make_quantized_cell_params_dynamic",
                      {ih, hh, bias_ih, bias_hh, kReduceRange});
}

std::string MakeDynamicRecurrent(const TorchLayer& layer, bool per_channel,
                                 TorchRewriter* rewriter) {
  torch::jit::Node* node = layer.node;
  const bool biases = torch::jit::toIValue(node->input(3)) == c10::IValue(true);
  const std::size_t step = biases ? 4 : 2;
  std::vector<torch::jit::Value*> cells;
  for (std::size_t i = 0; i < layer.cells.size(); i += step) {
    const std::pair<const void*, const void*> key(layer.cells[i].unsafeGetTensorImpl(),
                                                  layer.cells[i + 1].unsafeGetTensorImpl());
    torch::jit::Value* cell = rewriter->Find(key);
    if (cell == nullptr) {
      cell =
          rewriter->Attribute(key, PackCell(at::ArrayRef(layer.cells).slice(i, step), per_channel));
    }
    cells.push_back(cell);
  }
  const bool lstm = layer.op == "aten::lstm";
  const torch::jit::WithInsertPoint here(node);
  torch::jit::Graph& graph = *rewriter->graph();
  torch::jit::Value* list =
      graph.insertNode(graph.createList(cells.front()->type(), cells))->output();
  std::vector<torch::jit::NamedValue> arguments = {node->input(0), node->input(1), list, true};
  for (std::size_t i = 4; i < 9; ++i) arguments.emplace_back(node->input(i));
  const char* op = lstm ? "aten::quantized_lstm" : "aten::quantized_gru";
  // use_dynamic must be said: without it the legacy form is taken. The type of results is float's.
  std::vector<torch::jit::NamedValue> named;
  if (lstm) {
    named.emplace_back("dtype", graph.insertConstant(static_cast<std::int64_t>(at::kQInt8)));
    named.emplace_back("use_dynamic", graph.insertConstant(true));
  }
  torch::jit::Node* made = rewriter->Insert(op, arguments, named)->node();
  // Several results arrive as one tuple that is unpacked at once.
  if (made->outputs().size() == 1) {
    made = graph.insertNode(graph.createTupleUnpack(made->output()));
  }
  for (std::size_t i = 0; i < node->outputs().size(); ++i) {
    Replace(node->output(i), made->output(i));
  }
  return op;
}

}  // namespace

std::string WhyNotDynamic(const TorchLayer& layer) {
  if (!layer.why_float.empty()) return layer.why_float;
  if (layer.kind == TorchKind::kConv) {
    return "convolutions have no dynamic form in PyTorch; static-int8 quantizes them";
  }
  return "";
}

std::string MakeDynamic(const TorchLayer& layer, bool per_channel, TorchRewriter* rewriter) {
  if (layer.kind == TorchKind::kRecurrent)
    return MakeDynamicRecurrent(layer, per_channel, rewriter);
  return MakeDynamicLinear(layer, per_channel, rewriter);
}

}  // namespace quantbench
