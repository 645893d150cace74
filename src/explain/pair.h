// Pairs the layers of two graphs of the same function by how much they multiply.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace quantbench {

struct PairedLayer {
  std::vector<std::size_t> original;   // consecutive; empty: none
  std::vector<std::size_t> quantized;  // consecutive; empty: none; never several on both sides
};

struct LayerKey {
  std::int64_t macs = 0;
  std::string name;
};

// Layers in execution order. Paired are those of equal MACs, or one with as many as up to four
// neighbours together (joint projections); equal within a quarter: 3 channels may be padded to 4.
// Of all ways to pair without crossing, the one with most MACs paired, names that begin alike
// preferred [Needleman, Wunsch 1970]; what is left alone on both sides is paired across. More than
// 3000 layers are not paired at all. In the order of the quantized model; layers without a partner
// stand between.
[[nodiscard]] std::vector<PairedLayer> PairLayers(std::span<const LayerKey> original,
                                                  std::span<const LayerKey> quantized);

}  // namespace quantbench
