// Weighted layers: a convolution, product or table, and the initializers it is made of.
#pragma once

#include <string>
#include <vector>

#include "quantbench/graph.h"

#include "quantize/weights.h"

namespace quantbench {

// What quantizing such a layer is about.
struct WeightedLayer {
  const Initializer* weight = nullptr;
  Channels channels = Channels::kRows;  // where output channels lie
  bool transposed = false;              // Gemm with transB: [N, K]
  double weight_factor = 1;             // Gemm's alpha
  double bias_factor = 1;               // Gemm's beta
  const Initializer* bias = nullptr;    // one number an output, or one for all; null: none
  std::int64_t adder = -1;   // the Add behind that holds the bias; -1: the bias is an input
  std::int64_t outputs = 0;  // output channels, however many scales there are
  const Initializer* recurrent = nullptr;  // LSTM: R, beside the weight W
  bool per_channel = true;                 // else one scale for all
  std::string reason;                      // why it cannot become codes; empty when it can

  void ForgetAdder() {
    if (adder >= 0) bias = nullptr;
    adder = -1;
  }
  // How its scales lie.
  [[nodiscard]] Channels scales() const { return per_channel ? channels : Channels::kNone; }
  [[nodiscard]] std::int64_t axis() const {
    if (!per_channel) return -1;
    return channels == Channels::kRows ? 0 : 1;
  }
  [[nodiscard]] std::int64_t channel_count() const {
    if (!per_channel) return 1;
    return weight->dims[channels == Channels::kRows ? 0 : 1];
  }
  [[nodiscard]] std::vector<const Initializer*> weights() const;
};

[[nodiscard]] bool IsWeightedOperator(const Node& node);  // Conv, MatMul, Gemm, LSTM
// Gather of rows of a two-dimensional float table.
[[nodiscard]] bool IsEmbedding(const Node& node, const GraphIndex& index);

// Of an operator as above.
[[nodiscard]] WeightedLayer InspectLayer(const Node& node, const Graph& graph,
                                         const GraphIndex& index, const ElementTypes& types);

}  // namespace quantbench
