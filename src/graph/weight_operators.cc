// Moving constants: described first, computed when the numbers are asked for.
#include "graph/weight_operators.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

#include "quantbench/base/format.h"
#include "quantbench/graph.h"

#include "graph/permute.h"

namespace quantbench {
namespace {

using MoveKind = MovedWeights::Kind;

bool ChangesOnlyShape(const Node& node) {
  return node.Is("Reshape") || node.Is("Flatten") || node.Is("Squeeze") || node.Is("Unsqueeze");
}

bool CastsExactlyOrRounds(DataType from) {
  switch (from) {
    case DataType::kFloat16:
    case DataType::kBfloat16:
    case DataType::kFloat64:
    case DataType::kInt8:
    case DataType::kUint8:
    case DataType::kInt16:
    case DataType::kUint16:
    case DataType::kInt32:
    case DataType::kInt64: return true;
    default: return false;
  }
}

// Elements of type T, wherever they lie, as float32.
template <typename T, typename Convert>
void ConvertAll(std::span<const std::byte> from, std::span<float> to, const Convert& convert) {
  for (std::size_t i = 0; i < to.size(); ++i) {
    T value{};
    std::memcpy(&value, from.data() + i * sizeof(T), sizeof(T));
    to[i] = convert(value);
  }
}

template <typename T>
void ConvertNumbers(std::span<const std::byte> from, std::span<float> to) {
  ConvertAll<T>(from, to, [](T value) { return static_cast<float>(value); });
}

// To the nearest float32, ties to even   [ONNX Cast-13].
Result<Tensor> AsFloat32(const Initializer& tensor) {
  QB_TRY(const Bytes payload, PayloadOf(tensor));
  QB_TRY(Tensor result, Tensor::Make(DataType::kFloat32, tensor.dims));
  const std::span<float> to = result.As<float>();
  const std::span<const std::byte> from = payload.view;
  switch (tensor.type) {
    case DataType::kFloat16: ConvertAll<std::uint16_t>(from, to, HalfToFloat); break;
    case DataType::kBfloat16: ConvertAll<std::uint16_t>(from, to, BfloatToFloat); break;
    case DataType::kFloat64: ConvertNumbers<double>(from, to); break;
    case DataType::kInt8: ConvertNumbers<std::int8_t>(from, to); break;
    case DataType::kUint8: ConvertNumbers<std::uint8_t>(from, to); break;
    case DataType::kInt16: ConvertNumbers<std::int16_t>(from, to); break;
    case DataType::kUint16: ConvertNumbers<std::uint16_t>(from, to); break;
    case DataType::kInt32: ConvertNumbers<std::int32_t>(from, to); break;
    default: ConvertNumbers<std::int64_t>(from, to); break;
  }
  payload.Release(from);
  return result;
}

std::int64_t WidthOf(DataType type) {
  return BitsPerElement(type) / 8;
}

// Floats, which are weights, of whole bytes.
bool IsCutAndJoined(const Promise& source) {
  return IsFloatingPoint(source.type) && BitsPerElement(source.type) % 8 == 0;
}

Result<Tensor> TakeNumbers(const Initializer& source, const TakenElements& taken) {
  QB_TRY(Tensor result, Tensor::Make(source.type, taken.shape));
  if (result.bytes.empty()) return result;
  QB_TRY(const Bytes payload, PayloadOf(source));
  // What lies as densely in the source is copied at once.
  std::size_t outer = taken.shape.size();
  std::int64_t run = 1;
  while (outer > 0 && (taken.shape[outer - 1] == 1 || taken.strides[outer - 1] == run)) {
    run *= taken.shape[--outer];
  }
  const std::int64_t width = WidthOf(source.type);
  const auto run_bytes = static_cast<std::size_t>(run * width);
  std::vector<std::int64_t> index(outer, 0);
  for (std::byte* to = result.bytes.data();; to += run_bytes) {
    const std::int64_t from =
        std::inner_product(index.begin(), index.end(), taken.strides.begin(), taken.offset);
    std::memcpy(to, payload.view.data() + from * width, run_bytes);
    std::size_t i = outer;
    while (i > 0 && ++index[i - 1] == taken.shape[i - 1]) index[--i] = 0;
    if (i == 0) break;
  }
  payload.Release(payload.view);
  return result;
}

Result<Tensor> JoinNumbers(const std::vector<Initializer>& sources, std::size_t axis,
                           const Promise& joined) {
  QB_TRY(Tensor result, Tensor::Make(joined.type, joined.dims));
  if (result.bytes.empty()) return result;
  std::int64_t rows = 1;
  for (std::size_t i = 0; i < axis; ++i) rows *= joined.dims[i];
  const std::size_t row = result.bytes.size() / static_cast<std::size_t>(rows);
  std::size_t column = 0;
  for (const Initializer& source : sources) {
    QB_TRY(const Bytes payload, PayloadOf(source));
    const std::size_t part = payload.size() / static_cast<std::size_t>(rows);
    for (std::size_t i = 0; part > 0 && i < static_cast<std::size_t>(rows); ++i) {
      std::memcpy(result.bytes.data() + i * row + column, payload.view.data() + i * part, part);
    }
    column += part;
    payload.Release(payload.view);
  }
  return result;
}

// A node of one output.
MovedWeights Moved(MoveKind kind, const Node& node, DataType type, Shape dims) {
  MovedWeights moved;
  moved.kind = kind;
  moved.results.push_back({node.outputs[0], type, std::move(dims)});
  return moved;
}

// [ONNX Transpose-13]
std::optional<MovedWeights> Transposed(const Node& node, const Promise& source) {
  const int bits = BitsPerElement(source.type);
  if (bits < 8 || bits > 64) return std::nullopt;
  Shape order(source.dims.size());
  std::iota(order.begin(), order.end(), 0);
  const Attribute* perm = node.FindAttribute("perm");
  if (perm == nullptr) {
    std::reverse(order.begin(), order.end());
  } else if (std::is_permutation(order.begin(), order.end(), perm->ints.begin(),
                                 perm->ints.end())) {
    order = perm->ints;
  } else {
    return std::nullopt;
  }
  Shape dims;
  for (const std::int64_t axis : order) dims.push_back(source.dims[static_cast<std::size_t>(axis)]);
  MovedWeights moved = Moved(MoveKind::kPermute, node, source.type, std::move(dims));
  moved.order = std::move(order);
  return moved;
}

// [ONNX Concat-13]
std::optional<MovedWeights> Joined(const Node& node, std::span<const Promise> sources) {
  constexpr std::size_t kMost = 64;  // a hostile graph may have thousands of thousands of parts
  if (sources.size() > kMost) return std::nullopt;
  Shape dims = sources[0].dims;
  const auto rank = static_cast<std::int64_t>(dims.size());
  std::int64_t axis = node.IntAttribute("axis", rank);
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank) return std::nullopt;
  const auto place = static_cast<std::size_t>(axis);
  dims[place] = 0;
  for (const Promise& source : sources) {
    if (source.type != sources[0].type || source.dims.size() != dims.size()) return std::nullopt;
    for (std::size_t i = 0; i < dims.size(); ++i) {
      if (i != place && source.dims[i] != dims[i]) return std::nullopt;
    }
    dims[place] += source.dims[place];
  }
  if (!IsCutAndJoined(sources[0]) || !ByteCount(sources[0].type, dims).ok()) return std::nullopt;
  MovedWeights moved = Moved(MoveKind::kJoin, node, sources[0].type, std::move(dims));
  moved.axis = place;
  return moved;
}

}  // namespace

Initializer WithShape(const Initializer& initializer, std::string name, Shape dims) {
  if (initializer.storage == Storage::kDeferred) {
    return Initializer::Deferred(std::move(name), initializer.type, dims,
                                 [initializer, dims]() -> Result<Tensor> {
                                   QB_TRY(Tensor made, ReadTensor(initializer));
                                   made.shape = dims;
                                   return made;
                                 });
  }
  Initializer reshaped = initializer;
  reshaped.name = std::move(name);
  reshaped.dims = std::move(dims);
  return reshaped;
}

std::string MovedWeights::Form() const {
  const auto text = [](const Shape& numbers) {
    return ToString(std::span<const std::int64_t>(numbers));
  };
  switch (kind) {
    case MoveKind::kCast: return "float32";
    case MoveKind::kPermute: return Format("order {}", text(order));
    case MoveKind::kReshape: return Format("shape {}", text(results[0].dims));
    case MoveKind::kJoin: return Format("joined along {}", axis);
    case MoveKind::kTake: break;
  }
  std::string form;
  for (const TakenElements& part : taken) {
    form += Format("{} from {} by {} ", text(part.shape), part.offset, text(part.strides));
  }
  return form;
}

std::span<const std::string> WeightOperators::SourcesOf(const Node& node) {
  constexpr auto kOfTheFirst =
      std::to_array<std::string_view>({"Cast", "Transpose", "Slice", "Split"});
  if (node.inputs.empty() || node.outputs.empty() || !node.domain.empty()) return {};
  if (node.Is("Concat")) return node.inputs;
  const bool moves = ChangesOnlyShape(node) || std::find(kOfTheFirst.begin(), kOfTheFirst.end(),
                                                         node.op_type) != kOfTheFirst.end();
  return std::span(node.inputs).first(moves ? 1 : 0);
}

std::optional<MovedWeights> WeightOperators::Of(const Node& node,
                                                std::span<const Promise> sources) {
  const Promise& source = sources[0];
  if (node.Is("Split")) return Divided(node, source);
  if (node.outputs.size() != 1) return std::nullopt;
  if (node.Is("Concat")) return Joined(node, sources);
  if (node.Is("Transpose")) return Transposed(node, source);
  if (node.Is("Slice")) return Sliced(node, source);
  if (!node.Is("Cast")) return Reshaped(node, source);
  const bool to_float = node.IntAttribute("to", 0) == static_cast<int>(DataType::kFloat32);
  if (!to_float || !CastsExactlyOrRounds(source.type)) return std::nullopt;
  return Moved(MoveKind::kCast, node, DataType::kFloat32, source.dims);
}

std::optional<MovedWeights> WeightOperators::Reshaped(const Node& node,
                                                      const Promise& source) const {
  auto shape = values_.Of(node.outputs[0]).ConstantShape();
  if (!shape || source.type == DataType::kString) return std::nullopt;
  const auto before = ElementCount(source.dims);
  const auto after = ElementCount(*shape);
  if (!before.ok() || !after.ok() || before.value() != after.value()) return std::nullopt;
  return Moved(MoveKind::kReshape, node, source.type, std::move(*shape));
}

std::optional<MovedWeights> WeightOperators::Sliced(const Node& node, const Promise& source) {
  if (!IsCutAndJoined(source)) return std::nullopt;
  RuleContext context(node, opset_, &values_.algebra());
  for (const std::string& input : node.inputs) context.inputs.push_back(&values_.Of(input));
  auto taken = TakenBySlice(context, source.dims);
  if (!taken) return std::nullopt;
  MovedWeights moved = Moved(MoveKind::kTake, node, source.type, taken->shape);
  moved.taken = {std::move(*taken)};
  return moved;
}

// Parts of one axis, one after the other   [ONNX Split-18].
std::optional<MovedWeights> WeightOperators::Divided(const Node& node,
                                                     const Promise& source) const {
  const auto rank = static_cast<std::int64_t>(source.dims.size());
  std::int64_t axis = node.IntAttribute("axis", 0);
  if (axis < 0) axis += rank;
  if (!IsCutAndJoined(source) || axis < 0 || axis >= rank) return std::nullopt;
  const auto place = static_cast<std::size_t>(axis);
  const Shape strides = StridesOf(source.dims);
  MovedWeights moved;
  moved.kind = MoveKind::kTake;
  std::int64_t start = 0;
  for (const std::string& output : node.outputs) {
    const auto shape = values_.Of(output).ConstantShape();
    if (!shape || shape->size() != source.dims.size()) return std::nullopt;
    Shape whole = *shape;
    whole[place] = source.dims[place];
    const std::int64_t length = (*shape)[place];
    if (whole != source.dims || length < 0 || length > whole[place] - start) return std::nullopt;
    moved.taken.push_back({*shape, strides, start * strides[place]});
    moved.results.push_back({output, source.type, *shape});
    start += length;
  }
  return moved;
}

Result<std::vector<Initializer>> MoveWeights(const MovedWeights& moved,
                                             const std::vector<Initializer>& sources) {
  const Initializer& source = sources[0];
  const Promise& first = moved.results[0];
  std::vector<Initializer> made;
  switch (moved.kind) {
    case MoveKind::kCast:
      made.push_back(Initializer::Deferred(first.name, first.type, first.dims,
                                           [source] { return AsFloat32(source); }));
      break;
    case MoveKind::kPermute: {
      QB_TRY(Initializer permuted, Permuted(source, moved.order, first.name));
      made.push_back(std::move(permuted));
      break;
    }
    case MoveKind::kReshape: made.push_back(WithShape(source, first.name, first.dims)); break;
    case MoveKind::kJoin:
      made.push_back(Initializer::Deferred(first.name, first.type, first.dims,
                                           [sources, axis = moved.axis, joined = first] {
                                             return JoinNumbers(sources, axis, joined);
                                           }));
      break;
    case MoveKind::kTake:
      for (std::size_t i = 0; i < moved.results.size(); ++i) {
        const Promise& result = moved.results[i];
        made.push_back(Initializer::Deferred(
            result.name, result.type, result.dims,
            [source, taken = moved.taken[i]] { return TakeNumbers(source, taken); }));
      }
  }
  return made;
}

}  // namespace quantbench
