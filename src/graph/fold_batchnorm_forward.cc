// Folding BatchNormalization forwards, into a Conv that pads nothing.
#include <algorithm>
#include <optional>

#include "quantbench/base/format.h"
#include "quantbench/graph.h"

#include "graph/batchnorm.h"
#include "graph/fold_batchnorm.h"
#include "graph/graph_pattern.h"
#include "graph/remove_nodes.h"

namespace quantbench {
namespace {

struct ForwardPair {
  std::size_t normalization = 0;
  std::size_t conv = 0;
  const Initializer* weight = nullptr;
  const Initializer* bias = nullptr;  // may be null
  std::int64_t groups = 1;
};

bool PadsNothing(const Node& conv) {
  const Attribute* automatic = conv.FindAttribute("auto_pad");
  if (automatic != nullptr && automatic->s == "VALID") return true;
  const Attribute* pads = conv.FindAttribute("pads");
  const bool none = pads == nullptr || std::all_of(pads->ints.begin(), pads->ints.end(),
                                                   [](std::int64_t pad) { return pad == 0; });
  return none && (automatic == nullptr || automatic->s == "NOTSET" || automatic->s.empty());
}

std::optional<ForwardPair> PairAt(const Graph& graph, const GraphIndex& index,
                                  std::size_t normalization) {
  const Node& node = graph.nodes[normalization];
  if (!node.Is("BatchNormalization") || node.outputs.empty()) return std::nullopt;
  const auto readers = index.Consumers(node.outputs[0]);
  if (readers.size() != 1 || index.IsGraphOutput(node.outputs[0])) return std::nullopt;
  ForwardPair pair{normalization, static_cast<std::size_t>(readers[0])};
  const Node& conv = graph.nodes[pair.conv];
  if (!conv.Is("Conv") || conv.inputs.size() < 2 || conv.inputs[0] != node.outputs[0] ||
      !PadsNothing(conv)) {
    return std::nullopt;
  }
  pair.groups = conv.IntAttribute("group", 1);
  pair.weight = index.FindInitializer(conv.inputs[1]);
  if (pair.weight == nullptr || pair.weight->type != DataType::kFloat32 ||
      pair.weight->dims.size() < 3 || Elements(*pair.weight) == 0 || pair.groups < 1 ||
      pair.weight->dims[0] % pair.groups != 0) {
    return std::nullopt;
  }
  if (conv.inputs.size() > 2 && !conv.inputs[2].empty()) {
    pair.bias = FloatVector(index, conv.inputs[2], pair.weight->dims[0]);
    if (pair.bias == nullptr) return std::nullopt;
  }
  return pair;
}

struct Folded {
  Tensor weight;
  std::vector<double> shift;  // what the shifts of the inputs add to each output
};

// Weights [O, I / groups, ..]: row o reads the inputs of its group.
Result<Folded> FoldInto(const ForwardPair& pair, const ChannelAffine& affine) {
  const Shape& dims = pair.weight->dims;
  const auto outputs = static_cast<std::size_t>(dims[0]);
  const auto inputs = static_cast<std::size_t>(dims[1]);
  const std::size_t per_group = outputs / static_cast<std::size_t>(pair.groups);
  Folded folded;
  folded.shift.assign(outputs, 0);
  QB_TRY(folded.weight, Tensor::Make(DataType::kFloat32, dims));
  QB_TRY(const FloatValues values, FloatValues::Of(*pair.weight));
  const std::span<float> to = folded.weight.As<float>();
  const std::size_t kernel = to.size() / outputs / inputs;
  values.Read(0, values.size(), [&](std::span<const float> from) {
    for (std::size_t i = 0; i < from.size(); ++i) {
      const std::size_t row = i / kernel / inputs;
      const std::size_t channel = row / per_group * inputs + i / kernel % inputs;
      to[i] = static_cast<float>(from[i] * affine.factor[channel]);
      folded.shift[row] += from[i] * affine.shift[channel];
    }
  });
  return folded;
}

class Forwarder {
 public:
  explicit Forwarder(Model* model)
      : model_(*model),
        index_(model->graph),
        names_(model->graph),
        gone_(model->graph.nodes.size(), false) {}

  Status Run(std::vector<std::string>* notes) {
    for (std::size_t i = 0; i < gone_.size(); ++i) QB_OK(Visit(i));
    if (edited_.empty()) return Ok();
    const std::size_t folded = edited_.size();
    Graph& graph = model_.graph;
    for (auto& [place, node] : edited_) graph.nodes[place] = std::move(node);
    RemoveNodes(gone_, &graph);
    for (Initializer& tensor : made_) graph.initializers.push_back(std::move(tensor));
    RemoveUnread(replaced_, &graph);
    notes->push_back(Format("BatchNormalization folded into {} Conv after it", folded));
    return Ok();
  }

 private:
  Status Visit(std::size_t i) {
    const Graph& graph = model_.graph;
    const std::optional<ForwardPair> pair = PairAt(graph, index_, i);
    if (!pair) return Ok();
    const Node& normalization = graph.nodes[i];
    QB_TRY(const auto affine,
           AffineOf(index_, normalization, pair->weight->dims[1] * pair->groups));
    if (!affine) return Ok();
    QB_TRY(Folded folded, FoldInto(*pair, *affine));
    const ChannelAffine moved = {std::vector<double>(folded.shift.size(), 1), folded.shift};
    Node conv = graph.nodes[pair->conv];
    const std::string bias_name = names_.Fresh(normalization.inputs[2] + "_folded");
    QB_TRY(Initializer bias, AffineBias(pair->bias, moved, bias_name));
    const std::string weight_name = names_.Fresh(pair->weight->name + "_folded");
    replaced_.insert(conv.inputs.begin() + 1, conv.inputs.end());
    replaced_.insert(normalization.inputs.begin() + 1, normalization.inputs.end());
    conv.inputs = {normalization.inputs[0], weight_name, bias_name};
    made_.push_back(Initializer::Of(weight_name, std::move(folded.weight)));
    made_.push_back(std::move(bias));
    gone_[i] = true;
    edited_.emplace_back(pair->conv, std::move(conv));
    return Ok();
  }

  Model& model_;
  const GraphIndex index_;
  NameSource names_;
  std::vector<bool> gone_;
  std::vector<std::pair<std::size_t, Node>> edited_;
  std::vector<Initializer> made_;
  std::unordered_set<std::string> replaced_;
};

}  // namespace

Status FoldBatchNormsForward(Model* model, std::vector<std::string>* notes) {
  if (!HasOperator(model->graph, "BatchNormalization")) return Ok();
  return Forwarder(model).Run(notes);
}

}  // namespace quantbench
