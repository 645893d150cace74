// Folding weights: one tensor at a time, in the order of the nodes, so that chains fold too.
#include "graph/fold_weights.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>
#include <unordered_map>

#include "quantbench/base/format.h"
#include "quantbench/graph.h"

#include "graph/permute.h"
#include "graph/remove_nodes.h"
#include "graph/shape_values.h"

namespace quantbench {
namespace {

constexpr std::int64_t kLarge = 4096;  // elements

bool IsReshaping(const Node& node) {
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

class Folder {
 public:
  explicit Folder(Model* model)
      : model_(*model),
        index_(model->graph),
        values_(model->graph, OnnxOpset(*model)),
        gone_(model->graph.nodes.size(), false) {}

  Status Run(std::vector<std::string>* notes) {
    for (std::size_t i = 0; i < model_.graph.nodes.size(); ++i) QB_OK(Visit(i));
    if (!shared_.empty()) {
      notes->push_back(
          Format("{} weights read in more than one form left as they are", shared_.size()));
    }
    const auto folded = std::count(gone_.begin(), gone_.end(), true);
    if (folded == 0) return Ok();
    Apply();
    notes->push_back(
        Format("{} Cast, Transpose, Reshape or such of weights computed ahead", folded));
    return Ok();
  }

 private:
  Status Visit(std::size_t i) {
    const Node& node = model_.graph.nodes[i];
    const std::optional<std::string> form = FormOf(node);
    if (!form) return Ok();
    const std::string& source = node.inputs[0];
    const bool large = Elements(*Find(source)) >= kLarge;
    if (large && !IsOnlyReadAs(source, *form)) {
      shared_.insert(source);
      return Ok();
    }
    gone_[i] = true;
    sources_.insert(node.inputs.begin(), node.inputs.end());
    const auto [first, is_new] = folded_.try_emplace(source + "\n" + *form, node.outputs[0]);
    if (!is_new) {
      renames_.emplace(node.outputs[0], first->second);
      return Ok();
    }
    QB_TRY(Initializer result, Fold(node, *Find(source)));
    made_.emplace(node.outputs[0], std::move(result));
    order_.push_back(node.outputs[0]);
    if (const auto link = made_.find(source); large && link != made_.end()) {
      link->second.data = {};  // nothing else reads it: not two copies at a time
      dropped_.insert(source);
    }
    return Ok();
  }

  const Initializer* Find(const std::string& given) const {
    const auto renamed = renames_.find(given);
    const std::string& name = renamed == renames_.end() ? given : renamed->second;
    const auto made = made_.find(name);
    return made == made_.end() ? index_.FindInitializer(name) : &made->second;
  }

  // What the node makes of its first input, as text; absent when it does not fold.
  std::optional<std::string> FormOf(const Node& node) const {
    if (node.inputs.empty() || node.outputs.size() != 1 || index_.IsGraphOutput(node.outputs[0])) {
      return std::nullopt;
    }
    const Initializer* source = Find(node.inputs[0]);
    if (source == nullptr) return std::nullopt;
    if (node.Is("Cast")) {
      const bool to_float = node.IntAttribute("to", 0) == static_cast<int>(DataType::kFloat32);
      if (!to_float || !CastsExactlyOrRounds(source->type)) return std::nullopt;
      return "float32";
    }
    if (node.Is("Transpose") && BitsPerElement(source->type) >= 8) {
      const auto order = OrderOf(node, source->dims.size());
      if (!order) return std::nullopt;
      return Format("order {}", ToString(std::span<const std::int64_t>(*order)));
    }
    if (!IsReshaping(node)) return std::nullopt;
    const auto shape = values_.Of(node.outputs[0]).ConstantShape();
    if (!shape || source->type == DataType::kString) return std::nullopt;
    const auto count = ElementCount(*shape);
    if (!count.ok() || count.value() != Elements(*source)) return std::nullopt;
    return Format("shape {}", ToString(std::span<const std::int64_t>(*shape)));
  }

  // The permutation of a Transpose; absent when it is none.
  static std::optional<Shape> OrderOf(const Node& transpose, std::size_t rank) {
    Shape axes(rank);
    std::iota(axes.begin(), axes.end(), 0);
    const Attribute* perm = transpose.FindAttribute("perm");
    if (perm == nullptr) return Shape(axes.rbegin(), axes.rend());
    if (!std::is_permutation(axes.begin(), axes.end(), perm->ints.begin(), perm->ints.end())) {
      return std::nullopt;
    }
    return perm->ints;
  }

  // Whether everything that reads it makes that of it.
  bool IsOnlyReadAs(const std::string& source, const std::string& form) {
    const auto [known, is_new] = only_read_as_.try_emplace(source, form);
    if (!is_new) return known->second == form;
    const auto readers = index_.Consumers(source);
    const bool one_form = std::all_of(readers.begin(), readers.end(), [&](std::int64_t reader) {
      const Node& node = model_.graph.nodes[static_cast<std::size_t>(reader)];
      return !node.inputs.empty() && node.inputs[0] == source && FormOf(node) == form;
    });
    if (!one_form || index_.IsGraphOutput(source)) known->second.clear();
    return one_form && !index_.IsGraphOutput(source);
  }

  Result<Initializer> Fold(const Node& node, const Initializer& source) const {
    const std::string& name = node.outputs[0];
    if (node.Is("Cast")) {
      return Initializer::Deferred(name, DataType::kFloat32, source.dims,
                                   [source] { return AsFloat32(source); });
    }
    if (node.Is("Transpose")) {
      return Permuted(source, *OrderOf(node, source.dims.size()), name);
    }
    const Shape dims = *values_.Of(name).ConstantShape();
    if (source.storage == Storage::kDeferred) {
      return Initializer::Deferred(name, source.type, dims, [source, dims]() -> Result<Tensor> {
        QB_TRY(Tensor made, ReadTensor(source));
        made.shape = dims;
        return made;
      });
    }
    Initializer reshaped = source;  // shares the numbers
    reshaped.name = name;
    reshaped.dims = dims;
    return reshaped;
  }

  void Apply() {
    Graph& graph = model_.graph;
    RemoveNodes(gone_, &graph);
    for (const std::string& name : order_) {
      if (dropped_.contains(name)) continue;
      graph.initializers.push_back(std::move(made_.at(name)));
    }
    RenameReads(renames_, &graph);
    sources_.insert(order_.begin(), order_.end());  // links within chains
    RemoveUnread(sources_, &graph);
  }

  Model& model_;
  const GraphIndex index_;
  const ShapeValues values_;
  std::vector<bool> gone_;
  std::unordered_map<std::string, Initializer> made_;
  std::vector<std::string> order_;
  std::unordered_map<std::string, std::string>
      folded_;  // source and form -> the name of the result
  std::map<std::string, std::string, std::less<>> renames_;
  std::unordered_set<std::string> sources_;
  std::unordered_map<std::string, std::string> only_read_as_;  // the one form, or ""
  std::unordered_set<std::string> shared_;
  std::unordered_set<std::string> dropped_;
};

}  // namespace

Status FoldWeights(Model* model, std::vector<std::string>* notes) {
  return Folder(model).Run(notes);
}

}  // namespace quantbench
