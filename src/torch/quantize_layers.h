// Which nodes of a frozen TorchScript graph read constant weights: the layers that can be
// quantized.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

namespace quantbench {

enum class TorchKind : std::uint8_t {
  kLinear,     // x W^T + b
  kConv,       // in one or two dimensions, not transposed
  kRecurrent,  // aten::lstm, aten::gru
  kOther       // has weights or multiplies matrices, but libtorch has no integer form of it
};

struct TorchLayer {
  std::string name;  // of the module that held its weights, "encoder.fc1"; unique
  std::string op;    // "aten::linear"
  TorchKind kind = TorchKind::kOther;
  std::string why_float;  // not empty: must stay float
  torch::jit::Node* node = nullptr;
  std::size_t input_place = 0;          // among the node's inputs
  torch::jit::Value* output = nullptr;  // the layer's result, an addition of its bias included
  at::Tensor weight;  // linear: [outputs, inputs]; conv: [outputs, inputs / groups, ...]
  at::Tensor bias;    // may be undefined
  const void* weight_key = nullptr;  // the same for layers that share their weights
  std::vector<at::Tensor> cells;     // recurrent: as aten::lstm takes them
  std::vector<std::int64_t> stride;  // conv: as prepacking takes them
  std::vector<std::int64_t> padding;
  std::vector<std::int64_t> dilation;
  std::int64_t groups = 1;
  bool nested = false;  // stands in a branch or a loop

  // What it reads now: rewriting earlier layers changes it.
  [[nodiscard]] torch::jit::Value* input() const { return node->input(input_place); }
  [[nodiscard]] std::uint64_t weight_bytes() const;
};

// In graph order, branches and loops included.
[[nodiscard]] std::vector<TorchLayer> FindTorchLayers(torch::jit::Graph& graph);

}  // namespace quantbench
