// Lowering for integers: activations written with operators that have kernels on codes.
#include <cmath>

#include "quantbench/base/format.h"
#include "quantbench/graph.h"

#include "graph/interleave_shuffle.h"
#include "graph/pad_channels.h"
#include "graph/upsample.h"
#include "graph/widen_stem.h"

namespace quantbench {
namespace {

constexpr std::int64_t kClipInputsOpset = 11;  // before, bounds are attributes

using OutputNames = std::set<std::string, std::less<>>;

// Rewrites the activations of one graph but those of `floats`; new constants become initializers of
// it.
class Lowering {
 public:
  Lowering(std::int64_t opset, const OutputNames& floats, Graph* graph)
      : opset_(opset), floats_(floats), graph_(*graph), names_(*graph) {}

  // How many nodes were rewritten.
  std::int64_t Run() {
    std::vector<Node> nodes;
    std::int64_t lowered = 0;
    for (Node& node : graph_.nodes) {
      const std::size_t before = nodes.size();
      if (!Lower(node, &nodes)) {
        nodes.resize(before);
        nodes.push_back(std::move(node));
      } else {
        ++lowered;
      }
    }
    graph_.nodes = std::move(nodes);
    for (Initializer& constant : constants_) graph_.initializers.push_back(std::move(constant));
    return lowered;
  }

 private:
  bool Lower(const Node& node, std::vector<Node>* nodes) {
    if (node.inputs.size() != 1 || node.outputs.size() != 1) return false;
    if (floats_.contains(node.inputs[0])) return false;
    if (node.Is("HardSigmoid")) {
      const double alpha = node.FloatAttribute("alpha", 0.2F);
      const double beta = node.FloatAttribute("beta", 0.5F);
      if (!(alpha > 0) || !std::isfinite(alpha) || !std::isfinite(beta / alpha)) return false;
      HardSigmoid(node, alpha, beta, node.outputs[0], nodes);
      return true;
    }
    if (!node.Is("HardSwish")) return false;
    const std::string gate = names_.Fresh(node.outputs[0] + "_gate");
    HardSigmoid(node, 1.0 / 6, 0.5, gate, nodes);
    nodes->push_back(MakeNode("Mul", node.name, {node.inputs[0], gate}, {node.outputs[0]}));
    return true;
  }

  // max(0, min(1, a x + b)) = a clip(x + b / a, 0, 1 / a)
  void HardSigmoid(const Node& node, double alpha, double beta, const std::string& output,
                   std::vector<Node>* nodes) {
    const std::string shifted = names_.Fresh(output + "_shifted");
    const std::string clipped = names_.Fresh(output + "_clipped");
    nodes->push_back(MakeNode("Add", "", {node.inputs[0], Constant(beta / alpha)}, {shifted}));
    if (opset_ >= kClipInputsOpset) {
      nodes->push_back(
          MakeNode("Clip", "", {shifted, Constant(0), Constant(1 / alpha)}, {clipped}));
    } else {
      nodes->push_back(MakeNode(
          "Clip", "", {shifted}, {clipped},
          {Attribute::Float("min", 0), Attribute::Float("max", static_cast<float>(1 / alpha))}));
    }
    const std::string name = node.Is("HardSigmoid") ? node.name : "";
    nodes->push_back(MakeNode("Mul", name, {clipped, Constant(alpha)}, {output}));
  }

  std::string Constant(double value) {
    const auto number = static_cast<float>(value);
    const auto found = made_.find(number);
    if (found != made_.end()) return found->second;
    std::string name = names_.Fresh(Format("constant_{}", number));
    constants_.push_back(Initializer::Of(name, Tensor::OfFloats({}, {number})));
    return made_.emplace(number, std::move(name)).first->second;
  }

  std::int64_t opset_;
  const OutputNames& floats_;
  Graph& graph_;
  NameSource names_;
  std::map<float, std::string> made_;
  std::vector<Initializer> constants_;
};

}  // namespace

Status LowerForIntegers(Model* model, std::vector<std::string>* notes, const OutputNames& floats) {
  std::vector<std::string> ignored;
  if (notes == nullptr) notes = &ignored;
  const auto note = [&](std::int64_t count, std::string_view what) {
    if (count > 0) notes->push_back(Format("{} {}", count, what));
  };
  note(Lowering(OnnxOpset(*model), floats, &model->graph).Run(),
       "HardSwish and HardSigmoid written as Add, Clip and Mul, which have integer kernels");
  QB_TRY(const std::int64_t upsampled, WriteUpsamplingAsConv(model));
  note(upsampled, "ConvTranspose written as 1x1 Conv and movement, which have integer kernels");
  note(InterleaveShuffles(model), "channel shuffles written as interleaving Concat");
  QB_TRY(const std::int64_t padded, PadDepthwiseChannels(model));
  note(padded, "depthwise Conv padded with channels of zeros to a multiple of 16");
  QB_TRY(const std::int64_t widened, WidenStem(model, floats));
  note(widened, "first Conv given a fourth input channel of zeros");
  return Ok();
}

}  // namespace quantbench
