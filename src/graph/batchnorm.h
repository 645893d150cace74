// BatchNormalization as what it is in inference: a factor and a shift for each channel.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/model.h"

namespace quantbench {

// y = factor x + shift, in double   [ONNX BatchNormalization-15].
struct ChannelAffine {
  std::vector<double> factor;
  std::vector<double> shift;
};

// Absent when the node is not a BatchNormalization in inference whose parameters are float32
// initializers of `channels` numbers, with a finite result.
[[nodiscard]] Result<std::optional<ChannelAffine>> AffineOf(const GraphIndex& index,
                                                            const Node& node,
                                                            std::int64_t channels);

// A float32 initializer of that length; null for others.
[[nodiscard]] const Initializer* FloatVector(const GraphIndex& index, std::string_view name,
                                             std::int64_t length);

// bias factor + shift; `bias` may be null: zeros.
[[nodiscard]] Result<Initializer> AffineBias(const Initializer* bias, const ChannelAffine& affine,
                                             std::string name);

}  // namespace quantbench
