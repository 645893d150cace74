// Packed nibbles.
#include "quantize/packed_nibbles.h"

#include "quantize/kernels.h"

namespace quantbench {
namespace {

Result<Tensor> Packed(const TensorMaker& codes) {
  QB_TRY(const Tensor wide, codes());
  std::vector<std::uint8_t> nibbles;
  nibbles.reserve(wide.bytes.size());
  for (const std::int8_t code : wide.As<std::int8_t>()) {
    nibbles.push_back(static_cast<std::uint8_t>(code & 0x0F));
  }
  std::vector<std::uint8_t> bytes(nibbles.size() / 2);
  kernels::PackNibbles(nibbles, bytes);
  return Tensor::Of(DataType::kUint8, {static_cast<std::int64_t>(bytes.size())}, bytes);
}

// What a byte stands for: its low and its high half as signed numbers of four bits.
Tensor TableOfPairs() {
  std::vector<std::int8_t> table;
  for (int byte = 0; byte < 256; ++byte) {
    for (const int half : {byte & 0x0F, byte >> 4}) {
      table.push_back(static_cast<std::int8_t>(half < 8 ? half : half - 16));
    }
  }
  return Tensor::Of(DataType::kInt8, {256, 2}, table);
}

}  // namespace

Result<std::string> AddPackedNibbles(const Initializer& weight, TensorMaker codes,
                                     Emitter* emitter) {
  QB_TRY(const Names table, emitter->Once("pairs of nibbles", [&]() -> Result<Names> {
    return Names{emitter->AddInitializer("nibble_pairs", TableOfPairs())};
  }));
  const std::string bytes =
      emitter->AddDeferred(weight.name + "_nibbles", DataType::kUint8, {Elements(weight) / 2},
                           [codes = std::move(codes)] { return Packed(codes); });
  const std::string indices =
      emitter->Add("Cast", {bytes}, weight.name + "_pairs",
                   {Attribute::Int("to", static_cast<std::int64_t>(DataType::kInt32))});
  const std::string pairs = emitter->Add("Gather", {table[0], indices}, weight.name + "_unpacked");
  const auto rank = static_cast<std::int64_t>(weight.dims.size());
  const std::string shape = emitter->AddInitializer(
      weight.name + "_shape",
      Tensor::Of(DataType::kInt64, {rank}, std::vector<std::int64_t>(weight.dims)));
  return emitter->Add("Reshape", {pairs, shape}, weight.name + "_quantized");
}

}  // namespace quantbench
