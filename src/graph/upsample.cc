// ConvTranspose 2x2 with stride 2 as Conv 1x1 and movement.
#include "graph/upsample.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <unordered_set>

#include "quantbench/graph.h"

#include "graph/constant_conv.h"
#include "graph/shape_values.h"

namespace quantbench {
namespace {

// Absent, or all of its numbers are `value`.
bool IsAll(const Node& node, std::string_view attribute, std::int64_t value) {
  const Attribute* found = node.FindAttribute(attribute);
  return found == nullptr || std::all_of(found->ints.begin(), found->ints.end(),
                                         [&](std::int64_t number) { return number == value; });
}

bool OnlyEnlarges(const Node& node, const ConstantConv& conv) {
  const Shape& dims = conv.weight->dims;
  const Attribute* strides = node.FindAttribute("strides");
  const Attribute* padding = node.FindAttribute("auto_pad");
  return conv.groups == 1 && dims.size() == 4 && dims[2] == 2 && dims[3] == 2 &&
         (conv.bias == nullptr || conv.bias->dims[0] == dims[1]) && strides != nullptr &&
         strides->ints == Shape{2, 2} && IsAll(node, "kernel_shape", 2) && IsAll(node, "pads", 0) &&
         IsAll(node, "output_padding", 0) && IsAll(node, "dilations", 1) &&
         node.FindAttribute("output_shape") == nullptr &&
         (padding == nullptr || padding->s == "NOTSET" || padding->s == "VALID");
}

// W[i, o, dy, dx] as W'[(dy, dx, o), i, 0, 0].
Result<Tensor> Corners(const Initializer& weight) {
  QB_TRY(const FloatValues values, FloatValues::Of(weight));
  const std::int64_t inputs = weight.dims[0];
  const std::int64_t outputs = weight.dims[1];
  QB_TRY(Tensor tensor, Tensor::Make(DataType::kFloat32, {4 * outputs, inputs, 1, 1}));
  const std::span<float> to = tensor.As<float>();
  values.Read(0, values.size(), [&](std::span<const float> from) {
    for (std::int64_t place = 0; place < values.size(); ++place) {
      const std::int64_t corner = place % 4;  // dy, dx
      const std::int64_t o = place / 4 % outputs;
      const std::int64_t i = place / 4 / outputs;
      to[static_cast<std::size_t>((corner * outputs + o) * inputs + i)] =
          from[static_cast<std::size_t>(place)];
    }
  });
  return tensor;
}

// Made whenever it is read.
Initializer PointwiseWeight(const Initializer& weight, std::string name) {
  return Initializer::Deferred(std::move(name), DataType::kFloat32,
                               {4 * weight.dims[1], weight.dims[0], 1, 1},
                               [weight] { return Corners(weight); });
}

Result<Initializer> RepeatedBias(const Initializer& bias, std::string name) {
  QB_TRY(const FloatValues values, FloatValues::Of(bias));
  const std::vector<float> once = values.All();
  std::vector<float> repeated;
  for (int corner = 0; corner < 4; ++corner) {
    repeated.insert(repeated.end(), once.begin(), once.end());
  }
  return Initializer::Of(std::move(name), Tensor::OfFloats({4 * bias.dims[0]}, repeated));
}

// Plans on the graph as it is, then edits.
class Upsampling {
 public:
  explicit Upsampling(Model* model)
      : model_(*model),
        index_(model->graph),
        shapes_(model->graph, OnnxOpset(*model)),
        names_(model->graph) {}

  Result<std::int64_t> Run() {
    Graph& graph = model_.graph;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) QB_OK(Plan(i));
    if (instead_.empty()) return 0;
    std::vector<Node> nodes;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      const auto found = instead_.find(i);
      if (found == instead_.end()) {
        nodes.push_back(std::move(graph.nodes[i]));
      } else {
        std::move(found->second.begin(), found->second.end(), std::back_inserter(nodes));
      }
    }
    graph.nodes = std::move(nodes);
    std::move(made_.begin(), made_.end(), std::back_inserter(graph.initializers));
    RemoveUnread(replaced_, &graph);
    return static_cast<std::int64_t>(instead_.size());
  }

 private:
  Status Plan(std::size_t place) {
    const Node& node = model_.graph.nodes[place];
    const std::optional<ConstantConv> conv = ConstantConvOf(index_, node, "ConvTranspose");
    if (!conv || !OnlyEnlarges(node, *conv)) return Ok();
    const auto& shape = shapes_.Of(node.inputs[0]).shape;
    if (!shape || shape->size() != 4) return Ok();
    const std::int64_t height = (*shape)[2].constant().value_or(0);
    const std::int64_t width = (*shape)[3].constant().value_or(0);
    if (std::min(height, width) < 1 || std::max(height, width) > Algebra::kLargestSize) return Ok();
    QB_TRY(std::vector<Node> nodes, Pointwise(node, *conv));
    Move(node, height, width, conv->weight->dims[1], &nodes);
    instead_.emplace(place, std::move(nodes));
    return Ok();
  }

  Result<std::vector<Node>> Pointwise(const Node& node, const ConstantConv& conv) {
    const std::string output = names_.Fresh(node.outputs[0] + "_corners");
    std::vector<std::string> inputs = {node.inputs[0], names_.Fresh(node.inputs[1] + "_corners")};
    made_.push_back(PointwiseWeight(*conv.weight, inputs[1]));
    if (conv.bias != nullptr) {
      inputs.push_back(names_.Fresh(node.inputs[2] + "_corners"));
      QB_TRY(Initializer bias, RepeatedBias(*conv.bias, inputs[2]));
      made_.push_back(std::move(bias));
    }
    replaced_.insert(node.inputs.begin() + 1, node.inputs.end());
    return std::vector<Node>{MakeNode("Conv", node.name, std::move(inputs), {output},
                                      {Attribute::Ints("kernel_shape", {1, 1})})};
  }

  // [N, (dy, dx, o), h, w] to [N, o, (h, dy), (w, dx)].
  void Move(const Node& node, std::int64_t height, std::int64_t width, std::int64_t outputs,
            std::vector<Node>* nodes) {
    const std::string& result = node.outputs[0];
    const auto add = [&](std::string_view op_type, std::vector<std::string> more,
                         std::vector<Attribute> attributes, const std::string& output) {
      std::vector<std::string> inputs = {nodes->back().outputs[0]};
      inputs.insert(inputs.end(), more.begin(), more.end());
      nodes->push_back(MakeNode(op_type, names_.Fresh(output + "_move"), std::move(inputs),
                                {output}, std::move(attributes)));
    };
    const auto order = [](std::vector<std::int64_t> axes) {
      return std::vector{Attribute::Ints("perm", std::move(axes))};
    };
    add("Transpose", {}, order({0, 2, 3, 1}), names_.Fresh(result + "_last"));
    add("Reshape", {Target({0, height, width, 2, 2 * outputs})}, {},
        names_.Fresh(result + "_rows"));
    add("Transpose", {}, order({0, 1, 3, 2, 4}), names_.Fresh(result + "_woven"));
    add("Reshape", {Target({0, 2 * height, 2 * width, outputs})}, {},
        names_.Fresh(result + "_image"));
    add("Transpose", {}, order({0, 3, 1, 2}), result);
  }

  std::string Target(const Shape& dims) {
    const auto length = static_cast<std::int64_t>(dims.size());
    made_.push_back(Initializer::Of(names_.Fresh("upsampled_shape"),
                                    Tensor::Of(DataType::kInt64, {length}, dims)));
    return made_.back().name;
  }

  Model& model_;
  GraphIndex index_;
  ShapeValues shapes_;
  NameSource names_;
  std::map<std::size_t, std::vector<Node>> instead_;
  std::vector<Initializer> made_;
  std::unordered_set<std::string> replaced_;
};

}  // namespace

Result<std::int64_t> WriteUpsamplingAsConv(Model* model) {
  return Upsampling(model).Run();
}

}  // namespace quantbench
