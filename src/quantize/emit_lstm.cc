// Emitting LSTM as the engine's DynamicQuantizeLSTM: int8 weights, activations quantized while it
// runs. [ONNX Runtime ContribOperators.md, com.microsoft.DynamicQuantizeLSTM]
#include "quantbench/base/format.h"

#include "quantize/emitter.h"
#include "quantize/weight_scales.h"

namespace quantbench {
namespace {

// One direction of [directions, rows, columns] as a matrix. `payload`: of the whole.
Initializer DirectionOf(const Initializer& weights, const Bytes& payload, std::int64_t direction) {
  Initializer matrix;
  matrix.name = weights.name;
  matrix.type = weights.type;
  matrix.dims = {weights.dims[1], weights.dims[2]};
  const auto size = static_cast<std::size_t>(Elements(matrix)) * sizeof(float);
  matrix.data =
      payload.Part(payload.view.subspan(static_cast<std::size_t>(direction) * size, size));
  return matrix;
}

// Codes [directions, columns, rows] of weights [directions, rows, columns]. `scales`: of all
// directions, one after the other.
Result<Tensor> CodesOf(const Initializer& weights, const std::vector<float>& scales,
                       Channels channels, int threads) {
  QB_TRY(const Bytes payload, PayloadOf(weights));
  const std::int64_t directions = weights.dims[0];
  const std::size_t each = scales.size() / static_cast<std::size_t>(directions);
  CodeLayout layout{channels};
  layout.transpose = true;
  QB_TRY(Tensor codes,
         Tensor::Make(DataType::kInt8, {directions, weights.dims[2], weights.dims[1]}));
  for (std::int64_t direction = 0; direction < directions; ++direction) {
    const Initializer matrix = DirectionOf(weights, payload, direction);
    const auto own = std::span(scales).subspan(static_cast<std::size_t>(direction) * each, each);
    QB_TRY(const Tensor part, QuantizeWeights(matrix, own, layout, threads));
    std::copy(part.bytes.begin(), part.bytes.end(),
              codes.bytes.begin() + direction * static_cast<std::ptrdiff_t>(part.bytes.size()));
  }
  return codes;
}

// Names of codes, of scales [directions, rows] (one a gate of a hidden unit) or [directions], and
// of zero points of the same shape.
Result<Names> MakeWeights(const Initializer& weights, bool per_channel, Emitter* emitter) {
  QB_TRY(const Bytes payload, PayloadOf(weights));
  const int threads = emitter->threads();
  const std::int64_t directions = weights.dims[0];
  std::vector<float> scales;
  WeightFacts facts;  // of parts of a payload that nobody else looks at
  for (std::int64_t direction = 0; direction < directions; ++direction) {
    const Initializer matrix = DirectionOf(weights, payload, direction);
    QB_TRY(const WeightScales chosen,
           ChooseRowScales(matrix, per_channel, emitter->plan().target, threads, &facts));
    scales.insert(scales.end(), chosen.scales.begin(), chosen.scales.end());
  }
  const Shape shape = per_channel ? Shape{directions, weights.dims[1]} : Shape{directions};
  const Channels channels = per_channel ? Channels::kRows : Channels::kNone;
  emitter->Replaced(weights.name);
  return Names{emitter->AddDeferred(weights.name + "_quantized", DataType::kInt8,
                                    {directions, weights.dims[2], weights.dims[1]},
                                    [weights, scales, channels, threads] {
                                      return CodesOf(weights, scales, channels, threads);
                                    }),
               emitter->AddInitializer(weights.name + "_scale", Tensor::OfFloats(shape, scales)),
               emitter->ZeroPoints(DataType::kInt8, shape)};
}

Result<Names> LstmWeights(const Initializer& weights, bool per_channel, Emitter* emitter) {
  Emitter* home = emitter->HomeOf(weights.name);
  return home->Once("LSTM " + weights.name,
                    [&] { return MakeWeights(weights, per_channel, home); });
}

}  // namespace

Status EmitLstm(const PlannedNode& planned, Emitter* emitter) {
  const Node& node = *planned.node;
  QB_TRY(const WeightedLayer layer, emitter->Inspect(planned));
  QB_TRY(const Names w, LstmWeights(*layer.weight, layer.per_channel, emitter));
  QB_TRY(const Names r, LstmWeights(*layer.recurrent, layer.per_channel, emitter));
  Node quantized = node;
  quantized.op_type = "DynamicQuantizeLSTM";
  quantized.origin = {};
  quantized.inputs.resize(8);  // X, W, R, B, sequence_lens, initial_h, initial_c, P
  quantized.inputs[1] = w[0];
  quantized.inputs[2] = r[0];
  for (const Names& params : {w, r}) {
    quantized.inputs.push_back(params[1]);
    quantized.inputs.push_back(params[2]);
  }
  emitter->AddContrib(std::move(quantized));
  return Ok();
}

}  // namespace quantbench
